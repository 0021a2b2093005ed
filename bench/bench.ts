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
