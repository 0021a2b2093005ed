import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  decodeResult,
  encodeResult,
  type FrameResult,
  RESULT_BYTES,
  RESULT_FIELDS,
  RESULT_STATUSES,
  resultToJson,
} from '../../../src/wire/result.js';

const u32 = fc.integer({ min: 0, max: 0xffff_ffff });
const anyResult: fc.Arbitrary<FrameResult> = fc.record({
  status: fc.constantFrom(...RESULT_STATUSES),
  bootId: u32,
  sequence: u32,
  classId: fc.integer({ min: 0, max: 0xffff }),
  confidence: fc.integer({ min: 0, max: 65_535 }).map((n) => n / 65_535),
  tailUs: u32,
  retryMs: u32,
});

const text = (s: string): Uint8Array => new TextEncoder().encode(s);

describe('result', () => {
  it('round trip, binary and JSON', () => {
    fc.assert(
      fc.property(anyResult, (result) => {
        expect(decodeResult(encodeResult(result))).toEqual(result);
        const read = decodeResult(text(resultToJson(result, 'cat')));
        expect({ ...read, confidence: 0 }).toEqual({ ...result, confidence: 0 });
        expect(read.confidence).toBeCloseTo(result.confidence, 6);
      }),
    );
  });

  it('has its fields one after the other', () => {
    let at = 0;
    for (const field of RESULT_FIELDS) {
      expect(field.offset).toBe(at);
      at += field.bytes;
    }
    expect(at).toBe(RESULT_BYTES);
  });

  it('names the class of an answer, and only of one', () => {
    const answer = {
      status: 'ok',
      bootId: 1,
      sequence: 2,
      classId: 3,
      confidence: 0.5,
      tailUs: 4,
      retryMs: 0,
    } as const;
    expect(JSON.parse(resultToJson(answer, 'cat'))).toEqual({ ...answer, class: 'cat' });
    expect(JSON.parse(resultToJson({ ...answer, status: 'busy' }, 'cat'))).not.toHaveProperty('class');
  });

  it('any wrong bit is refused, and JSON that is none of ours', () => {
    const bytes = encodeResult({
      status: 'ok',
      bootId: 1,
      sequence: 2,
      classId: 3,
      confidence: 1,
      tailUs: 4,
      retryMs: 0,
    });
    const refused = expect.objectContaining({ code: 'E_WIRE_RESULT' });
    for (let bit = 0; bit < 8 * bytes.length; bit++) {
      const wrong = bytes.slice();
      wrong[bit >> 3] = (wrong[bit >> 3] as number) ^ (1 << (bit & 7));
      expect(() => decodeResult(wrong), `bit ${bit}`).toThrow(refused);
    }
    for (const wrong of ['{', '{}', '{"status":"ok"}', '{"a":1e999}']) {
      expect(() => decodeResult(text(wrong)), wrong).toThrow(refused);
    }
    expect(() => decodeResult(Uint8Array.of(0x7b, 0xff))).toThrow(refused);
    expect(() => decodeResult(new Uint8Array(0))).toThrow(refused);
  });
});
