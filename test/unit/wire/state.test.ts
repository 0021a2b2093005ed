import { describe, expect, it } from 'vitest';
import { MOST_STATE_BYTES, parseDeviceState, parseTailState } from '../../../src/wire/state.js';

const bytes = (value: unknown): Uint8Array => new TextEncoder().encode(JSON.stringify(value));
const splitId = '0123456789abcdef'.repeat(4);

describe('state', () => {
  it('of a device: binary results unless it asks, other fields left alone', () => {
    expect(parseDeviceState(bytes({ status: 'offline' }))).toEqual({ status: 'offline', results: 'binary' });
    const state = {
      status: 'online',
      splitId,
      bootId: 7,
      results: 'json',
      keeps: { frames: 8, bytes: 16_384, ageMs: 60_000 },
      counts: { resent: 3 },
      firmware: 'mine 1.2',
    };
    expect(parseDeviceState(bytes(state))).toEqual(state);
  });

  it('of a tail', () => {
    const state = { status: 'online', instance: 'gw1', version: '0.1.0', splitIds: [splitId] };
    expect(parseTailState(bytes(state))).toEqual(state);
  });

  it.each([
    ['no JSON', new TextEncoder().encode('{')],
    ['no UTF-8', Uint8Array.of(0x22, 0xff, 0x22)],
    ['no object', bytes([1])],
    ['another status', bytes({ status: 'asleep' })],
    ['half a splitId', bytes({ status: 'online', splitId: '0123' })],
    ['a boot id too large', bytes({ status: 'online', bootId: 2 ** 32 })],
    ['too long', bytes({ status: 'online', more: 'x'.repeat(MOST_STATE_BYTES) })],
  ])('%s is refused', (_, wrong) => {
    expect(() => parseDeviceState(wrong)).toThrow(expect.objectContaining({ code: 'E_WIRE_STATE' }));
  });
});
