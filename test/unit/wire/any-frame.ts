import fc from 'fast-check';
import { CODEC_IDS } from '../../../src/wire/codecs/codec.js';
import { type Frame, WHOLE } from '../../../src/wire/frame.js';

const u32 = fc.integer({ min: 0, max: 0xffff_ffff });
const chunk = fc
  .tuple(fc.integer({ min: 1, max: 0xffff }), fc.nat())
  .map(([count, index]) => ({ index: index % count, count }));

export const anyFrame: fc.Arbitrary<Frame> = fc.record({
  codec: fc.constantFrom(...CODEC_IDS),
  splitIdPrefix: fc.uint8Array({ minLength: 8, maxLength: 8 }).map((bytes) => Buffer.from(bytes).toString('hex')),
  bootId: u32,
  sequence: u32,
  captureMs: u32,
  clock: fc.constantFrom('boot', 'unix'),
  resent: fc.boolean(),
  chunk,
  payload: fc.uint8Array({ maxLength: 600 }),
});

export const anyWholeFrame = anyFrame.map((frame) => ({ ...frame, chunk: WHOLE }));

/** The example of docs/wire.md. */
export const EXAMPLE_FRAME: Frame = {
  codec: 'rans',
  splitIdPrefix: '0123456789abcdef',
  bootId: 0xdeadbeef,
  sequence: 7,
  captureMs: 1234,
  clock: 'boot',
  resent: false,
  chunk: WHOLE,
  payload: Uint8Array.of(0xa0, 0xb0, 0xc0),
};
