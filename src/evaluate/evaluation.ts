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
  /** What the link adds to a payload of the mean size: every byte on the air beside it; null when no link is known. */
  readonly linkOverheadBytes: number | null;
  /** Multiply-accumulates on the device; null when nobody counted. */
  readonly headMacs: number | null;
  /** Predicted time of one inference; null when no board is known. */
  readonly latencyUs: SplitLatency | null;
  /** Simpler ideas on the same samples; null when they were not measured. */
  readonly baselines: readonly BaselineCurve[] | null;
  /** Who wins where, in plain words; null without baselines. */
  readonly verdict: string | null;
}

/** Microseconds; total is their sum. */
export interface SplitLatency {
  readonly head: number;
  readonly encode: number;
  readonly link: number;
  readonly tail: number;
  readonly total: number;
  readonly source: string;
}

/** Costs of a split that no sample tells. */
export type SplitCosts = Pick<Evaluation, 'headMacs' | 'latencyUs' | 'linkOverheadBytes'>;

/**
 * `jpeg`, `webp`: the picture is sent. `raw-activation`: the int8 values at the same cut. `on-device`: the whole network in int8 on
 * the device. `on-device-other`: another network there. `on-gateway`: the picture's bytes as they are.
 */
export type BaselineId = 'jpeg' | 'webp' | 'raw-activation' | 'on-device' | 'on-device-other' | 'on-gateway';

/** One idea at one or several rates. */
export interface BaselineCurve {
  readonly id: BaselineId;
  readonly name: string;
  /** The classifier was trained further on pictures as they arrive. */
  readonly fineTuned: boolean;
  /** Whether a microcontroller can do it. */
  readonly practical: boolean;
  readonly note: string;
  /** What settings were chosen on, never the test samples; null where there is nothing to choose. */
  readonly searchedOn: { readonly name: string; readonly samples: number } | null;
  /** Rising bytes. */
  readonly points: readonly BaselinePoint[];
}

export interface BaselinePoint {
  /** Payload bytes that were asked for; null where there is no choice. */
  readonly targetBytes: number | null;
  /** False: no setting is that small; `setting` then says how small the smallest is, and the figures are null. */
  readonly exists: boolean;
  /** In words. */
  readonly setting: string;
  /** Payload bytes, mean over the test samples. */
  readonly bytesMean: number | null;
  /** The same as whole files, headers included; null where there is no file. */
  readonly bytesWithHeaders: number | null;
  readonly accuracy: number | null;
  readonly interval: Interval | null;
  /** The int8 split minus this, on the same samples; null when the split was not given. */
  readonly difference: PairedDifference | null;
  /** Of what runs on the device: whether it fits the board; null when that is unknown or nothing runs there. */
  readonly fits: boolean | null;
  /** Predicted time of one inference on the device, microseconds; null when unknown. */
  readonly deviceLatencyUs: number | null;
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
