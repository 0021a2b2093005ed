/** The panels that stand under one another on the axis of depth. */
import { formatCount } from '../core/units.js';
import type { Analysis, AnalyzedCut } from '../plan/analysis.js';
import type { Reason } from '../plan/feasibility.js';
import { lightColour } from './palette.js';
import { isSingle, log10CuiSum } from './phrases.js';

/** Classes drawn thin behind the curve; more would hide it. */
export const CLASSES_SHOWN = 12;
export const LATENCY_PARTS = ['head', 'encode', 'link', 'tail'] as const;

/** Digits in groups of three, as everywhere else. */
const COUNT_LABELS = "replace(format(datum.value, ',~f'), /,/g, ' ')";
/** A logarithmic axis names powers of ten only. */
const LOG_LABELS = `abs(log(datum.value) / LN10 - round(log(datum.value) / LN10)) < 1e-6 ? ${COUNT_LABELS} : ''`;

/** A piece of a Vega-Lite specification. */
export type Unit = Record<string, unknown>;

/** Axis of names, one a band, taken from the chart's parameter `names`; only the last of stacked panels shows them. */
export function nameAxis(shown: boolean): Unit {
  if (!shown) return { title: null, labels: false, ticks: false, grid: false };
  return {
    title: null,
    labelExpr: 'names[datum.value]',
    labelAngle: -50,
    labelAlign: 'right',
    labelBaseline: 'middle',
    labelLimit: 0,
    labelOverlap: false,
    grid: false,
    ticks: true,
  };
}

export interface Panel {
  readonly title: string;
  readonly height: number;
  readonly layers: readonly Unit[];
}

/** One position on the shared axis: a layer, with its cut when there is one. */
export interface Position {
  readonly id: string;
  readonly log10Cui: number | null;
  readonly log10CuiSum: number | null;
  readonly cut: AnalyzedCut | undefined;
}

/** The classes with the most samples. */
export function chooseClasses(analysis: Analysis): Analysis['perClass'] {
  return [...analysis.perClass].sort((a, b) => b.samples - a.samples || a.class - b.class).slice(0, CLASSES_SHOWN);
}

/** A limit of a resource: the smallest one that a budget sets or a rejected cut ran into. undefined = none known. */
export function findLimit(
  analysis: Analysis,
  budget: number | undefined,
  codes: readonly Reason['code'][],
): number | undefined {
  const met = analysis.cuts.flatMap((cut) => cut.reasons.filter((r) => codes.includes(r.code)).map((r) => r.has));
  const all = budget === undefined ? met : [...met, budget];
  return all.length === 0 ? undefined : all.reduce((least, v) => Math.min(least, v));
}

export function listPositions(analysis: Analysis): Position[] {
  const cuts = new Map(analysis.cuts.filter(isSingle).map((cut) => [cut.tensors[0] as string, cut]));
  const layers = analysis.layers.map((layer) => ({ ...layer, cut: cuts.get(layer.id) }));
  const known = new Set(layers.map((layer) => layer.id));
  const others = [...cuts].filter(([id]) => !known.has(id)).map(([id, cut]) => ({ ...cut, id, cut }));
  return [...layers, ...others].map(({ id, log10Cui, cuiSum, cut }) => ({
    id: cut?.id ?? id,
    log10Cui,
    log10CuiSum: log10CuiSum({ cuiSum }),
    cut,
  }));
}

function quantity(field: string, more: Unit = {}): Unit {
  return {
    field,
    type: 'quantitative',
    axis: { title: null, tickCount: 4, ...((more.axis as Unit | undefined) ?? {}) },
    scale: { zero: true, ...((more.scale as Unit | undefined) ?? {}) },
  };
}

function curveLayers(values: readonly Unit[], colour: string): Unit[] {
  const y = quantity('y', { scale: { zero: false } });
  const on = values.filter((v) => v.cut === true);
  const mark = (rows: readonly Unit[], settings: Unit): Unit => ({
    data: { values: rows },
    mark: { type: 'point', opacity: 1, strokeWidth: 1.5, ...settings },
    encoding: { y },
  });
  return [
    { data: { values: on }, mark: { type: 'line', color: colour, strokeWidth: 2 }, encoding: { y } },
    mark(
      values.filter((v) => v.cut === false),
      { shape: 'circle', size: 22, stroke: lightColour('rejected'), fill: lightColour('paper') },
    ),
    mark(
      on.filter((v) => v.peak !== true),
      { shape: 'circle', size: 26, stroke: colour, fill: colour },
    ),
    mark(
      on.filter((v) => v.peak === true),
      { shape: 'diamond', size: 130, stroke: lightColour('paper'), fill: colour },
    ),
  ].filter((layer) => (layer.data as { values: readonly unknown[] }).values.length > 0);
}

export function cuiPanel(
  analysis: Analysis,
  positions: readonly Position[],
  index: ReadonlyMap<string, number>,
): Panel {
  const single = analysis.cuts.filter(isSingle);
  const classes = chooseClasses(analysis).flatMap((row) =>
    row.log10Cui.flatMap((y, i) => {
      const at = index.get(single[i]?.id ?? '');
      return y === null || at === undefined ? [] : [{ at, y: round(y), of: row.class }];
    }),
  );
  const values = positions.flatMap((p, at) =>
    p.log10Cui === null
      ? []
      : [{ at, y: round(p.log10Cui), cut: p.cut !== undefined, peak: p.cut?.localMaximum === true }],
  );
  const thin: Unit[] =
    classes.length === 0
      ? []
      : [
          {
            data: { values: classes },
            mark: { type: 'line', color: lightColour('classLine'), strokeWidth: 1 },
            encoding: { y: quantity('y', { scale: { zero: false } }), detail: { field: 'of', type: 'nominal' } },
          },
        ];
  return { title: 'log10 CUI', height: 210, layers: [...thin, ...curveLayers(values, lightColour('accent'))] };
}

export function sizeFreePanel(positions: readonly Position[]): Panel {
  const values = positions.flatMap((p, at) =>
    p.log10CuiSum === null ? [] : [{ at, y: round(p.log10CuiSum), cut: p.cut !== undefined, peak: false }],
  );
  return {
    title: 'size-free: log10 of CUI · H · W · C',
    height: 120,
    layers: curveLayers(values, lightColour('second')),
  };
}

export function costPanels(analysis: Analysis, positions: readonly Position[]): Panel[] {
  const { budgets, model } = analysis;
  const panel = (
    title: string,
    unit: string,
    value: (cut: AnalyzedCut) => number,
    limit: number | undefined,
    log = false,
  ): Panel => {
    const rows = positions.flatMap((p, at) => (p.cut ? [{ at, y: round(value(p.cut)), fits: p.cut.feasible }] : []));
    const most = rows.reduce((high, row) => Math.max(high, row.y), 0);
    // A limit far above every bar would flatten them all.
    const drawn = limit !== undefined && limit <= most * 2.5;
    const scale: Unit = log
      ? { type: 'log', zero: false, nice: true, domainMin: logFloor(rows.map((row) => row.y)) }
      : { zero: true };
    const y = quantity('y', {
      scale,
      axis: { labelExpr: log ? LOG_LABELS : COUNT_LABELS, tickCount: 3 },
    });
    const bars = (fits: boolean, mark: Unit): Unit => ({
      data: { values: rows.filter((row) => row.fits === fits) },
      mark: { type: 'bar', ...mark },
      encoding: { y, ...(log ? { y2: { datum: logFloor(rows.map((row) => row.y)) } } : {}) },
    });
    const note = limit === undefined ? '' : ` — limit ${formatLimit(limit)} ${unit}${drawn ? '' : ', above the chart'}`;
    return {
      title: `${title}, ${unit}${note}`,
      height: 84,
      layers: [
        bars(true, { fill: lightColour('accent'), stroke: lightColour('accent') }),
        bars(false, { fill: lightColour('paper'), stroke: lightColour('rejected'), strokeDash: [3, 2] }),
        ...(drawn
          ? [
              {
                data: { values: [{ y: limit }] },
                mark: { type: 'rule', color: lightColour('limit'), strokeWidth: 1.5 },
                encoding: { x: null, y },
              },
            ]
          : []),
      ].filter((layer) => (layer.data as { values: readonly unknown[] }).values.length > 0),
    };
  };
  const kib = (bytes: number | undefined): number | undefined => (bytes === undefined ? undefined : bytes / 1024);
  const whole = Math.max(model.macs, 1);
  return [
    panel(
      'MACs on the device',
      '%',
      (cut) => (100 * cut.headMacs) / whole,
      budgets.macs === undefined ? undefined : (100 * budgets.macs) / whole,
    ),
    panel(
      'RAM (arena)',
      'KiB',
      (cut) => cut.arenaBytes / 1024,
      kib(findLimit(analysis, budgets.ramBytes, ['arena-block', 'ram-total', 'budget-ram'])),
    ),
    panel(
      'flash (weights and code)',
      'KiB',
      (cut) => cut.flashBytes / 1024,
      kib(findLimit(analysis, budgets.flashBytes, ['flash', 'budget-flash'])),
    ),
    panel(
      'raw bytes on the wire',
      'B, logarithmic',
      (cut) => cut.wireBytes,
      findLimit(analysis, budgets.wireBytes, ['budget-wire']),
      true,
    ),
  ];
}

function logFloor(values: readonly number[]): number {
  const least = values.reduce((low, v) => Math.min(low, v), Number.POSITIVE_INFINITY);
  return Number.isFinite(least) && least > 0 ? 10 ** Math.floor(Math.log10(least) - 0.3) : 1;
}

export function latencyPanel(analysis: Analysis, positions: readonly Position[]): Panel[] {
  let longest = 0;
  const rows = positions.flatMap((p, at) => {
    const latency = p.cut?.latencyUs;
    if (!latency) return [];
    longest = Math.max(longest, latency.total);
    let from = 0;
    return LATENCY_PARTS.map((part) => {
      const start = from;
      from += latency[part];
      return { at, part, y: round(start / 1000), y2: round(from / 1000) };
    });
  });
  if (rows.length === 0) return [];
  const limitMs = analysis.budgets.latencyUs === undefined ? undefined : analysis.budgets.latencyUs / 1000;
  const drawn = limitMs !== undefined && limitMs * 1000 <= longest * 2.5;
  const y = quantity('y', { axis: { labelExpr: COUNT_LABELS, tickCount: 5 } });
  const note = limitMs === undefined ? '' : ` — limit ${formatLimit(limitMs)} ms${drawn ? '' : ', above the chart'}`;
  return [
    {
      title: `latency, ms, estimate: head + encode + link + tail${note}`,
      height: 150,
      layers: [
        ...LATENCY_PARTS.map((part) => ({
          data: { values: rows.filter((row) => row.part === part) },
          mark: { type: 'bar', fill: lightColour(part) },
          encoding: { y, y2: { field: 'y2' } },
        })),
        ...(drawn
          ? [
              {
                data: { values: [{ y: limitMs }] },
                mark: { type: 'rule', color: lightColour('limit'), strokeWidth: 1.5 },
                encoding: { x: null, y },
              },
            ]
          : []),
      ],
    },
  ];
}

function formatLimit(value: number): string {
  return value >= 100 ? formatCount(value) : String(Number(value.toPrecision(3)));
}

/** Six significant digits: enough for a picture, and the file stays small. */
function round(value: number): number {
  return Number(value.toPrecision(6));
}
