import type { Machine, Timing } from './bench.js';

export interface BuildResult {
  readonly machine: Machine;
  readonly versions: {
    readonly node: string;
    readonly engine: string;
    readonly tensorflow: string;
    readonly tflm: string;
  };
  /** null when left out. */
  readonly conversion: {
    readonly network: string;
    readonly samples: number;
    readonly threads: number;
    readonly ours: Timing;
    readonly official: Timing;
    /** Ours over theirs, median over pairs of neighbouring repetitions; below 1 we are faster. */
    readonly ratio: number;
    readonly oursBytes: number;
    readonly officialBytes: number;
  } | null;
  readonly inference: readonly {
    readonly network: string;
    readonly records: number;
    readonly macs: number;
    /** Of all records. */
    readonly ours: Timing;
    readonly tflm: Timing;
    /** Our inferences a second over theirs, median over pairs of neighbouring repetitions; above 1 we are faster. */
    readonly ratio: number;
    readonly sameBytes: boolean;
  }[];
}

/** Markdown. */
export function renderBuild({ machine, versions, conversion: c, inference }: BuildResult): string {
  const times = (t: Timing): string => `${t.minMs} / ${t.medianMs}`;
  const rate = (t: Timing, records: number): string => ((1000 * records) / t.medianMs).toPrecision(3);
  return [
    `${machine.cpu}, ${machine.cores} cores, load average ${machine.busy} before the start; Node ${versions.node.slice(1)}, ${versions.engine}, TensorFlow ${versions.tensorflow}, tflite-micro ${versions.tflm}.`,
    'Times are minimum / median in ms over alternating repetitions; ratios are medians over pairs of neighbouring repetitions.',
    '',
    ...(c === null
      ? []
      : [
          '| quantize and export | calibration samples | threads | ours | official converter | ours / official (target ≤ 2) | bytes ours | bytes official |',
          '|---|---|---|---|---|---|---|---|',
          `| ${c.network} | ${c.samples} | ${c.threads} | ${times(c.ours)} | ${times(c.official)} | ${c.ratio} | ${c.oursBytes} | ${c.officialBytes} |`,
          '',
        ]),
    '| int8 inference, one thread | records | MACs | ours | TFLite-Micro | ours a second | TFLite-Micro a second | ours / TFLite-Micro (target ≥ 0.3) | same bytes |',
    '|---|---|---|---|---|---|---|---|---|',
    ...inference.map(
      (i) =>
        `| ${i.network} | ${i.records} | ${i.macs} | ${times(i.ours)} | ${times(i.tflm)} | ${rate(i.ours, i.records)} | ${rate(i.tflm, i.records)} | ${i.ratio} | ${i.sameBytes ? 'yes' : 'NO'} |`,
    ),
  ].join('\n');
}
