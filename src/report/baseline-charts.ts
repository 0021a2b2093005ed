/** Accuracy against bytes: the split among simpler ideas. */
import type { TopLevelSpec } from 'vega-lite';
import type { BaselineCurve, Evaluation } from '../evaluate/evaluation.js';
import { chartFrame } from './analysis-charts.js';
import type { Unit } from './chart-panels.js';
import { type Colour, lightColour } from './palette.js';

const WIDTH = 860;
const HEIGHT = 340;

/** How a curve is drawn: told apart by shape and dashes as well as by colour. */
export interface CurveStyle {
  readonly colour: Colour;
  readonly shape: 'circle' | 'square' | 'triangle-up' | 'diamond' | 'cross';
  readonly dash: readonly number[];
}

export const SPLIT_STYLE: CurveStyle = { colour: 'limit', shape: 'diamond', dash: [] };

export function curveStyle({ id, fineTuned }: BaselineCurve): CurveStyle {
  const dash = fineTuned ? [5, 4] : [];
  switch (id) {
    case 'jpeg':
      return { colour: 'accent', shape: 'circle', dash };
    case 'webp':
      return { colour: 'second', shape: 'square', dash };
    case 'raw-activation':
      return { colour: 'encode', shape: 'triangle-up', dash };
    case 'on-gateway':
      return { colour: 'tail', shape: 'cross', dash };
    default:
      return { colour: 'ink', shape: 'cross', dash: id === 'on-device' ? [2, 3] : [8, 3, 2, 3] };
  }
}

/** Bytes on a logarithmic axis; what sends nothing is a line across. undefined when there is nothing to draw. */
export function chartBaselines(evaluation: Evaluation): TopLevelSpec | undefined {
  const curves = evaluation.baselines ?? [];
  const { accuracy, intervals, wireBytes } = evaluation;
  if (curves.length === 0 || accuracy.splitInt8 === null || intervals.splitInt8 === null) return undefined;
  const [low, high] = intervals.splitInt8;
  const split = { bytes: wireBytes.mean, at: percent(accuracy.splitInt8), low: percent(low), high: percent(high) };
  return {
    ...chartFrame(),
    width: WIDTH,
    height: HEIGHT,
    layer: [...curves.flatMap(drawCurve), ...drawPoint([split], SPLIT_STYLE, 170)],
  } as unknown as TopLevelSpec;
}

interface Row {
  readonly bytes: number;
  readonly at: number;
  readonly low: number;
  readonly high: number;
}

function drawCurve(curve: BaselineCurve): Unit[] {
  const style = curveStyle(curve);
  const rows = curve.points.flatMap(({ accuracy, bytesMean, interval }): Row[] => {
    if (accuracy === null || bytesMean === null) return [];
    const [low, high] = interval ?? [accuracy, accuracy];
    return [{ bytes: bytesMean, at: percent(accuracy), low: percent(low), high: percent(high) }];
  });
  const sent = rows.filter((row) => row.bytes > 0);
  if (rows.length === 0) return [];
  if (sent.length === 0) {
    return [
      {
        data: { values: rows },
        mark: { type: 'rule', color: lightColour(style.colour), strokeDash: style.dash, strokeWidth: 1.5 },
        encoding: { y: y('at') },
      },
    ];
  }
  const line: Unit = {
    data: { values: sent },
    mark: { type: 'line', color: lightColour(style.colour), strokeDash: style.dash, strokeWidth: 1.5 },
    encoding: { x, y: y('at') },
  };
  return [...(sent.length > 1 ? [line] : []), ...drawPoint(sent, style, 60)];
}

function drawPoint(rows: readonly Row[], { colour, shape }: CurveStyle, size: number): Unit[] {
  const data = { values: rows };
  return [
    {
      data,
      mark: { type: 'rule', color: lightColour(colour), strokeWidth: 1, opacity: 0.55 },
      encoding: { x, y: y('low'), y2: { field: 'high' } },
    },
    {
      data,
      mark: { type: 'point', shape, size, opacity: 1, stroke: lightColour(colour), fill: lightColour(colour) },
      encoding: { x, y: y('at') },
    },
  ];
}

const x: Unit = {
  field: 'bytes',
  type: 'quantitative',
  scale: { type: 'log', nice: false, padding: 24 },
  axis: {
    title: 'payload of one inference, B, logarithmic',
    grid: true,
    labelExpr: "replace(format(datum.value, ',~f'), /,/g, ' ')",
    tickCount: 8,
  },
};

function y(field: string): Unit {
  return {
    field,
    type: 'quantitative',
    scale: { zero: false, nice: true },
    axis: { title: 'accuracy, %, with 95 % interval', grid: true, tickCount: 7 },
  };
}

const percent = (share: number): number => Number((100 * share).toPrecision(6));
