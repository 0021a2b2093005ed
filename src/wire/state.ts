/** Retained state of devices and tails, as JSON. docs/wire.md has the fields. */
import { z } from 'zod';
import { fail } from '../core/errors.js';

/** Longer states are not read: anyone may retain anything. */
export const MOST_STATE_BYTES = 4096;

const u32 = z.int().min(0).max(0xffff_ffff);
const splitId = z.string().regex(/^[0-9a-f]{64}$/, 'has 64 hexadecimal digits');

/** Fields that firmware adds are left alone. */
const deviceState = z.looseObject({
  status: z.enum(['online', 'offline']),
  splitId: splitId.optional(),
  bootId: u32.optional(),
  results: z.enum(['binary', 'json']).default('binary'),
  keeps: z.object({ frames: u32, bytes: u32, ageMs: u32 }).optional(),
  counts: z.record(z.string().max(40), u32).optional(),
});

export type DeviceState = z.infer<typeof deviceState>;

const tailState = z.looseObject({
  status: z.enum(['online', 'offline']),
  instance: z.string(),
  version: z.string().optional(),
  splitIds: z.array(splitId).optional(),
});

export type TailState = z.infer<typeof tailState>;

/** @throws IsplitError E_WIRE_STATE with everything that is wrong */
export function parseDeviceState(bytes: Uint8Array): DeviceState {
  return parse(deviceState, bytes, 'device');
}

/** @throws IsplitError E_WIRE_STATE */
export function parseTailState(bytes: Uint8Array): TailState {
  return parse(tailState, bytes, 'tail');
}

function parse<T>(schema: z.ZodType<T>, bytes: Uint8Array, of: 'device' | 'tail'): T {
  const refuse = (why: string): never =>
    fail('E_WIRE_STATE', `${bytes.length} B are no state of a ${of}: ${why}`, { of, bytes: bytes.length });
  if (bytes.length > MOST_STATE_BYTES) refuse(`more than ${MOST_STATE_BYTES} B`);
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch {
    refuse('no JSON');
  }
  const read = schema.safeParse(value);
  return read.success ? read.data : refuse(z.prettifyError(read.error));
}
