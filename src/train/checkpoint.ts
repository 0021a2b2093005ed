/** A training in the middle, as bytes: everything that the rest of it depends on. */
import type { EpochRecord, TrainingState } from './training.js';

/** Where a training stands; what has no value yet is absent. */
export interface TrainingProgress {
  readonly state: TrainingState;
  /** Epoch that runs, from 0. */
  readonly epoch: number;
  /** Batches of it that are done. */
  readonly batch: number;
  /** Sum of their losses. */
  readonly lossSum: number;
  readonly history: readonly EpochRecord[];
  /** Moving average of parameters and statistics, one after the other. */
  readonly average: Float32Array | undefined;
  /** The best validated values so far, parameters and statistics one after the other. */
  readonly best: BestValues | undefined;
}

export interface BestValues {
  readonly epoch: number;
  readonly validation: number;
  readonly values: Float32Array;
}

/** Layout: magic, length of the header, header as JSON, vectors as little-endian float32 in the order of `VECTORS`. */
const MAGIC = 'ISPTRN01';
const MAGIC_BYTES = MAGIC.length;
const LENGTH_BYTES = 4;

interface Header {
  /** Of what is trained and how; a checkpoint of another training is not taken up. */
  readonly fingerprint: string;
  readonly step: number;
  readonly epoch: number;
  readonly batch: number;
  readonly lossSum: number;
  readonly history: readonly EpochRecord[];
  readonly best?: { readonly epoch: number; readonly validation: number };
  /** Elements of each vector that is there. */
  readonly lengths: Readonly<Partial<Record<VectorName, number>>>;
}

const VECTORS = ['parameters', 'firstMoment', 'secondMoment', 'statistics', 'average', 'best'] as const;
type VectorName = (typeof VECTORS)[number];

export function encodeCheckpoint(fingerprint: string, progress: TrainingProgress): Uint8Array {
  const { state, epoch, batch, lossSum, history, average, best } = progress;
  const vectors: Record<VectorName, Float32Array | undefined> = {
    parameters: state.parameters,
    firstMoment: state.firstMoment,
    secondMoment: state.secondMoment,
    statistics: state.statistics,
    average,
    best: best?.values,
  };
  const present = VECTORS.filter((name) => vectors[name] !== undefined);
  const header: Header = {
    fingerprint,
    step: state.step,
    epoch,
    batch,
    lossSum,
    history,
    ...(best ? { best: { epoch: best.epoch, validation: best.validation } } : {}),
    lengths: Object.fromEntries(present.map((name) => [name, (vectors[name] as Float32Array).length])),
  };
  const text = new TextEncoder().encode(JSON.stringify(header));
  const start = MAGIC_BYTES + LENGTH_BYTES + text.length;
  const floats = present.reduce((sum, name) => sum + (vectors[name] as Float32Array).length, 0);
  const bytes = new Uint8Array(start + 4 * floats);
  bytes.set(new TextEncoder().encode(MAGIC));
  new DataView(bytes.buffer).setUint32(MAGIC_BYTES, text.length, true);
  bytes.set(text, MAGIC_BYTES + LENGTH_BYTES);
  let at = start;
  for (const name of present) {
    const part = littleEndianBytes(vectors[name] as Float32Array);
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

/**
 * @param expected lengths that the vectors of this training have
 * @returns the progress, or why these bytes are none of this training
 */
export function decodeCheckpoint(
  bytes: Uint8Array,
  fingerprint: string,
  expected: { readonly parameters: number; readonly statistics: number; readonly averaged: boolean },
): TrainingProgress | string {
  const magic = new TextDecoder('latin1').decode(bytes.subarray(0, MAGIC_BYTES));
  if (magic.slice(0, -2) !== MAGIC.slice(0, -2) || bytes.length < MAGIC_BYTES + LENGTH_BYTES)
    return 'it is no checkpoint';
  if (magic !== MAGIC) return `its version is ${magic.slice(-2)}, this one reads ${MAGIC.slice(-2)}`;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const start = MAGIC_BYTES + LENGTH_BYTES + view.getUint32(MAGIC_BYTES, true);
  if (start > bytes.length) return 'it is cut short';
  const header = parseHeader(bytes.subarray(MAGIC_BYTES + LENGTH_BYTES, start));
  if (!header) return 'its header cannot be read';
  if (header.fingerprint !== fingerprint) return 'it belongs to a training with other settings';

  const all = expected.parameters + expected.statistics;
  const wanted: Record<VectorName, number | undefined> = {
    parameters: expected.parameters,
    firstMoment: expected.parameters,
    secondMoment: expected.parameters,
    statistics: expected.statistics,
    average: expected.averaged ? all : undefined,
    best: header.best ? all : undefined,
  };
  const vectors: Partial<Record<VectorName, Float32Array>> = {};
  let at = start;
  for (const name of VECTORS) {
    const length = header.lengths[name];
    if (length !== wanted[name]) return `its ${name} has ${length ?? 0} values instead of ${wanted[name] ?? 0}`;
    if (length === undefined) continue;
    if (at + 4 * length > bytes.length) return 'it is cut short';
    vectors[name] = floatsOf(bytes.subarray(at, at + 4 * length));
    at += 4 * length;
  }
  if (at !== bytes.length) return 'it has bytes at its end that nothing says';
  const { parameters, firstMoment, secondMoment, statistics, average, best } = vectors as Record<
    VectorName,
    Float32Array
  >;
  return {
    state: { step: header.step, parameters, firstMoment, secondMoment, statistics },
    epoch: header.epoch,
    batch: header.batch,
    lossSum: header.lossSum,
    history: header.history,
    average,
    best: header.best ? { ...header.best, values: best } : undefined,
  };
}

function parseHeader(text: Uint8Array): Header | undefined {
  try {
    const header = JSON.parse(new TextDecoder().decode(text)) as Header;
    const counts = [header.step, header.epoch, header.batch];
    const sound = counts.every((n) => Number.isSafeInteger(n) && n >= 0) && Array.isArray(header.history);
    return sound && typeof header.lengths === 'object' && header.lengths !== null ? header : undefined;
  } catch {
    return undefined;
  }
}

const LITTLE_ENDIAN = new Uint8Array(Uint16Array.of(1).buffer)[0] === 1;

function littleEndianBytes(values: Float32Array): Uint8Array {
  const bytes = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
  return LITTLE_ENDIAN ? bytes : swapWords(bytes.slice());
}

/** A copy, so that it is aligned and the file's bytes can go. */
function floatsOf(bytes: Uint8Array): Float32Array {
  // Not slice: that of a Buffer, which is what files are read into, is a view.
  const own = new Uint8Array(bytes);
  return new Float32Array((LITTLE_ENDIAN ? own : swapWords(own)).buffer);
}

function swapWords(bytes: Uint8Array): Uint8Array {
  for (let i = 0; i < bytes.length; i += 4) bytes.subarray(i, i + 4).reverse();
  return bytes;
}
