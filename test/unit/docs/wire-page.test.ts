import { readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { decodeFrame, encodeFrame, FRAME_FIELDS, type WireField } from '../../../src/wire/frame.js';
import { DEFAULT_OUTBOX } from '../../../src/wire/outbox.js';
import { decodeResult, RESULT_FIELDS, RESULT_STATUSES } from '../../../src/wire/result.js';
import { parseDeviceState } from '../../../src/wire/state.js';
import { repositoryRoot } from '../../support/shared-data.js';
import { EXAMPLE_FRAME } from '../wire/any-frame.js';

const page = readFileSync(path.join(repositoryRoot, 'docs/wire.md'), 'utf8');
const blocks = [...page.matchAll(/^```\n([\s\S]*?)^```/gm)].map(([, text]) =>
  Uint8Array.from((text as string).trim().split(/\s+/), (byte) => Number.parseInt(byte, 16)),
);

const rowOf = ({ name, offset, type, bytes, meaning }: WireField): string =>
  `| ${offset} | ${type === 'bytes' ? `${bytes} bytes` : type} | \`${name}\` | ${meaning} |`;

describe('docs/wire.md', () => {
  it('has every field as the code has it', () => {
    for (const field of [...FRAME_FIELDS, ...RESULT_FIELDS]) expect(page).toContain(rowOf(field));
    for (const [number, name] of RESULT_STATUSES.entries()) expect(page).toContain(`| ${number} \`${name}\` |`);
  });

  it('its frame and its results are read', () => {
    const [frame, result] = blocks as [Uint8Array, Uint8Array];
    expect(decodeFrame(frame)).toEqual(EXAMPLE_FRAME);
    expect(encodeFrame(EXAMPLE_FRAME)).toEqual(frame);
    const [json] = (/```json\n(\{"status":"ok"[\s\S]*?)```/.exec(page) ?? []).slice(1) as [string];
    const expected = { status: 'ok', bootId: 0xdeadbeef, sequence: 7, classId: 4, tailUs: 1500, retryMs: 0 };
    for (const bytes of [result, new TextEncoder().encode(json.trim())]) {
      const read = decodeResult(bytes);
      expect(read).toMatchObject(expected);
      expect(read.confidence).toBeCloseTo(0.5, 4);
    }
  });

  it('its state is read', () => {
    const [json] = (/```json\n(\{"status": [\s\S]*?)```/.exec(page) ?? []).slice(1) as [string];
    expect(parseDeviceState(new TextEncoder().encode(json))).toMatchObject({ results: 'json', bootId: 0xdeadbeef });
  });

  it('states the bounds that devices have by default', () => {
    const { frames, bytes, ageMs, resendMs, mostResendMs } = DEFAULT_OUTBOX;
    for (const words of [
      `(${resendMs})`,
      `(${mostResendMs / 1000} 000)`,
      `so many frames (${frames}), so many bytes (${bytes / 1024} KiB), so old (${ageMs / 1000} s)`,
    ]) {
      expect(page).toContain(words);
    }
  });
});
