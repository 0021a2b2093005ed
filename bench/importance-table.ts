import type { Machine, Ratio, Timing } from './bench.js';

export type Stock = Timing | { readonly fails: string };

export interface CaseResult {
  readonly name: string;
  readonly batch: number;
  readonly taps: number;
  /** CUI alone, which is what the other sides compute. */
  readonly cui: Timing;
  /** CUI, margin and Taylor: two backward passes. */
  readonly all: Timing;
  readonly torch: Stock;
  readonly stockWasm: Stock;
  /** Their time over ours (CUI alone); above 1 we are faster. */
  readonly torchRatio: Ratio | null;
  readonly stockRatio: Ratio | null;
  /** Largest difference between the CUI curves, relative to the largest value of the curve. */
  readonly torchDifference: number | null;
  readonly stockDifference: number | null;
}

export interface ImportanceResult {
  readonly machine: Machine;
  readonly versions: { readonly node: string; readonly ours: string; readonly torch: string; readonly tfjs: string };
  readonly threads: number;
  readonly cases: readonly CaseResult[];
}

/** Markdown. */
export function renderImportance({ machine, versions, threads, cases }: ImportanceResult): string {
  const times = (t: Stock): string => ('fails' in t ? `fails: ${t.fails}` : `${t.minMs} / ${t.medianMs}`);
  const show = (r: Ratio | null): string => (r === null ? '–' : `${r.ofMinima} (${r.medianOfPairs})`);
  return [
    `${machine.cpu}, ${machine.cores} cores, ${threads} threads, load average ${machine.busy} before the start; ${versions.ours}, Node ${versions.node.slice(1)}, PyTorch ${versions.torch}, TensorFlow.js ${versions.tfjs} (wasm).`,
    'Times are minimum / median in ms over alternating repetitions; a ratio is their minimum over ours (CUI alone), in brackets the median over pairs of neighbouring repetitions.',
    '',
    '| network | images | layers | ours, CUI | ours, CUI + margin + Taylor | PyTorch | PyTorch / ours | stock tfjs wasm | stock / ours |',
    '|---|---|---|---|---|---|---|---|---|',
    ...cases.map(
      (c) =>
        `| ${c.name} | ${c.batch} | ${c.taps} | ${times(c.cui)} | ${times(c.all)} | ${times(c.torch)} | ${show(c.torchRatio)} | ${times(c.stockWasm)} | ${show(c.stockRatio)} |`,
    ),
  ].join('\n');
}
