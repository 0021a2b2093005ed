import { fail } from '../../core/errors.js';
import {
  type HuffmanCode,
  type HuffmanDecoder,
  huffmanDecoder,
  huffmanEncoder,
  learnHuffmanCode,
} from './huffman-code.js';

/** Marker codes of ITU-T T.81, table B.1. */
const SOI = 0xd8;
const EOI = 0xd9;
const SOF0 = 0xc0;
const DHT = 0xc4;
const SOS = 0xda;

const COEFFICIENTS = 64;
/** Tables by class and number: 0 … 3 for DC, 4 … 7 for AC. */
const TABLES = 8;
const AC = 4;

/** The entropy-coded part of a baseline JPEG as symbols: one entry a Huffman code. */
export interface ScanSymbols {
  /** Which table codes it. */
  readonly tables: Uint8Array;
  readonly symbols: Uint8Array;
  /** The bits that follow the code, low four bits of the symbol say how many. */
  readonly extra: Uint16Array;
}

/** A baseline JPEG taken apart. */
export interface JpegParts {
  /** Segments between SOI and the scan without the Huffman tables: quantization, frame and scan headers, whole. */
  readonly segments: readonly Uint8Array[];
  readonly scan: ScanSymbols;
}

/** Huffman tables by class and number; those that no scan uses are absent. */
export type JpegTables = readonly (HuffmanCode | undefined)[];

/**
 * Takes a baseline JPEG of one scan without restart intervals apart, down to its Huffman symbols.
 * @throws IsplitError E_INTERNAL for any other file: these are made here
 */
export function readBaselineJpeg(file: Uint8Array): JpegParts {
  const segments: Uint8Array[] = [];
  const decoders = new Array<HuffmanDecoder | undefined>(TABLES).fill(undefined);
  let frame: Uint8Array | undefined;
  if (file[0] !== 0xff || file[1] !== SOI) refuse('does not begin with SOI');
  for (let at = 2; ; ) {
    const marker = file[at + 1];
    const length = 2 + (((file[at + 2] ?? 0) << 8) | (file[at + 3] ?? 0));
    if (file[at] !== 0xff || marker === undefined || at + length > file.length) refuse(`is damaged at byte ${at}`);
    const segment = file.subarray(at, at + length);
    at += length;
    if (marker === DHT) {
      readTables(segment, decoders);
      continue;
    }
    segments.push(segment);
    if (marker === SOF0) frame = segment;
    else if (marker > SOF0 && marker < 0xd0) refuse(`is no baseline JPEG (marker ${marker.toString(16)})`);
    else if (marker === SOS) {
      if (frame === undefined) refuse('has no frame header before its scan');
      return { segments, scan: readScan(file.subarray(at), frame, segment, decoders) };
    }
  }
}

function readTables(segment: Uint8Array, decoders: (HuffmanDecoder | undefined)[]): void {
  for (let at = 4; at < segment.length; ) {
    const head = segment[at] as number;
    const lengths = Array.from(segment.subarray(at + 1, at + 17));
    const count = lengths.reduce((sum, n) => sum + n, 0);
    decoders[(head >> 4 === 0 ? 0 : AC) + (head & 3)] = huffmanDecoder({
      lengths,
      symbols: segment.slice(at + 17, at + 17 + count),
    });
    at += 17 + count;
  }
}

/** For each block of one minimum coded unit, its DC table and its AC table. */
interface UnitLayout {
  readonly units: number;
  readonly blocks: readonly { readonly dc: number; readonly ac: number }[];
}

function layOut(frame: Uint8Array, scanHeader: Uint8Array): UnitLayout {
  const height = ((frame[5] as number) << 8) | (frame[6] as number);
  const width = ((frame[7] as number) << 8) | (frame[8] as number);
  const sampling = new Map<number, { h: number; v: number }>();
  for (let i = 0; i < (frame[9] as number); i++) {
    const factors = frame[11 + 3 * i] as number;
    sampling.set(frame[10 + 3 * i] as number, { h: factors >> 4, v: factors & 15 });
  }
  const count = scanHeader[4] as number;
  if (count !== sampling.size) refuse('has more than one scan');
  const most = (axis: 'h' | 'v'): number => Math.max(...[...sampling.values()].map((s) => s[axis]));
  const blocks: { dc: number; ac: number }[] = [];
  for (let i = 0; i < count; i++) {
    const tables = scanHeader[6 + 2 * i] as number;
    const { h, v } = sampling.get(scanHeader[5 + 2 * i] as number) ?? { h: 1, v: 1 };
    // A scan of one component is not interleaved: a unit is one block whatever its sampling factors (T.81, A.2.2).
    for (let b = 0; b < (count === 1 ? 1 : h * v); b++) blocks.push({ dc: tables >> 4, ac: AC + (tables & 15) });
  }
  const side = (pixels: number, axis: 'h' | 'v'): number => Math.ceil(pixels / (8 * (count === 1 ? 1 : most(axis))));
  return { units: side(height, 'v') * side(width, 'h'), blocks };
}

function readScan(
  data: Uint8Array,
  frame: Uint8Array,
  scanHeader: Uint8Array,
  decoders: readonly (HuffmanDecoder | undefined)[],
): ScanSymbols {
  const { units, blocks } = layOut(frame, scanHeader);
  const tables: number[] = [];
  const symbols: number[] = [];
  const extra: number[] = [];
  const bits = new BitReader(data);
  const take = (table: number): number => {
    const symbol = bits.symbol(decoders[table] ?? refuse(`has no Huffman table ${table}`));
    tables.push(table);
    symbols.push(symbol);
    extra.push(bits.read(symbol & 15));
    return symbol;
  };
  for (let unit = 0; unit < units; unit++) {
    for (const { dc, ac } of blocks) {
      take(dc);
      for (let k = 1; k < COEFFICIENTS; ) {
        const symbol = take(ac);
        if (symbol === 0) break;
        k += (symbol >> 4) + 1;
      }
    }
  }
  return { tables: Uint8Array.from(tables), symbols: Uint8Array.from(symbols), extra: Uint16Array.from(extra) };
}

/** Bits of a scan, most significant first; the zero byte after each 0xff is left out. */
class BitReader {
  readonly #data: Uint8Array;
  #at = 0;
  #held = 0;
  #count = 0;

  constructor(data: Uint8Array) {
    this.#data = data;
  }

  read(count: number): number {
    let value = 0;
    for (let i = 0; i < count; i++) value = (value << 1) | this.#bit();
    return value;
  }

  symbol({ symbols, smallest, largest, place }: HuffmanDecoder): number {
    let code = 0;
    for (let length = 1; length < smallest.length; length++) {
      code = (code << 1) | this.#bit();
      if (code <= (largest[length] as number)) {
        return symbols[(place[length] as number) + code - (smallest[length] as number)] as number;
      }
    }
    return refuse('has a code that is in no table');
  }

  #bit(): number {
    if (this.#count === 0) {
      const byte = this.#data[this.#at++];
      if (byte === undefined) refuse('ends within its scan');
      if (byte === 0xff && this.#data[this.#at++] !== 0) refuse('has a marker within its scan');
      this.#held = byte;
      this.#count = 8;
    }
    this.#count--;
    return (this.#held >> this.#count) & 1;
  }
}

/**
 * Huffman tables that fit many pictures, for both ends to keep. Symbols that did not occur get codes too: other pictures have them.
 * @param scans of pictures with the same frame and quantization
 */
export function learnJpegTables(scans: readonly ScanSymbols[]): JpegTables {
  const counts = Array.from({ length: TABLES }, () => new Float64Array(256));
  const used = new Set<number>();
  for (const { tables, symbols } of scans) {
    for (let i = 0; i < symbols.length; i++) {
      const table = tables[i] as number;
      const own = counts[table] as Float64Array;
      const symbol = symbols[i] as number;
      own[symbol] = (own[symbol] as number) + 1;
      used.add(table);
    }
  }
  return counts.map((own, table) => {
    if (!used.has(table)) return undefined;
    // A symbol that was seen counts as many times more as it takes for the unseen ones not to matter.
    const weight = 16 * scans.length;
    return learnHuffmanCode(own.map((count, symbol) => (isLegal(table, symbol) ? weight * count + 1 : 0)));
  });
}

/** Baseline symbols of 8-bit pictures: DC categories 0 … 11; AC run and size 1 … 10, end of block, sixteen zeros. */
function isLegal(table: number, symbol: number): boolean {
  if (table < AC) return symbol <= 11;
  const size = symbol & 15;
  return symbol === 0 || symbol === 0xf0 || (size >= 1 && size <= 10);
}

/** The scan in these tables, filled with ones to a whole byte. Nothing is stuffed. */
export function writeScan({ tables, symbols, extra }: ScanSymbols, codes: JpegTables): Uint8Array {
  const encoders = codes.map((code) => code && huffmanEncoder(code));
  const bytes: number[] = [];
  let held = 0;
  let count = 0;
  const put = (value: number, bits: number): void => {
    for (let i = bits - 1; i >= 0; i--) {
      held = (held << 1) | ((value >> i) & 1);
      if (++count === 8) {
        bytes.push(held);
        held = 0;
        count = 0;
      }
    }
  };
  for (let i = 0; i < symbols.length; i++) {
    const symbol = symbols[i] as number;
    const encoder = encoders[tables[i] as number];
    const length = encoder?.length[symbol] ?? 0;
    if (length === 0) refuse(`has symbol ${symbol}, which the shared tables lack`);
    put(encoder?.code[symbol] as number, length);
    put(extra[i] as number, symbol & 15);
  }
  if (count > 0) put((1 << (8 - count)) - 1, 8 - count);
  return Uint8Array.from(bytes);
}

/** The file that shared headers, shared tables and one payload make. */
export function assembleJpeg(segments: readonly Uint8Array[], codes: JpegTables, payload: Uint8Array): Uint8Array {
  const pieces: Uint8Array[] = [Uint8Array.of(0xff, SOI)];
  const scanHeader = segments.at(-1) as Uint8Array;
  pieces.push(...segments.slice(0, -1));
  codes.forEach((code, table) => {
    if (code) pieces.push(tableSegment(code, table));
  });
  pieces.push(scanHeader, stuff(payload), Uint8Array.of(0xff, EOI));
  return joinBytes(pieces);
}

function tableSegment({ lengths, symbols }: HuffmanCode, table: number): Uint8Array {
  const length = 2 + 17 + symbols.length;
  const head = ((table < AC ? 0 : 1) << 4) | (table & 3);
  return Uint8Array.of(0xff, DHT, length >> 8, length & 255, head, ...lengths, ...symbols);
}

/** A zero byte after each 0xff, as a file has it (T.81, B.1.1.5). */
function stuff(payload: Uint8Array): Uint8Array {
  return Uint8Array.from([...payload].flatMap((byte) => (byte === 0xff ? [byte, 0] : [byte])));
}

export function joinBytes(pieces: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(pieces.reduce((n, piece) => n + piece.length, 0));
  let at = 0;
  for (const piece of pieces) {
    whole.set(piece, at);
    at += piece.length;
  }
  return whole;
}

function refuse(what: string): never {
  fail('E_INTERNAL', `a JPEG of our own ${what}`, {});
}
