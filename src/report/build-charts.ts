/** Charts of a build's report. */
import type { TopLevelSpec } from 'vega-lite';
import type { Evaluation, Variant } from '../evaluate/evaluation.js';
import { VARIANTS } from '../evaluate/tally.js';
import type { Budgets } from '../plan/budgets.js';
import type { HeadSize } from '../plan/split-plan.js';
import type { QuantizationReport, TensorError } from '../quantize/quantized-model.js';
import { chartFrame } from './analysis-charts.js';
import { nameAxis, type Unit } from './chart-panels.js';
import { lightColour } from './palette.js';
import { plainText, shorten } from './phrases.js';

const WIDTH = 760;
const WIDE = 918;
const STEP = 16;
const NAME_LENGTH = 24;
const ROW_HEIGHT = 34;

const ROW_AXIS = { title: null, ticks: false, domain: false, labelLimit: 0, labelPadding: 8 };
const ROWS = { minExtent: 150, maxExtent: 150 };

/** Names as they stand beside the rows of the accuracy chart. */
const SHORT_NAMES: Readonly<Record<Variant, string>> = {
  full: 'whole network, float32',
  splitFloat: 'split, float32',
  splitInt8: 'split, int8 head',
};

/** Accuracy of each variant that was run, with its 95 % interval. */
export function chartAccuracy(evaluation: Evaluation): TopLevelSpec {
  const rows = VARIANTS.flatMap((variant) => {
    const [accuracy, interval] = [evaluation.accuracy[variant], evaluation.intervals[variant]];
    if (accuracy === null || interval === null) return [];
    return [
      { name: SHORT_NAMES[variant], at: percent(accuracy), low: percent(interval[0]), high: percent(interval[1]) },
    ];
  });
  const x = (field: string): Unit => ({
    field,
    type: 'quantitative',
    scale: { zero: false, nice: true },
    axis: { title: 'accuracy, %, with 95 % interval', grid: true, tickCount: 8 },
  });
  const y = { field: 'name', type: 'nominal', sort: null, axis: { ...ROW_AXIS, ...ROWS } };
  return {
    ...chartFrame(),
    width: WIDTH - ROWS.minExtent,
    height: ROW_HEIGHT * rows.length,
    data: { values: rows },
    layer: [
      {
        mark: { type: 'rule', color: lightColour('muted'), strokeWidth: 2 },
        encoding: { x: x('low'), x2: { field: 'high' }, y },
      },
      {
        mark: {
          type: 'point',
          shape: 'circle',
          size: 80,
          opacity: 1,
          stroke: lightColour('accent'),
          fill: lightColour('accent'),
        },
        encoding: { x: x('at'), y },
      },
    ],
  } as unknown as TopLevelSpec;
}

/** Flash and RAM of the head, and the limits that were asked for. */
export function chartSizes(size: HeadSize, budgets: Budgets): TopLevelSpec {
  const bars = [
    { row: 'flash', part: 'weights', from: 0, to: size.weightBytes },
    { row: 'flash', part: 'code', from: size.weightBytes, to: size.flashBytes },
    { row: 'RAM', part: 'arena', from: 0, to: size.ramBytes },
    { row: 'together', part: 'weights', from: 0, to: size.weightBytes },
    { row: 'together', part: 'code', from: size.weightBytes, to: size.flashBytes },
    { row: 'together', part: 'arena', from: size.flashBytes, to: size.flashBytes + size.ramBytes },
  ].map((bar) => ({ ...bar, from: bar.from / 1024, to: bar.to / 1024 }));
  const most = (size.flashBytes + size.ramBytes) / 1024;
  const limits = (
    [
      ['flash', budgets.flashBytes],
      ['RAM', budgets.ramBytes],
      ['together', budgets.totalBytes],
    ] as const
  ).flatMap(([row, bytes]) => (bytes === undefined || bytes / 1024 > 2.5 * most ? [] : [{ row, at: bytes / 1024 }]));
  const axis = { title: 'KiB', grid: true, labelExpr: "replace(format(datum.value, ',~f'), /,/g, ' ')" };
  const x = (field: string): Unit => ({ field, type: 'quantitative', axis, scale: { zero: true, nice: true } });
  const y = { field: 'row', type: 'nominal', sort: ['flash', 'RAM', 'together'], axis: ROW_AXIS };
  const part = (name: string, colour: 'head' | 'encode' | 'link'): Unit => ({
    data: { values: bars.filter((bar) => bar.part === name) },
    mark: { type: 'bar', height: { band: 0.6 }, fill: lightColour(colour) },
    encoding: { x: x('from'), x2: { field: 'to' }, y },
  });
  const rules: Unit[] =
    limits.length === 0
      ? []
      : [
          {
            data: { values: limits },
            mark: { type: 'tick', color: lightColour('limit'), thickness: 2, height: { band: 0.95 } },
            encoding: { x: x('at'), y },
          },
        ];
  return {
    ...chartFrame(),
    width: WIDTH - ROWS.minExtent,
    height: ROW_HEIGHT * 3,
    layer: [part('weights', 'head'), part('code', 'encode'), part('arena', 'link'), ...rules],
  } as unknown as TopLevelSpec;
}

/** SQNR and share of saturated values of every tensor of the head, in the order of the graph. */
export function chartQuantization(report: QuantizationReport): TopLevelSpec {
  const worst = new Set(report.worst);
  const rows = report.tensors.map((tensor, at) => ({
    at,
    sqnr: tensor.sqnrDb === null ? null : round(tensor.sqnrDb),
    saturated: round(100 * tensor.saturated),
    worst: worst.has(tensor.id),
  }));
  const x = (last: boolean): Unit => ({
    field: 'at',
    type: 'ordinal',
    scale: { type: 'band', domain: rows.map((row) => row.at), paddingInner: 0.28, paddingOuter: 0.14 },
    axis: nameAxis(last),
  });
  const bars = (field: string, which: boolean, colour: 'accent' | 'second'): Unit => ({
    data: { values: rows.filter((row) => row.worst === which && row[field as 'sqnr'] !== null) },
    mark: { type: 'bar', fill: lightColour(colour) },
    encoding: {
      y: { field, type: 'quantitative', axis: { title: null, tickCount: 4 }, scale: { zero: true } },
    },
  });
  const panel = (title: string, field: string, height: number, last: boolean): Unit => ({
    title: { text: title },
    width: Math.max(WIDE, rows.length * STEP),
    height,
    encoding: { x: x(last) },
    layer: [bars(field, false, 'accent'), bars(field, true, 'second')].filter(
      (layer) => (layer.data as { values: readonly unknown[] }).values.length > 0,
    ),
  });
  const panels = [panel('SQNR, dB: signal to quantization error, higher is better', 'sqnr', 150, false)];
  panels.push(panel('values at −128 or 127, %', 'saturated', 80, true));
  return {
    ...chartFrame(),
    params: [{ name: 'names', value: report.tensors.map(nameTensor) }],
    spacing: 30,
    bounds: 'flush',
    vconcat: panels.filter((one) => (one.layer as readonly unknown[]).length > 0),
  } as unknown as TopLevelSpec;
}

function nameTensor(tensor: TensorError): string {
  return shorten(plainText(tensor.id), NAME_LENGTH);
}

const percent = (share: number): number => round(100 * share);

function round(value: number): number {
  return Number(value.toPrecision(6));
}
