/** The answer to a frame: compact binary, or JSON where the device's state asks for it. docs/wire.md has both. */
import { z } from 'zod';
import { crc32 } from '../core/crc32.js';
import { fail } from '../core/errors.js';
import type { WireField } from './frame.js';

/** `iR`. */
export const RESULT_MAGIC = 0x5269;
export const RESULT_VERSION = 1;
export const RESULT_BYTES = 28;

export const RESULT_FIELDS = [
  { name: 'magic', offset: 0, type: 'u16', bytes: 2, meaning: '69 52, "iR"' },
  { name: 'version', offset: 2, type: 'u8', bytes: 1, meaning: '1' },
  { name: 'status', offset: 3, type: 'u8', bytes: 1, meaning: '0 answered; else why not, see below' },
  { name: 'boot_id', offset: 4, type: 'u32', bytes: 4, meaning: 'of the frame' },
  { name: 'sequence', offset: 8, type: 'u32', bytes: 4, meaning: 'of the frame' },
  { name: 'class_id', offset: 12, type: 'u16', bytes: 2, meaning: 'index of the most likely class' },
  { name: 'confidence', offset: 14, type: 'u16', bytes: 2, meaning: 'its probability, 65535 for 1' },
  {
    name: 'tail_us',
    offset: 16,
    type: 'u32',
    bytes: 4,
    meaning: 'from the frame at the tail to the answer, microseconds',
  },
  { name: 'retry_ms', offset: 20, type: 'u32', bytes: 4, meaning: 'status 3: wait so long before resending; else 0' },
  { name: 'crc', offset: 24, type: 'u32', bytes: 4, meaning: 'CRC-32 of the 24 bytes before' },
] as const satisfies readonly WireField[];

/**
 * What a tail says to a frame, by its number. `ok`: answered. `split`: of a build that the tail does not serve. `payload`: not what the encoder of
 * this build makes. Sending these two again is of no use. `busy`: not now; the device keeps the frame and waits.
 */
export const RESULT_STATUSES = ['ok', 'split', 'payload', 'busy'] as const;
export type ResultStatus = (typeof RESULT_STATUSES)[number];

export interface FrameResult {
  readonly status: ResultStatus;
  readonly bootId: number;
  readonly sequence: number;
  /** 0 when there is none. */
  readonly classId: number;
  /** 0 … 1. */
  readonly confidence: number;
  readonly tailUs: number;
  readonly retryMs: number;
}

const CONFIDENCE_ONE = 65_535;
const U32 = 0xffff_ffff;

export function encodeResult(result: FrameResult): Uint8Array {
  const { status, bootId, sequence, classId, confidence, tailUs, retryMs } = result;
  const bytes = new Uint8Array(RESULT_BYTES);
  const view = new DataView(bytes.buffer);
  view.setUint16(0, RESULT_MAGIC, true);
  view.setUint8(2, RESULT_VERSION);
  view.setUint8(3, RESULT_STATUSES.indexOf(status));
  view.setUint32(4, bootId, true);
  view.setUint32(8, sequence, true);
  view.setUint16(12, classId, true);
  view.setUint16(14, Math.round(Math.min(1, Math.max(0, confidence)) * CONFIDENCE_ONE), true);
  view.setUint32(16, Math.min(U32, Math.round(tailUs)), true);
  view.setUint32(20, Math.min(U32, Math.round(retryMs)), true);
  view.setUint32(24, crc32(bytes.subarray(0, 24)), true);
  return bytes;
}

const u32 = z.int().min(0).max(U32);

const resultSchema = z.strictObject({
  status: z.enum(RESULT_STATUSES),
  bootId: u32,
  sequence: u32,
  classId: z.int().min(0).max(0xffff),
  class: z.string().optional(),
  confidence: z.number().min(0).max(1),
  tailUs: u32,
  retryMs: u32,
});

/** The same as JSON, with the class's name. */
export function resultToJson(result: FrameResult, className: string | undefined): string {
  const { status, bootId, sequence, classId, confidence, tailUs, retryMs } = result;
  const named = status === 'ok' && className !== undefined ? { class: className } : {};
  return JSON.stringify({
    status,
    bootId,
    sequence,
    classId,
    ...named,
    confidence: Math.round(confidence * 1e6) / 1e6,
    tailUs: Math.round(tailUs),
    retryMs,
  });
}

/** Either form. @throws IsplitError E_WIRE_RESULT */
export function decodeResult(bytes: Uint8Array): FrameResult {
  const refuse = (why: string): never =>
    fail('E_WIRE_RESULT', `${bytes.length} B are no result: ${why}`, { bytes: bytes.length });
  if (bytes[0] === 0x7b) {
    let value: unknown;
    try {
      value = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
    } catch {
      return refuse('no JSON');
    }
    const parsed = resultSchema.safeParse(value);
    if (!parsed.success) return refuse(z.prettifyError(parsed.error));
    const { class: _name, ...result } = parsed.data;
    return result;
  }
  if (bytes.length !== RESULT_BYTES) return refuse(`a result has ${RESULT_BYTES} B`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (view.getUint16(0, true) !== RESULT_MAGIC) return refuse('not begun by 69 52');
  if (view.getUint8(2) !== RESULT_VERSION) return refuse(`of another version than ${RESULT_VERSION}`);
  if (view.getUint32(24, true) !== crc32(bytes.subarray(0, 24))) return refuse('damaged');
  const status = RESULT_STATUSES[view.getUint8(3)];
  if (status === undefined) return refuse(`unknown status ${view.getUint8(3)}`);
  return {
    status,
    bootId: view.getUint32(4, true),
    sequence: view.getUint32(8, true),
    classId: view.getUint16(12, true),
    confidence: view.getUint16(14, true) / CONFIDENCE_ONE,
    tailUs: view.getUint32(16, true),
    retryMs: view.getUint32(20, true),
  };
}
