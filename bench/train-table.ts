import type { Machine, Ratio, Timing } from './bench.js';

export interface TrainRival {
  /** Of one step. */
  readonly time: Timing | { readonly fails: string };
  readonly ratio: Ratio | null;
  /** Processor time of one step, of all threads: hardly touched by other programs on the machine. */
  readonly cpu: Timing | null;
  readonly cpuRatio: Ratio | null;
  /** Largest difference of the first steps' losses, relative to the first loss. */
  readonly lossDifference: number | null;
}

export interface TrainCaseResult {
  readonly name: string;
  readonly batch: number;
  readonly parameters: number;
  readonly cut: string;
  readonly ours: Timing;
  readonly oursCpu: Timing;
  readonly torch: TrainRival;
  readonly tfjsNode: TrainRival;
}

export interface TrainResult {
  readonly machine: Machine;
  readonly versions: { readonly node: string; readonly ours: string; readonly torch: string; readonly tfjs: string };
  readonly threads: number;
  readonly cases: readonly TrainCaseResult[];
}

/** Markdown. */
export function renderTrain({ machine, versions, threads, cases }: TrainResult): string {
  const rate = (batch: number, t: TrainRival['time']): string =>
    'fails' in t ? `fails: ${t.fails}` : `${digits((1000 * batch) / t.minMs)} / ${digits((1000 * batch) / t.medianMs)}`;
  const digits = (x: number): number => Number(x.toPrecision(3));
  const show = (r: Ratio | null): string => (r === null ? '–' : `${r.ofMinima} (${r.medianOfPairs})`);
  return [
    `${machine.cpu}, ${machine.cores} cores, ${threads} threads, load average ${machine.busy} before the start; ${versions.ours}, Node ${versions.node.slice(1)}, PyTorch ${versions.torch}, TensorFlow.js ${versions.tfjs} (tfjs-node).`,
    'Images a second of the fastest / the median repetition, sides taking turns; a ratio is their fastest time over ours, in brackets the median over neighbouring repetitions. The last columns are the same for processor time, which other programs hardly touch.',
    '',
    '| network | cut | batch | learnt values | ours | PyTorch | ours / PyTorch (target ≥ 0.8) | tfjs-node | ours / tfjs-node (target ≥ 1.5) | by processor time: PyTorch | tfjs-node |',
    '|---|---|---|---|---|---|---|---|---|---|---|',
    ...cases.map(
      (c) =>
        `| ${c.name} | ${c.cut} | ${c.batch} | ${c.parameters} | ${rate(c.batch, c.ours)} | ${rate(c.batch, c.torch.time)} | ${show(c.torch.ratio)} | ${rate(c.batch, c.tfjsNode.time)} | ${show(c.tfjsNode.ratio)} | ${show(c.torch.cpuRatio)} | ${show(c.tfjsNode.cpuRatio)} |`,
    ),
  ].join('\n');
}
