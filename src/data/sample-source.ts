import type { RunContext } from '../core/context.js';
import type { Picture } from '../preprocess/picture.js';

export type DataFormat = 'cifar10' | 'idx' | 'pictures' | 'npy' | 'npz' | 'raw';

/** Size of one sample as stored, channels last. */
export interface SampleShape {
  readonly height: number;
  readonly width: number;
  readonly channels: number;
}

/** One sample as stored: bytes of a picture, or float values that are taken as the network's input. */
export type StoredSample =
  | { readonly kind: 'picture'; readonly position: number; readonly picture: Picture }
  | { readonly kind: 'tensor'; readonly position: number; readonly shape: SampleShape; readonly values: Float32Array };

/**
 * Which part of a set that comes divided: `train-images`, `data_batch_1.bin`, `train/` against `t10k-images`,
 * `test_batch.bin`, `test/`, and `val/`.
 */
export type DataPart = 'train' | 'validation' | 'test';

/** What a format reader gives: samples in a fixed order, and what the files say about them. */
export interface SampleSource {
  readonly format: DataFormat;
  /** Samples, at positions 0 … count−1. */
  readonly count: number;
  readonly kind: 'picture' | 'tensor';
  /** Size of every sample; undefined for pictures, which may differ. */
  readonly shape: SampleShape | undefined;
  /** Class of each sample in the data's own numbering; undefined when the files hold none. */
  readonly labels: Int32Array | undefined;
  /** Names of the data's own classes. */
  readonly classNames: readonly string[] | undefined;
  /** Path of each sample inside the set, `/`-separated; pictures only. */
  readonly sampleNames: readonly string[] | undefined;
  /** Files whose bytes make the set, for hashing; `name` is empty where it does not matter. */
  readonly files: readonly { readonly path: string; readonly name: string }[];
  /** The part that was chosen, when the set was divided and a part was asked for. */
  readonly part: DataPart | undefined;
  /** Streams the samples at these positions, which must ascend. Stops with E_INTERRUPTED on the context's signal. */
  read(positions: Uint32Array, ctx: RunContext): AsyncIterable<StoredSample>;
}

/** UTF-8 byte order, which is code point order: the same on every machine and locale. */
export function compareCodePoints(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a, 'utf8'), Buffer.from(b, 'utf8'));
}

const PART_WORDS: Readonly<Record<string, DataPart>> = {
  train: 'train',
  training: 'train',
  data_batch: 'train',
  val: 'validation',
  valid: 'validation',
  validation: 'validation',
  dev: 'validation',
  test: 'test',
  testing: 'test',
  t10k: 'test',
  test_batch: 'test',
};

/** The part a file or folder name speaks of: `t10k-images-idx3-ubyte.gz` is the test part, `x_train` the train part. */
export function partOfName(name: string): DataPart | undefined {
  const lower = name.toLowerCase();
  const stem = lower.replace(/\..*$/, '').replace(/_\d+$/, '');
  const words = [stem, ...lower.split(/[^a-z0-9]+/)];
  return words.map((word) => PART_WORDS[word]).find((part) => part !== undefined);
}

/**
 * Keeps what belongs to the wanted part. Without a wish, or when nothing says which part it is, everything stays. Asked for
 * train: what is not validation or test. Asked for test in a set of train and validation only: the validation part.
 */
export function keepPart<T>(
  items: readonly T[],
  partOf: (item: T) => DataPart | undefined,
  wanted: DataPart | undefined,
): { kept: readonly T[]; part: DataPart | undefined } {
  if (wanted === undefined) return { kept: items, part: undefined };
  const parts = items.map(partOf);
  const has = (part: DataPart) => parts.includes(part);
  const part = wanted === 'test' && !has('test') && has('train') && has('validation') ? 'validation' : wanted;
  const matches = (found: DataPart | undefined) =>
    found === part || (part === 'train' && found === undefined && !has('train'));
  const kept = items.filter((_, i) => matches(parts[i]));
  return kept.length === 0 || kept.length === items.length ? { kept: items, part: undefined } : { kept, part };
}
