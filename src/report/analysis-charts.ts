import type { TopLevelSpec } from 'vega-lite';
import type { Analysis } from '../plan/analysis.js';
import {
  costPanels,
  cuiPanel,
  latencyPanel,
  listPositions,
  nameAxis,
  sizeFreePanel,
  type Unit,
} from './chart-panels.js';
import { lightColour } from './palette.js';
import { isSingle, plainText, shorten } from './phrases.js';

const MIN_WIDTH = 980;
const STEP = 16;
const AXIS_WIDTH = 62;
const LABEL_LENGTH = 24;

/** The curve, the costs and the latency of every layer and cut, one under the other on one axis of depth. */
export function chartOverDepth(analysis: Analysis): TopLevelSpec {
  const positions = listPositions(analysis);
  const index = new Map(positions.map((p, i) => [p.id, i]));
  const chosen = index.get(analysis.ranking[0] ?? '');
  const panels = [
    cuiPanel(analysis, positions, index),
    sizeFreePanel(positions),
    ...costPanels(analysis, positions),
    ...latencyPanel(analysis, positions),
  ];
  const width = Math.max(MIN_WIDTH - AXIS_WIDTH, positions.length * STEP);
  const x = (last: boolean): Unit => ({
    field: 'at',
    type: 'ordinal',
    scale: { type: 'band', domain: positions.map((_, i) => i), paddingInner: 0.28, paddingOuter: 0.14 },
    axis: nameAxis(last),
  });
  const highlight: Unit[] =
    chosen === undefined
      ? []
      : [
          {
            data: { values: [{ at: chosen }] },
            mark: { type: 'bar', color: lightColour('chosen'), width: { band: 1.3 } },
            encoding: { y: { value: 0 }, y2: { value: 'height' } },
          },
        ];
  return {
    ...chartFrame(),
    params: [{ name: 'names', value: positions.map((p) => shorten(plainText(p.id), LABEL_LENGTH)) }],
    spacing: 42,
    bounds: 'flush',
    vconcat: panels.map((panel, i) => ({
      title: { text: panel.title },
      width,
      height: panel.height,
      encoding: { x: x(i === panels.length - 1) },
      layer: [...highlight, ...panel.layers],
    })),
  } as unknown as TopLevelSpec;
}

/** Importance against cost, the Pareto front joined by a line. */
export function chartTradeOff(analysis: Analysis): TopLevelSpec {
  const front = new Set(analysis.pareto);
  const timed = analysis.device !== null;
  const rows = analysis.cuts
    .filter((cut) => isSingle(cut) && cut.log10Cui !== null)
    .map((cut) => ({
      cost: timed ? (cut.latencyUs?.total ?? 0) / 1000 : (100 * cut.headMacs) / Math.max(analysis.model.macs, 1),
      cui: cut.log10Cui,
      name: shorten(plainText(cut.id), LABEL_LENGTH),
      state: front.has(cut.id) ? 'front' : cut.feasible ? 'fits' : 'rejected',
    }));
  const x = {
    field: 'cost',
    type: 'quantitative',
    scale: { zero: false, nice: true },
    axis: { title: timed ? 'latency in total, ms (estimate)' : 'MACs on the device, %', grid: true },
  };
  const y = { field: 'cui', type: 'quantitative', scale: { zero: false }, axis: { title: null } };
  const points = (state: string, mark: Unit): Unit => ({
    transform: [{ filter: `datum.state === '${state}'` }],
    mark: { type: 'point', opacity: 1, strokeWidth: 1.5, ...mark },
    encoding: { x, y },
  });
  return {
    ...chartFrame(),
    title: { text: 'log10 CUI' },
    width: 760,
    height: 260,
    data: { values: rows },
    layer: [
      points('rejected', { shape: 'M-1,-1L1,1M1,-1L-1,1', size: 60, stroke: lightColour('rejected'), fill: null }),
      points('fits', { shape: 'circle', size: 45, stroke: lightColour('accent'), fill: lightColour('paper') }),
      points('front', { shape: 'circle', size: 70, stroke: lightColour('accent'), fill: lightColour('accent') }),
      {
        transform: [{ filter: "datum.state === 'front'" }],
        mark: {
          type: 'text',
          align: 'left',
          baseline: 'bottom',
          dx: 7,
          dy: -3,
          fontSize: 11,
          color: lightColour('ink'),
        },
        encoding: { x, y, text: { field: 'name', type: 'nominal' } },
      },
    ],
  } as unknown as TopLevelSpec;
}

/** What all charts of a report have in common. */
export function chartFrame(): Unit {
  const muted = lightColour('muted');
  const grid = lightColour('grid');
  const ink = lightColour('ink');
  return {
    $schema: 'https://vega.github.io/schema/vega-lite/v6.json',
    background: null,
    padding: { left: 4, right: 12, top: 4, bottom: 4 },
    config: {
      aria: false,
      font: 'system-ui, sans-serif',
      view: { stroke: null },
      axis: {
        labelColor: muted,
        titleColor: muted,
        titleFontWeight: 'normal',
        tickColor: muted,
        domainColor: muted,
        gridColor: grid,
        labelFontSize: 11,
        titleFontSize: 11,
      },
      axisY: { domain: false, ticks: false, labelPadding: 6, minExtent: AXIS_WIDTH - 10, maxExtent: AXIS_WIDTH - 10 },
      title: { anchor: 'start', frame: 'group', color: ink, fontSize: 12, fontWeight: 600, offset: 8 },
    },
  };
}
