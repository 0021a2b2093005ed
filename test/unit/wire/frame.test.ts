import { crc32 as zlibCrc32 } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { IsplitError } from '../../../src/core/errors.js';
import { listLinks } from '../../../src/devices/index.js';
import {
  decodeFrame,
  encodeFrame,
  FRAME_FIELDS,
  FRAME_HEADER_BYTES,
  FRAME_OVERHEAD_BYTES,
  type Frame,
  readFrame,
  sequenceDistance,
} from '../../../src/wire/frame.js';
import { anyFrame, EXAMPLE_FRAME } from './any-frame.js';

describe('frame', () => {
  it('round trip of any frame', () => {
    fc.assert(
      fc.property(anyFrame, (frame) => {
        expect(readFrame(encodeFrame(frame))).toEqual(frame);
      }),
    );
  });

  it('has its fields one after the other, where the table says', () => {
    let at = 0;
    for (const field of FRAME_FIELDS) {
      expect(field.offset).toBe(at);
      at += field.bytes;
    }
    expect(at).toBe(FRAME_HEADER_BYTES);
    const bytes = encodeFrame(EXAMPLE_FRAME);
    const view = new DataView(bytes.buffer);
    const read = (name: string): number => {
      const field = FRAME_FIELDS.find((one) => one.name === name);
      if (!field) throw new Error(name);
      return field.bytes === 4 ? view.getUint32(field.offset, true) : view.getUint16(field.offset, true);
    };
    expect(['boot_id', 'sequence', 'capture_ms', 'length'].map(read)).toEqual([0xdeadbeef, 7, 1234, 3]);
    expect(Buffer.from(bytes).toString('hex')).toBe(
      // Python: struct.pack('<HBBBBHHH8sIIII', …) + payload, zlib.crc32.
      '6953010002000000010000000123456789abcdefefbeadde07000000d204000003000000a0b0c03159487f',
    );
  });

  it('ends with the CRC-32 of zip', () => {
    const bytes = Buffer.from(encodeFrame(EXAMPLE_FRAME));
    expect(bytes.readUInt32LE(bytes.length - 4)).toBe(zlibCrc32(bytes.subarray(0, -4)));
  });

  it('no single wrong bit and no cut passes', () => {
    const bytes = encodeFrame(EXAMPLE_FRAME);
    for (let bit = 0; bit < 8 * bytes.length; bit++) {
      const wrong = bytes.slice();
      wrong[bit >> 3] = (wrong[bit >> 3] as number) ^ (1 << (bit & 7));
      expect(readFrame(wrong), `bit ${bit}`).toBeTypeOf('string');
    }
    for (let length = 0; length < bytes.length; length++)
      expect(readFrame(bytes.subarray(0, length))).toBeTypeOf('string');
    expect(readFrame(Uint8Array.of(...bytes, 0))).toBe('length');
  });

  it('says what is wrong', () => {
    const bytes = encodeFrame(EXAMPLE_FRAME);
    const changed = (offset: number, value: number, mend = true): Uint8Array => {
      const wrong = Buffer.from(bytes);
      wrong[offset] = value;
      if (mend) wrong.writeUInt32LE(zlibCrc32(wrong.subarray(0, -4)), wrong.length - 4);
      return wrong;
    };
    expect(readFrame(new Uint8Array(FRAME_OVERHEAD_BYTES - 1))).toBe('short');
    expect(readFrame(changed(0, 0x50))).toBe('magic');
    expect(readFrame(changed(2, 2))).toBe('version');
    expect(readFrame(changed(32, 4))).toBe('length');
    expect(readFrame(changed(36, 1, false))).toBe('crc');
    for (const [offset, value] of [
      [3, 4],
      [4, 3],
      [5, 1],
      [6, 1],
      [8, 0],
      [11, 1],
    ] as const) {
      expect(readFrame(changed(offset, value)), `${offset}`).toBe('fields');
    }
    expect(() => decodeFrame(changed(36, 1, false))).toThrow(
      expect.objectContaining({ code: 'E_WIRE_FRAME', context: { fault: 'crc', bytes: 43 } }),
    );
    expect(() => decodeFrame(new Uint8Array(3))).toThrow(IsplitError);
  });

  it('does not make frames that cannot be read', () => {
    const wrong: Partial<Frame>[] = [
      { bootId: 2 ** 32 },
      { sequence: -1 },
      { captureMs: 0.5 },
      { chunk: { index: 2, count: 2 } },
      { chunk: { index: 0, count: 0 } },
      { splitIdPrefix: '0123' },
    ];
    for (const fields of wrong) expect(() => encodeFrame({ ...EXAMPLE_FRAME, ...fields })).toThrow(RangeError);
  });

  it('takes what the links reckon with', () => {
    for (const { id, layers } of listLinks()) {
      const overheads = layers.flatMap((layer) => layer.overheads);
      const [ours] = overheads.filter(({ name }) => name === 'isplit frame header and CRC-32');
      expect(ours, id).toMatchObject({ bytes: FRAME_OVERHEAD_BYTES });
    }
  });
});

describe('sequenceDistance', () => {
  it('counts across the end of u32', () => {
    expect(sequenceDistance(0xffff_ffff, 0)).toBe(1);
    expect(sequenceDistance(0, 0xffff_ffff)).toBe(-1);
    expect(sequenceDistance(5, 9)).toBe(4);
  });
});
