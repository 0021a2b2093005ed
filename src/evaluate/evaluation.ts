/** What `evaluate` measures: `--json` prints it, build stores its summary. Accuracies are shares 0 … 1. */

export type Interval = readonly [low: number, high: number];

/** Paired difference of two accuracies on the same samples, with its 95 % interval, in shares. */
export interface PairedDifference {
  readonly value: number;
  readonly interval: Interval;
  /** Samples only the first, and only the second, classified rightly. */
  readonly onlyFirst: number;
  readonly onlySecond: number;
}

export type Variant = 'full' | 'splitFloat' | 'splitInt8';

export interface Evaluation {
  readonly schemaVersion: 1;
  readonly splitId: string;
  readonly data: {
    readonly name: string;
    readonly format: string;
    readonly part: string | null;
    readonly sha256: string;
  };
  readonly samples: number;
  /** null when the float model could not be found (`full`, `splitFloat`). */
  readonly accuracy: Readonly<Record<Variant, number | null>>;
  readonly intervals: Readonly<Record<Variant, Interval | null>>;
  /** splitInt8 − full, on the same samples. */
  readonly difference: PairedDifference | null;
  /** Share of samples with the same predicted class in full and splitInt8. */
  readonly agreement: number | null;
  readonly perClass: readonly {
    readonly class: number;
    readonly name: string;
    readonly samples: number;
    readonly accuracy: Readonly<Record<Variant, number | null>>;
  }[];
  /** confusion[label][predicted] of splitInt8, counts. */
  readonly confusion: readonly (readonly number[])[];
  /** Payload bytes of one inference. */
  readonly wireBytes: { readonly mean: number; readonly p99: number };
}

/** One line of `--predictions FILE` (CSV with a header). */
export interface Prediction {
  readonly index: number;
  readonly label: number;
  readonly full: number | null;
  readonly splitFloat: number | null;
  readonly splitInt8: number;
  readonly wireBytes: number;
}
