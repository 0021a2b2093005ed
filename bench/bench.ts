import { availableParallelism, cpus, loadavg } from 'node:os';

/** What bench/main.ts knows of a benchmark. */
export interface BenchOptions {
  /** Names of cases; default: all of them. */
  readonly only?: readonly string[];
  /** Says what is being measured; goes to stderr. */
  readonly log: (line: string) => void;
}

export interface Bench {
  readonly summary: string;
  /** Measures in this process and its children. @returns plain JSON without dates or paths */
  run(options: BenchOptions): Promise<object>;
  /** The result for a terminal and for docs/performance.md: Markdown tables. */
  render(result: object): string;
}

/** The times of one side, in the order of the repetitions. */
export interface Timing {
  readonly minMs: number;
  readonly medianMs: number;
  readonly runs: number;
}

export function describeTimes(times: readonly number[]): Timing {
  return { minMs: round(Math.min(...times)), medianMs: round(median(times)), runs: times.length };
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1
    ? (sorted[middle] as number)
    : ((sorted[middle - 1] as number) + (sorted[middle] as number)) / 2;
}

/** Three significant digits, or whole numbers above that. */
export function round(value: number): number {
  return value >= 1000 ? Math.round(value) : Number(value.toPrecision(3));
}

/** Where it was measured. `busy`: load average before the first run, in cores that other programs kept busy. */
export interface Machine {
  readonly cpu: string;
  readonly cores: number;
  readonly busy: number;
}

/** To be asked before anything runs. */
export function describeMachine(): Machine {
  return {
    cpu: cpus()[0]?.model.trim() ?? 'unknown',
    cores: availableParallelism(),
    busy: round(loadavg()[0] as number),
  };
}

/** Their time over ours: above 1 we are faster. */
export interface Ratio {
  /** Of the fastest repetitions: what is left when other programs on the machine are quiet. */
  readonly ofMinima: number;
  /** Median over pairs of neighbouring repetitions. */
  readonly medianOfPairs: number;
}

export function ratioOf(theirs: readonly number[], ours: readonly number[]): Ratio {
  return {
    ofMinima: round(Math.min(...theirs) / Math.min(...ours)),
    medianOfPairs: round(median(theirs.map((t, i) => t / (ours[i] as number)))),
  };
}
