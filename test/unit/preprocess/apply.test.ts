import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { IsplitError } from '../../../src/core/errors.js';
import { applyToU8 } from '../../../src/preprocess/apply.js';
import type { Picture } from '../../../src/preprocess/picture.js';
import { parsePreprocessSpec } from '../../../src/preprocess/spec.js';

interface TensorflowGolden {
  picture: { height: number; width: number; channels: number; data: number[] };
  cases: { height: number; width: number; bilinear: number[]; nearest: number[] }[];
}
const golden = JSON.parse(
  readFileSync(new URL('./resize-tensorflow.json', import.meta.url), 'utf8'),
) as TensorflowGolden;

function makeSpec(fields: Record<string, unknown>) {
  const channels = fields.colour === 'grey' ? 1 : 3;
  const each = (v: number) => new Array<number>(channels).fill(v);
  return parsePreprocessSpec({ colour: 'rgb', channels, mean: each(0), std: each(1), ...fields });
}

function codeOf(action: () => unknown): string {
  try {
    action();
  } catch (error) {
    if (error instanceof IsplitError) return error.code;
    throw error;
  }
  return 'no error';
}

const pictures = fc
  .record({
    height: fc.integer({ min: 1, max: 12 }),
    width: fc.integer({ min: 1, max: 12 }),
    channels: fc.constantFrom(1, 3),
  })
  .chain((shape) =>
    fc
      .uint8Array({
        minLength: shape.height * shape.width * shape.channels,
        maxLength: shape.height * shape.width * shape.channels,
      })
      .map((data): Picture => ({ ...shape, data })),
  );
const sides = fc.integer({ min: 1, max: 20 });

describe('resize against TensorFlow (half-pixel centres, no antialiasing)', () => {
  const picture: Picture = { ...golden.picture, data: Uint8Array.from(golden.picture.data) };
  for (const { height, width, bilinear, nearest } of golden.cases) {
    it(`nearest 5×7 → ${height}×${width} is equal`, () => {
      expect([...applyToU8(picture, makeSpec({ height, width, resize: 'nearest' }))]).toEqual(nearest);
    });
    it(`bilinear 5×7 → ${height}×${width} is within rounding`, () => {
      const bytes = applyToU8(picture, makeSpec({ height, width, resize: 'bilinear' }));
      bilinear.forEach((real, i) => {
        // Half a step of rounding, and a coordinate error of 1/4096 on each axis times 255.
        expect(Math.abs((bytes[i] as number) - real)).toBeLessThanOrEqual(0.5 + (2 * 255) / 4096);
      });
    });
  }
});

describe('colour', () => {
  it.each([
    [[255, 0, 0], 76],
    [[0, 255, 0], 150],
    [[0, 0, 255], 29],
    [[255, 255, 255], 255],
    [[12, 200, 99], 132],
  ])('rgb %j → grey %i', (rgb, grey) => {
    const picture = { data: Uint8Array.from(rgb), height: 1, width: 1, channels: 3 };
    expect([...applyToU8(picture, makeSpec({ colour: 'grey', height: 1, width: 1 }))]).toEqual([grey]);
  });
  it('grey is the rounded BT.601 luma of every colour, and of grey itself exactly', () => {
    const byte = fc.integer({ min: 0, max: 255 });
    const greyOf = (r: number, g: number, b: number) =>
      applyToU8(
        { data: Uint8Array.of(r, g, b), height: 1, width: 1, channels: 3 },
        makeSpec({ colour: 'grey', height: 1, width: 1 }),
      )[0] as number;
    fc.assert(
      fc.property(byte, byte, byte, (r, g, b) => {
        expect(Math.abs(greyOf(r, g, b) - (0.299 * r + 0.587 * g + 0.114 * b))).toBeLessThan(0.51);
      }),
    );
    for (let v = 0; v < 256; v++) expect(greyOf(v, v, v)).toBe(v);
  });
  it('grey becomes three equal channels, bgr swaps', () => {
    const grey = { data: Uint8Array.of(7, 9), height: 1, width: 2, channels: 1 };
    expect([...applyToU8(grey, makeSpec({ height: 1, width: 2 }))]).toEqual([7, 7, 7, 9, 9, 9]);
    const rgb = { data: Uint8Array.of(1, 2, 3), height: 1, width: 1, channels: 3 };
    expect([...applyToU8(rgb, makeSpec({ colour: 'bgr', height: 1, width: 1 }))]).toEqual([3, 2, 1]);
  });
  it('none keeps any channel count and refuses another one', () => {
    const spec = parsePreprocessSpec({
      colour: 'none',
      height: 1,
      width: 1,
      channels: 5,
      mean: [0, 0, 0, 0, 0],
      std: [1, 1, 1, 1, 1],
    });
    const data = Uint8Array.of(1, 2, 3, 4, 5);
    expect([...applyToU8({ data, height: 1, width: 1, channels: 5 }, spec)]).toEqual([1, 2, 3, 4, 5]);
    expect(codeOf(() => applyToU8({ data: data.slice(0, 3), height: 1, width: 1, channels: 3 }, spec))).toBe(
      'E_DATA_SHAPE',
    );
  });
});

describe('crop', () => {
  const rows: Picture = { data: Uint8Array.from({ length: 24 }, (_, i) => i), height: 4, width: 6, channels: 1 };
  it('box takes the rectangle', () => {
    const crop = { kind: 'box', top: 1, left: 2, height: 2, width: 3 };
    expect([...applyToU8(rows, makeSpec({ colour: 'grey', height: 2, width: 3, crop }))]).toEqual([
      8, 9, 10, 14, 15, 16,
    ]);
  });
  it('centre without resize takes the target size from the middle', () => {
    const crop = { kind: 'centre' };
    expect([...applyToU8(rows, makeSpec({ colour: 'grey', height: 2, width: 2, crop }))]).toEqual([8, 9, 14, 15]);
  });
  it('centre with resize takes the largest window of the aspect ratio', () => {
    const crop = { kind: 'centre' };
    // 4×6 source, square target: the 4×4 window from column 1; nearest to 2×2 takes rows and columns 1 and 3 of it.
    const spec = makeSpec({ colour: 'grey', height: 2, width: 2, crop, resize: 'nearest' });
    expect([...applyToU8(rows, spec)]).toEqual([8, 10, 20, 22]);
  });
  it('perMille shrinks the centred window', () => {
    const crop = { kind: 'centre', perMille: 500 };
    const spec = makeSpec({ colour: 'grey', height: 2, width: 2, crop, resize: 'nearest' });
    expect([...applyToU8(rows, spec)]).toEqual([8, 9, 14, 15]);
  });
  it.each([
    ['picture of another size without resize', { height: 3, width: 3 }],
    [
      'box that leaves the picture',
      { height: 2, width: 3, crop: { kind: 'box', top: 3, left: 2, height: 2, width: 3 } },
    ],
    ['centre larger than the picture without resize', { height: 5, width: 5, crop: { kind: 'centre' } }],
  ])('%s is E_DATA_SHAPE', (_, fields) => {
    expect(codeOf(() => applyToU8(rows, makeSpec({ colour: 'grey', ...fields })))).toBe('E_DATA_SHAPE');
  });
  it('bytes that do not match the shape are E_DATA_SHAPE', () => {
    const picture = { ...rows, data: rows.data.subarray(1) };
    expect(codeOf(() => applyToU8(picture, makeSpec({ colour: 'grey', height: 4, width: 6 })))).toBe('E_DATA_SHAPE');
  });
});

describe('properties', () => {
  it('equal size copies, in every mode', () => {
    fc.assert(
      fc.property(pictures, fc.constantFrom('none', 'nearest', 'bilinear'), (picture, resize) => {
        const colour = picture.channels === 1 ? 'grey' : 'rgb';
        const bytes = applyToU8(picture, makeSpec({ colour, height: picture.height, width: picture.width, resize }));
        expect([...bytes]).toEqual([...picture.data]);
      }),
    );
  });
  it('bilinear equals the real-valued definition within rounding, at any size', () => {
    fc.assert(
      fc.property(pictures, sides, sides, (picture, height, width) => {
        const colour = picture.channels === 1 ? 'grey' : 'rgb';
        const bytes = applyToU8(picture, makeSpec({ colour, height, width, resize: 'bilinear' }));
        const at = (y: number, x: number, k: number) =>
          picture.data[(y * picture.width + x) * picture.channels + k] as number;
        const clamp = (v: number, n: number) => Math.min(Math.max(v, 0), n - 1);
        for (let i = 0; i < height; i++) {
          for (let j = 0; j < width; j++) {
            const y = clamp(((i + 0.5) * picture.height) / height - 0.5, picture.height);
            const x = clamp(((j + 0.5) * picture.width) / width - 0.5, picture.width);
            const y0 = Math.floor(y);
            const x0 = Math.floor(x);
            const y1 = clamp(y0 + 1, picture.height);
            const x1 = clamp(x0 + 1, picture.width);
            for (let k = 0; k < picture.channels; k++) {
              const real =
                (at(y0, x0, k) * (x0 + 1 - x) + at(y0, x1, k) * (x - x0)) * (y0 + 1 - y) +
                (at(y1, x0, k) * (x0 + 1 - x) + at(y1, x1, k) * (x - x0)) * (y - y0);
              const got = bytes[(i * width + j) * picture.channels + k] as number;
              expect(Math.abs(got - real)).toBeLessThanOrEqual(0.5 + (2 * 255) / 4096 + 1e-9);
            }
          }
        }
      }),
    );
  });
  it('bilinear has no preferred side: flipping the picture flips the result within 1', () => {
    fc.assert(
      fc.property(pictures, sides, sides, (picture, height, width) => {
        const spec = makeSpec({ colour: 'grey', height, width, resize: 'bilinear' });
        const flipped = applyToU8(flip(picture), spec);
        const straight = flip({ data: applyToU8(picture, spec), height, width, channels: 1 }).data;
        straight.forEach((v, i) => {
          expect(Math.abs(v - (flipped[i] as number))).toBeLessThanOrEqual(1);
        });
      }),
    );
  });
  it('writes into the given array and nowhere else', () => {
    const out = new Uint8Array(4).fill(9);
    const picture = { data: Uint8Array.of(1, 2), height: 1, width: 2, channels: 1 };
    applyToU8(picture, makeSpec({ colour: 'grey', height: 1, width: 2 }), out.subarray(1, 3));
    expect([...out]).toEqual([9, 1, 2, 9]);
  });
});

function flip(picture: Picture): Picture {
  const { height, width, channels } = picture;
  const data = new Uint8Array(picture.data.length);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      for (let k = 0; k < channels; k++) {
        data[(y * width + x) * channels + k] = picture.data[(y * width + width - 1 - x) * channels + k] as number;
      }
    }
  }
  return { ...picture, data };
}
