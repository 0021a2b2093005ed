/** The frame that carries an activation from a device to the tail. docs/wire.md has it field by field, with examples, for strangers. */
import { crc32 } from '../core/crc32.js';
import { fail } from '../core/errors.js';
import type { CodecId } from './codecs/codec.js';

/** `iS`. */
export const FRAME_MAGIC = 0x5369;
export const FRAME_VERSION = 1;

/** One field of a message: little-endian, unsigned; `bytes` are taken as they come. */
export interface WireField {
  readonly name: string;
  readonly offset: number;
  readonly type: 'u8' | 'u16' | 'u32' | 'bytes';
  readonly bytes: number;
  readonly meaning: string;
}

/** Everything before the payload. The C header and docs/wire.md are made from this table. */
export const FRAME_FIELDS = [
  { name: 'magic', offset: 0, type: 'u16', bytes: 2, meaning: '69 53, "iS"' },
  { name: 'version', offset: 2, type: 'u8', bytes: 1, meaning: '1' },
  { name: 'flags', offset: 3, type: 'u8', bytes: 1, meaning: 'see below; other bits 0' },
  {
    name: 'codec',
    offset: 4,
    type: 'u8',
    bytes: 1,
    meaning: 'of the last wire tensor, as the manifest has it: 0 raw, 1 packed, 2 rans',
  },
  { name: 'reserved', offset: 5, type: 'u8', bytes: 1, meaning: '0' },
  { name: 'chunk_index', offset: 6, type: 'u16', bytes: 2, meaning: 'of this piece, from 0; 0 in a whole frame' },
  { name: 'chunk_count', offset: 8, type: 'u16', bytes: 2, meaning: 'pieces of the frame; 1 in a whole frame' },
  { name: 'reserved2', offset: 10, type: 'u16', bytes: 2, meaning: '0' },
  { name: 'split_id', offset: 12, type: 'bytes', bytes: 8, meaning: 'first 8 bytes of the splitId' },
  { name: 'boot_id', offset: 20, type: 'u32', bytes: 4, meaning: 'drawn at random when the device starts' },
  { name: 'sequence', offset: 24, type: 'u32', bytes: 4, meaning: 'of the frame since the start, from 0' },
  { name: 'capture_ms', offset: 28, type: 'u32', bytes: 4, meaning: 'when the input was taken, ms modulo 2^32' },
  { name: 'length', offset: 32, type: 'u32', bytes: 4, meaning: 'bytes of payload that follow' },
] as const satisfies readonly WireField[];

export const FRAME_HEADER_BYTES = 36;
/** CRC-32 over everything before it, behind the payload. */
export const FRAME_TRAILER_BYTES = 4;
/** What a frame takes besides its payload. */
export const FRAME_OVERHEAD_BYTES = FRAME_HEADER_BYTES + FRAME_TRAILER_BYTES;
export const SPLIT_ID_PREFIX_BYTES = 8;
/** No payload is longer: an MQTT packet could not be. */
export const MOST_PAYLOAD_BYTES = 2 ** 28 - 1 - 2 ** 16;

export const FRAME_FLAGS = {
  /** `capture_ms` counts from 1970-01-01 UTC; else from the start of the device. */
  unixTime: 1,
  /** Sent before; the result has not come. */
  resent: 2,
} as const;
const KNOWN_FLAGS = FRAME_FLAGS.unixTime | FRAME_FLAGS.resent;

export const CODEC_NUMBERS: Readonly<Record<CodecId, number>> = { raw: 0, packed: 1, rans: 2 };
const CODEC_OF_NUMBER: readonly CodecId[] = ['raw', 'packed', 'rans'];

export interface Frame {
  readonly codec: CodecId;
  /** First 8 bytes of the splitId in hexadecimal, 16 digits. */
  readonly splitIdPrefix: string;
  /** u32. Another one after every start: sequences begin anew. */
  readonly bootId: number;
  /** u32. */
  readonly sequence: number;
  /** u32, milliseconds modulo 2^32. */
  readonly captureMs: number;
  /** Where `captureMs` counts from. */
  readonly clock: 'boot' | 'unix';
  readonly resent: boolean;
  /** { index: 0, count: 1 } for a whole frame. */
  readonly chunk: { readonly index: number; readonly count: number };
  /** Of this chunk. */
  readonly payload: Uint8Array;
}

export const WHOLE = { index: 0, count: 1 } as const;

/** Why bytes are no frame. What is said about them is checked in this order. */
export const FRAME_FAULTS = ['short', 'magic', 'version', 'length', 'crc', 'fields'] as const;
export type FrameFault = (typeof FRAME_FAULTS)[number];

/** @throws RangeError for a field out of its range: whoever makes frames counts within them */
export function encodeFrame(frame: Frame): Uint8Array {
  const { codec, splitIdPrefix, bootId, sequence, captureMs, clock, resent, chunk, payload } = frame;
  for (const [name, value, most] of [
    ['bootId', bootId, 0xffff_ffff],
    ['sequence', sequence, 0xffff_ffff],
    ['captureMs', captureMs, 0xffff_ffff],
    ['chunk.count', chunk.count, 0xffff],
    ['chunk.index', chunk.index, chunk.count - 1],
    ['payload', payload.length, MOST_PAYLOAD_BYTES],
  ] as const) {
    if (!Number.isInteger(value) || value < 0 || value > most) {
      throw new RangeError(`${name} of a frame is an integer of 0 to ${most}, not ${value}`);
    }
  }
  if (!/^[0-9a-f]{16}$/.test(splitIdPrefix)) {
    throw new RangeError(`the splitId's prefix has 16 hexadecimal digits, not "${splitIdPrefix}"`);
  }
  const bytes = new Uint8Array(FRAME_OVERHEAD_BYTES + payload.length);
  const view = new DataView(bytes.buffer);
  view.setUint16(0, FRAME_MAGIC, true);
  view.setUint8(2, FRAME_VERSION);
  view.setUint8(3, (clock === 'unix' ? FRAME_FLAGS.unixTime : 0) | (resent ? FRAME_FLAGS.resent : 0));
  view.setUint8(4, CODEC_NUMBERS[codec]);
  view.setUint16(6, chunk.index, true);
  view.setUint16(8, chunk.count, true);
  for (let i = 0; i < SPLIT_ID_PREFIX_BYTES; i++) {
    view.setUint8(12 + i, Number.parseInt(splitIdPrefix.slice(2 * i, 2 * i + 2), 16));
  }
  view.setUint32(20, bootId, true);
  view.setUint32(24, sequence, true);
  view.setUint32(28, captureMs, true);
  view.setUint32(32, payload.length, true);
  bytes.set(payload, FRAME_HEADER_BYTES);
  const end = FRAME_HEADER_BYTES + payload.length;
  view.setUint32(end, crc32(bytes.subarray(0, end)), true);
  return bytes;
}

/** An encoded frame with the flag for frames that were sent before. @returns a copy */
export function markResent(bytes: Uint8Array): Uint8Array {
  const marked = bytes.slice();
  if (marked.length < FRAME_OVERHEAD_BYTES) return marked;
  const view = new DataView(marked.buffer);
  view.setUint8(3, view.getUint8(3) | FRAME_FLAGS.resent);
  const end = marked.length - FRAME_TRAILER_BYTES;
  view.setUint32(end, crc32(marked.subarray(0, end)), true);
  return marked;
}

/**
 * Reads bytes that anyone may have sent, in time that grows with their number alone.
 * @returns the frame, its payload a view of `bytes`; or what is wrong
 */
export function readFrame(bytes: Uint8Array): Frame | FrameFault {
  if (bytes.length < FRAME_OVERHEAD_BYTES) return 'short';
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (view.getUint16(0, true) !== FRAME_MAGIC) return 'magic';
  if (view.getUint8(2) !== FRAME_VERSION) return 'version';
  const length = view.getUint32(32, true);
  if (length !== bytes.length - FRAME_OVERHEAD_BYTES) return 'length';
  const end = FRAME_HEADER_BYTES + length;
  if (view.getUint32(end, true) !== crc32(bytes.subarray(0, end))) return 'crc';
  const flags = view.getUint8(3);
  const codec = CODEC_OF_NUMBER[view.getUint8(4)];
  const chunk = { index: view.getUint16(6, true), count: view.getUint16(8, true) };
  const reserved = view.getUint8(5) | view.getUint16(10, true);
  if ((flags & ~KNOWN_FLAGS) !== 0 || codec === undefined || reserved !== 0 || chunk.index >= chunk.count) {
    return 'fields';
  }
  let splitIdPrefix = '';
  for (let i = 12; i < 12 + SPLIT_ID_PREFIX_BYTES; i++) splitIdPrefix += view.getUint8(i).toString(16).padStart(2, '0');
  return {
    codec,
    splitIdPrefix,
    bootId: view.getUint32(20, true),
    sequence: view.getUint32(24, true),
    captureMs: view.getUint32(28, true),
    clock: flags & FRAME_FLAGS.unixTime ? 'unix' : 'boot',
    resent: (flags & FRAME_FLAGS.resent) !== 0,
    chunk,
    payload: bytes.subarray(FRAME_HEADER_BYTES, end),
  };
}

const FAULT_WORDS: Readonly<Record<FrameFault, string>> = {
  short: `shorter than the ${FRAME_OVERHEAD_BYTES} B that a frame has besides its payload`,
  magic: 'not begun by 69 53',
  version: `of another version than ${FRAME_VERSION}`,
  length: 'longer or shorter than its length field says',
  crc: 'damaged: the CRC-32 is not that of its bytes',
  fields:
    'well transmitted but badly made: unknown flags or codec, reserved bytes that are not 0, or a chunk beyond its count',
};

/** `readFrame` for who wants an error. @throws IsplitError E_WIRE_FRAME */
export function decodeFrame(bytes: Uint8Array): Frame {
  const frame = readFrame(bytes);
  if (typeof frame !== 'string') return frame;
  return fail('E_WIRE_FRAME', `${bytes.length} B are no frame: ${FAULT_WORDS[frame]}`, {
    fault: frame,
    bytes: bytes.length,
  });
}

/** Distance from one u32 to another on the circle: positive when `to` is ahead, −2^31 … 2^31 − 1. */
export function sequenceDistance(from: number, to: number): number {
  return (to - from) | 0;
}
