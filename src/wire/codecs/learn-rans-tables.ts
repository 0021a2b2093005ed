import { type CodecSpec, MAX_PRECISION, MAX_TABLES, type WireBits } from './codec.js';
import { createCodec } from './create-codec.js';
import { type ChannelGroup, groupChannels } from './group-channels.js';
import type { RansSpec } from './rans.js';
import { codedBits, scaleFrequencies } from './scale-frequencies.js';

export interface TrainingCodes {
  /** `count` tensors, one after the other, row-major, last axis channels; code = int8 value + 128. Training samples, never test ones. */
  readonly codes: Uint8Array;
  readonly count: number;
  /** Of one tensor, without the batch. */
  readonly shape: readonly number[];
  readonly bits: WireBits;
}

export interface LearnOptions {
  /** Bytes that the tables may take on the device, 2^bits + 1 entries of 2 bytes each. Default 8192. */
  readonly tableBytes?: number;
}

const TABLE_BYTES = 8192;
/** Sharing tables may cost this share of the coded bytes: a device's flash is worth more. */
const GROUPING_LOSS = 0.005;
/** A coarser precision is taken when it costs no more than this share. */
const PRECISION_LOSS = 0.001;
const SMALLEST_PRECISION = 8;

/** Bytes of a codec's tables on the device. */
export function deviceTableBytes({ bits, tables }: Pick<RansSpec, 'bits' | 'tables'>): number {
  return tables.length * 2 * (2 ** bits + 1);
}

/**
 * Static tables from the codes of training samples: one histogram a channel, channels alike share a table, every code has
 * a frequency. Deterministic.
 */
export function learnRansTables(training: TrainingCodes, options: LearnOptions = {}): RansSpec {
  const { bits, shape } = training;
  const channels = shape.at(-1) as number;
  const room = Math.floor((options.tableBytes ?? TABLE_BYTES) / (2 * (2 ** bits + 1)));
  const limits = { groups: Math.max(1, Math.min(room, MAX_TABLES)), loss: GROUPING_LOSS };
  const groups = groupChannels(countCodes(training), limits);
  groups.sort((a, b) => (a.channels[0] as number) - (b.channels[0] as number));
  const tableOfChannel = new Array<number>(channels).fill(0);
  groups.forEach((group, t) => {
    for (const c of group.channels) tableOfChannel[c] = t;
  });
  return { id: 'rans', bits, tableOfChannel, ...chooseTables(groups, bits) };
}

/**
 * The codec with the shortest payloads on training samples, the simpler one where there is little between them.
 * @returns `rans` when it saves at least 1 % of the packed bytes, else `packed`; `raw` for 8 bits that it does not shorten
 */
export function learnCodec(training: TrainingCodes, options: LearnOptions = {}): CodecSpec {
  const { bits, shape, codes, count } = training;
  const simple: CodecSpec = bits === 8 ? { id: 'raw' } : { id: 'packed', bits };
  if (count === 0) return simple;
  const spec = learnRansTables(training, options);
  const codec = createCodec(spec, shape);
  const size = codes.length / count;
  let bytes = 0;
  for (let i = 0; i < count; i++) bytes += codec.encode(codes.subarray(i * size, (i + 1) * size)).length;
  return bytes <= 0.99 * count * codec.maxBytes ? spec : simple;
}

/** Histogram of every channel. Codes too large for the bits count as the largest, as encoders write them. */
export function countCodes({ codes, shape, bits }: TrainingCodes): Float64Array[] {
  const channels = shape.at(-1) as number;
  const largest = 2 ** bits - 1;
  const histograms = Array.from({ length: channels }, () => new Float64Array(2 ** bits));
  let channel = 0;
  for (let i = 0; i < codes.length; i++) {
    const histogram = histograms[channel] as Float64Array;
    const code = Math.min(codes[i] as number, largest);
    histogram[code] = (histogram[code] as number) + 1;
    if (++channel === channels) channel = 0;
  }
  return histograms;
}

/** The coarsest precision that costs next to nothing: lookups of the decoder are then small, and so is the manifest. */
function chooseTables(groups: readonly ChannelGroup[], bits: WireBits): Pick<RansSpec, 'precision' | 'tables'> {
  const at = (precision: number): { precision: number; tables: number[][]; bits: number } => {
    const tables = groups.map(({ histogram }) => scaleFrequencies(histogram, precision));
    const cost = groups.reduce((n, g, t) => n + codedBits(g.histogram, tables[t] as number[], precision), 0);
    return { precision, tables, bits: cost };
  };
  const finest = at(MAX_PRECISION);
  for (let precision = Math.max(SMALLEST_PRECISION, bits + 1); precision < MAX_PRECISION; precision++) {
    const coarse = at(precision);
    if (coarse.bits <= (1 + PRECISION_LOSS) * finest.bits) return { precision, tables: coarse.tables };
  }
  return { precision: finest.precision, tables: finest.tables };
}
