import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { createRandom } from '../../../../src/core/random.js';
import { jpegCodec } from '../../../../src/evaluate/baselines/jpeg.js';
import type { PictureCodec, PictureSetting } from '../../../../src/evaluate/baselines/picture-codec.js';
import { resample } from '../../../../src/evaluate/baselines/resample.js';
import { webpCodec } from '../../../../src/evaluate/baselines/webp.js';
import type { Picture } from '../../../../src/preprocess/picture.js';

/** Smooth shapes with an edge and a little noise: something a codec has work with. */
function makePictures(count: number, height: number, width: number, channels: number): Picture[] {
  const random = createRandom(7);
  return Array.from({ length: count }, () => {
    const [a, b, c] = [random.next() * 6, random.next() * 6, random.int(width)];
    const data = new Uint8Array(height * width * channels);
    for (let y = 0; y < height; y++)
      for (let x = 0; x < width; x++)
        for (let k = 0; k < channels; k++) {
          const wave = 60 * Math.sin((a * x) / width + k) + 40 * Math.cos((b * y) / height) + (x < c ? 30 : -30);
          data[(y * width + x) * channels + k] = Math.max(0, Math.min(255, 128 + wave + 12 * random.normal()));
        }
    return { data, height, width, channels };
  });
}

async function pixelsOf(file: Uint8Array): Promise<Buffer> {
  return sharp(file).raw().toBuffer();
}

const cases: readonly [string, PictureCodec, Omit<PictureSetting, 'quality'>, number][] = [
  ['JPEG, colour, 4:2:0', jpegCodec, { height: 32, width: 32, variant: '4:2:0' }, 3],
  ['JPEG, colour, 4:4:4, odd size', jpegCodec, { height: 27, width: 21, variant: '4:4:4' }, 3],
  ['JPEG, colour, 4:2:0, odd size', jpegCodec, { height: 27, width: 21, variant: '4:2:0' }, 3],
  ['JPEG, grey', jpegCodec, { height: 28, width: 28, variant: '' }, 1],
  ['WebP, colour', webpCodec, { height: 32, width: 32, variant: '' }, 3],
  ['WebP, grey, odd size', webpCodec, { height: 27, width: 21, variant: '' }, 1],
];

describe('headers that both ends keep', () => {
  it.each(cases)('%s: a file rebuilt from its payload decodes to the same pixels', async (_, codec, size, channels) => {
    for (const quality of [1, 30, 90]) {
      const setting = { ...size, quality };
      const pictures = makePictures(12, size.height, size.width, channels);
      const files = await Promise.all(pictures.map((picture) => codec.encode(picture, setting)));
      // Learnt on some, used on others.
      const shared = codec.share(files.slice(0, 6));
      for (const file of files) {
        const payload = shared.payloadOf(file);
        const rebuilt = shared.rebuild(payload);
        expect(await pixelsOf(rebuilt)).toEqual(await pixelsOf(file));
        expect(shared.payloadOf(rebuilt)).toEqual(payload);
        expect(payload.length).toBeLessThan(file.length - 20);
      }
    }
  });

  it('a grey JPEG is a file of one component', async () => {
    const [picture] = makePictures(1, 16, 16, 1) as [Picture];
    const file = await jpegCodec.encode(picture, { height: 16, width: 16, quality: 50, variant: '' });
    expect((await sharp(file).metadata()).channels).toBe(1);
    expect((await jpegCodec.decode(file, 1)).data).toHaveLength(256);
  });

  it('shared tables cost less than the standard tables of a camera', async () => {
    const pictures = makePictures(40, 32, 32, 3);
    const setting = { height: 32, width: 32, quality: 40, variant: '4:2:0' };
    const files = await Promise.all(pictures.map((picture) => jpegCodec.encode(picture, setting)));
    const shared = jpegCodec.share(files.slice(0, 20));
    const standard = await Promise.all(
      pictures.map(({ data }) =>
        sharp(data, { raw: { height: 32, width: 32, channels: 3 } })
          .jpeg({ quality: 40, optimiseCoding: false })
          .toBuffer(),
      ),
    );
    const scanBytes = (file: Buffer): number => {
      const at = file.indexOf(Buffer.from([0xff, 0xda]));
      return file.length - 2 - (at + 2 + file.readUInt16BE(at + 2));
    };
    const own = files.slice(20).reduce((sum, file) => sum + shared.payloadOf(file).length, 0);
    expect(own).toBeLessThan(standard.slice(20).reduce((sum, file) => sum + scanBytes(file), 0));
  });
});

describe('resample', () => {
  const data = Uint8Array.of(12, 200, 31, 90, 250, 5, 100, 40, 160, 20, 77, 230, 9, 99, 33, 66, 11, 251);
  const picture: Picture = { data, height: 3, width: 6, channels: 1 };
  // tf.image.resize(…, method='lanczos3', antialias=True), rounded and clipped, TensorFlow 2.21.
  it.each([
    [
      [4, 8],
      [0, 151, 170, 4, 67, 253, 167, 0, 75, 84, 120, 115, 43, 112, 163, 129],
      [79, 44, 76, 123, 46, 0, 126, 255, 0, 75, 86, 20, 72, 2, 98, 255],
    ],
    [
      [2, 4],
      [87, 97, 110, 132],
      [52, 85, 23, 176],
    ],
  ])('is Lanczos as TensorFlow does it, to %j', ([height, width], first, second) => {
    expect([...resample(picture, height as number, width as number).data]).toEqual([...first, ...second]);
  });

  it('a flat picture stays flat, one of the same size stays itself', () => {
    const flat = { data: new Uint8Array(64 * 3).fill(77), height: 8, width: 8, channels: 3 };
    expect(resample(flat, 13, 5).data.every((value) => value === 77)).toBe(true);
    expect(resample(flat, 8, 8)).toBe(flat);
  });
});
