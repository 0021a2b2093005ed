import type { Machine, Timing } from './bench.js';

export interface ProbeResult {
  readonly machine: Machine;
  readonly node: string;
  readonly cases: readonly {
    readonly name: string;
    readonly samples: number;
    /** With one tensor: all of them have a probe. */
    readonly cuts: number;
    readonly wireBytes: number;
    readonly importance: Timing;
    /** Everything in the analysis after the importance pass. */
    readonly probe: Timing;
    /** Probe over importance, median of the runs. */
    readonly ratio: number;
  }[];
}

/** Markdown. */
export function renderProbe({ machine, node, cases }: ProbeResult): string {
  const times = (t: Timing): string => `${t.minMs} / ${t.medianMs}`;
  return [
    `${machine.cpu}, ${machine.cores} cores, load average ${machine.busy} before the start; Node ${node.slice(1)}. Times are minimum / median in ms.`,
    '',
    '| network | samples | cuts probed | wire | importance pass | probes | probes / importance (limit ≤ 10) |',
    '|---|---|---|---|---|---|---|',
    ...cases.map(
      (c) =>
        `| ${c.name} | ${c.samples} | ${c.cuts} | ${c.wireBytes} B | ${times(c.importance)} | ${times(c.probe)} | ${c.ratio} |`,
    ),
  ].join('\n');
}
