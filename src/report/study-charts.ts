/** Accuracies at equal bytes over depth, and what following each predictor costs. */
import type { TopLevelSpec } from 'vega-lite';
import type { CellResult } from '../evaluate/study.js';
import { chartFrame } from './analysis-charts.js';
import { nameAxis, type Unit } from './chart-panels.js';
import { lightColour } from './palette.js';
import { plainText, shorten } from './phrases.js';
import { namePredictor } from './study-phrases.js';

const LABEL_LENGTH = 24;
const STEP = 62;

const percent = (share: number): number => Number((100 * share).toPrecision(6));

/** Accuracy of every cut with its interval; the whole network as a line; hollow where the bytes are not the target. */
export function chartCuts(result: CellResult): TopLevelSpec {
  const rows = result.cuts.map(({ accuracy, atTarget }, at) => ({
    at,
    y: percent(accuracy.value),
    low: percent(accuracy.interval[0]),
    high: percent(accuracy.interval[1]),
    atTarget,
  }));
  const names = result.cuts.map(
    ({ id, headShare }) => `${shorten(plainText(id), LABEL_LENGTH)}, ${(100 * headShare).toFixed(0)} %`,
  );
  const x: Unit = {
    field: 'at',
    type: 'ordinal',
    scale: { type: 'band', domain: rows.map((_, i) => i) },
    axis: nameAxis(true),
  };
  const y = (field: string): Unit => ({
    field,
    type: 'quantitative',
    scale: { zero: false, nice: true },
    axis: { title: `accuracy at ${result.targetBytes} B, %, with 95 % interval`, grid: true, tickCount: 6 },
  });
  const accent = lightColour('accent');
  const dots = (atTarget: boolean): Unit => ({
    data: { values: rows.filter((row) => row.atTarget === atTarget) },
    mark: {
      type: 'point',
      shape: 'circle',
      size: 60,
      opacity: 1,
      stroke: accent,
      fill: atTarget ? accent : lightColour('paper'),
    },
    encoding: { x, y: y('y') },
  });
  return {
    ...chartFrame(),
    params: [{ name: 'names', value: names }],
    width: Math.max(420, rows.length * STEP),
    height: 260,
    layer: [
      {
        data: { values: [{ y: percent(result.fullAccuracy) }] },
        mark: { type: 'rule', color: lightColour('limit'), strokeDash: [6, 4], strokeWidth: 1.5 },
        encoding: { y: y('y') },
      },
      {
        data: { values: rows },
        mark: { type: 'rule', color: accent, strokeWidth: 1.5 },
        encoding: { x, y: y('low'), y2: { field: 'high' } },
      },
      ...[true, false].filter((at) => rows.some(({ atTarget }) => atTarget === at)).map(dots),
    ],
  } as unknown as TopLevelSpec;
}

/** ρ and regret of each predictor with intervals, side by side; the ceiling of ρ as a line. undefined without predictors. */
export function chartPredictors(result: CellResult): TopLevelSpec {
  const names = result.predictors.map(({ predictor }) => namePredictor(predictor));
  const y = (shown: boolean): Unit => ({
    field: 'name',
    type: 'nominal',
    sort: names,
    axis: shown ? { title: null, labelLimit: 0, ticks: false } : { title: null, labels: false, ticks: false },
  });
  const rhos = result.predictors.flatMap(({ rho, predictor }) =>
    rho
      ? [
          {
            name: namePredictor(predictor),
            x: round(rho.value),
            low: round(rho.interval[0]),
            high: round(rho.interval[1]),
          },
        ]
      : [],
  );
  const regrets = result.predictors.flatMap(({ predictor, regrets: all }) => {
    const last = all.at(-1)?.regret;
    return last
      ? [
          {
            name: namePredictor(predictor),
            x: percent(last.value),
            low: percent(last.interval[0]),
            high: percent(last.interval[1]),
          },
        ]
      : [];
  });
  const panel = (title: string, values: readonly Unit[], shown: boolean, lines: readonly number[]): Unit => {
    const x = (field: string): Unit => ({
      field,
      type: 'quantitative',
      scale: { nice: true, zero: true },
      axis: { title, grid: true, tickCount: 5 },
    });
    return {
      width: 330,
      height: 24 * names.length,
      layer: [
        ...lines.map(
          (at): Unit => ({
            data: { values: [{ x: at }] },
            mark: { type: 'rule', color: lightColour('limit'), strokeDash: [6, 4], strokeWidth: 1.5 },
            encoding: { x: x('x') },
          }),
        ),
        {
          data: { values },
          mark: { type: 'rule', color: lightColour('accent'), strokeWidth: 1.5 },
          encoding: { y: y(shown), x: x('low'), x2: { field: 'high' } },
        },
        {
          data: { values },
          mark: {
            type: 'point',
            shape: 'circle',
            size: 55,
            opacity: 1,
            stroke: lightColour('accent'),
            fill: lightColour('accent'),
          },
          encoding: { y: y(shown), x: x('x') },
        },
      ],
    };
  };
  return {
    ...chartFrame(),
    spacing: 28,
    hconcat: [
      panel(
        'rank correlation with accuracy',
        rhos,
        true,
        result.reliability ? [round(result.reliability.ceiling)] : [],
      ),
      panel('points lost by following it, any head', regrets, false, []),
    ],
  } as unknown as TopLevelSpec;
}

function round(value: number): number {
  return Number(value.toPrecision(6));
}
