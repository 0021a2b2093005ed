import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { parsePreprocessSpec } from '../../../src/preprocess/spec.js';

const FOLDER = new URL('../../../models/fashion-cnn/', import.meta.url);
const read = (name: string): Buffer => readFileSync(new URL(name, FOLDER));

interface FileOfCard {
  path: string;
  bytes: number;
  sha256: string;
}
const card = JSON.parse(read('card.json').toString('utf8')) as {
  classes: string[];
  model: FileOfCard;
  samples: FileOfCard[];
  inputShape: number[];
  preprocessing: unknown;
  accuracy: Record<'test10000' | 'validation' | 'calibrationSamples' | 'testSamples', number>;
};
const indices = JSON.parse(read('samples/indices.json').toString('utf8')) as { calibration: number[]; test: number[] };

function readIdx(role: string, kind: 'images-idx3' | 'labels-idx1'): { sizes: number[]; values: Uint8Array } {
  const raw = gunzipSync(read(`samples/${role}/${role}-${kind}-ubyte.gz`));
  const rank = raw.readUInt8(3);
  const sizes = Array.from({ length: rank }, (_, axis) => raw.readUInt32BE(4 + 4 * axis));
  return { sizes, values: raw.subarray(4 + 4 * rank) };
}

describe('embedded demo model', () => {
  it('is within its size limits: model 1 MB, samples 2 MB', () => {
    expect(card.model.bytes).toBeLessThanOrEqual(1_000_000);
    expect(card.samples.reduce((sum, file) => sum + file.bytes, 0)).toBeLessThanOrEqual(2_000_000);
  });

  it.each([card.model, ...card.samples])('$path is the file the card describes', ({ path, bytes, sha256 }) => {
    const content = read(path);
    expect(content.length).toBe(bytes);
    expect(createHash('sha256').update(content).digest('hex')).toBe(sha256);
  });

  it('is the model that the golden importance curves were made from', () => {
    const golden = readFileSync(new URL('../../golden/importance/fashion-cnn.json', import.meta.url), 'utf8');
    expect((JSON.parse(golden) as { model: { sha256: string } }).model.sha256).toBe(card.model.sha256);
  });

  it('has a valid preprocessing block: grey bytes to 0..1 at the size the network takes', () => {
    const spec = parsePreprocessSpec(card.preprocessing, 'card.json');
    expect([spec.height, spec.width, spec.channels]).toEqual(card.inputShape);
    expect([spec.colour, spec.resize, spec.mean, spec.std]).toEqual(['grey', 'none', [0], [255]]);
  });

  it('states at least 91 % on the 10 000 test images, and about the same on the embedded ones', () => {
    expect(card.accuracy.test10000).toBeGreaterThanOrEqual(0.91);
    // Four standard errors of a proportion near 0.92 over 1 500 samples.
    expect(Math.abs(card.accuracy.testSamples - card.accuracy.test10000)).toBeLessThan(0.028);
  });

  it.each([
    ['calibration', 2000, 200],
    ['test', 1500, 150],
  ] as const)('has %s samples, %i pictures, %i of each class', (role, count, perClass) => {
    const images = readIdx(role, 'images-idx3');
    const labels = readIdx(role, 'labels-idx1');
    expect(images.sizes).toEqual([count, 28, 28]);
    expect(images.values.length).toBe(count * 28 * 28);
    expect(labels.sizes).toEqual([count]);
    const histogram = new Array<number>(10).fill(0);
    for (const label of labels.values) histogram[label] = (histogram[label] ?? 0) + 1;
    expect(histogram).toEqual(new Array<number>(card.classes.length).fill(perClass));
    expect(new Set(indices[role]).size).toBe(count);
  });

  it('shares no picture between calibration and test', () => {
    const picturesOf = (role: string): string[] => {
      const { values } = readIdx(role, 'images-idx3');
      return Array.from({ length: values.length / 784 }, (_, i) =>
        Buffer.from(values.subarray(784 * i, 784 * (i + 1))).toString('base64'),
      );
    };
    const calibration = new Set(picturesOf('calibration'));
    expect(picturesOf('test').filter((picture) => calibration.has(picture))).toEqual([]);
  });
});
