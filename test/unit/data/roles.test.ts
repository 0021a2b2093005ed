import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { makeDataset } from '../../../src/data/dataset.js';
import { drawStratified, splitRoles } from '../../../src/data/roles.js';
import type { SampleSource } from '../../../src/data/sample-source.js';
import { errorOf } from './support.js';

function datasetOf(labels: readonly number[]) {
  const source: SampleSource = {
    format: 'raw',
    count: labels.length,
    kind: 'picture',
    shape: { height: 1, width: 1, channels: 1 },
    labels: undefined,
    classNames: undefined,
    sampleNames: undefined,
    files: [],
    part: undefined,
    async *read() {},
  };
  const positions = Uint32Array.from(labels, (_, i) => i);
  return makeDataset(source, {
    name: 'x',
    positions,
    labels: Int32Array.from(labels),
    classNames: undefined,
    classCount: 5,
  });
}

const labelLists = fc.array(fc.integer({ min: 0, max: 4 }), { minLength: 20, maxLength: 200 });
const countOf = (labels: Iterable<number>, label: number) => [...labels].filter((l) => l === label).length;

describe('splitRoles', () => {
  it('parts are disjoint, together everything, with the classes in proportion', () => {
    fc.assert(
      fc.property(labelLists, fc.integer(), (labels, seed) => {
        const dataset = datasetOf(labels);
        const { train, validation, test } = splitRoles(dataset, seed, { validation: 0.2, test: 0.3 });
        const all = [...train.indices, ...validation.indices, ...test.indices].sort((a, b) => a - b);
        expect(all).toEqual([...dataset.indices]);
        expect(test.count).toBe(Math.round(0.3 * labels.length));
        expect(validation.count).toBe(Math.round(0.2 * labels.length));
        for (const part of [train, validation, test]) {
          part.indices.forEach((position, i) => {
            expect(part.labels[i]).toBe(labels[position]);
          });
        }
        for (let label = 0; label < 5; label++) {
          const exact = (countOf(labels, label) * test.count) / labels.length;
          expect(Math.abs(countOf(test.labels, label) - exact)).toBeLessThan(1);
        }
      }),
    );
  });
  it('the seed decides: the same one gives the same parts, another one others', () => {
    const dataset = datasetOf(Array.from({ length: 500 }, (_, i) => i % 5));
    const validationOf = (seed: number) => [...splitRoles(dataset, seed, { validation: 0.2 }).validation.indices];
    expect(validationOf(1)).toEqual(validationOf(1));
    expect(validationOf(1)).not.toEqual(validationOf(2));
  });
  it('a part of a part never meets the rest of the whole', () => {
    const dataset = datasetOf(Array.from({ length: 100 }, (_, i) => i % 5));
    const { train, test } = splitRoles(dataset, 0, { test: 0.2 });
    const inner = splitRoles(train, 0, { validation: 0.25 });
    const seen = new Set(test.indices);
    expect([...inner.train.indices, ...inner.validation.indices].filter((i) => seen.has(i))).toEqual([]);
    expect(inner.validation.count).toBe(20);
  });
  it('shares that leave nothing are E_USAGE, too few samples E_DATA_EMPTY', async () => {
    expect((await errorOf(() => splitRoles(datasetOf([0, 1, 2]), 0, { validation: 0.5, test: 0.5 }))).code).toBe(
      'E_USAGE',
    );
    expect((await errorOf(() => splitRoles(datasetOf([0, 1, 2]), 0, { test: 0.1 }))).code).toBe('E_DATA_EMPTY');
  });
});

describe('drawStratified', () => {
  it('draws exactly as many, ascending, each place once, every class within one of its share', () => {
    fc.assert(
      fc.property(labelLists, fc.integer({ min: 1, max: 250 }), fc.integer(), (labels, count, seed) => {
        const drawn = drawStratified(Int32Array.from(labels), count, seed);
        expect(drawn.length).toBe(Math.min(count, labels.length));
        drawn.forEach((place, i) => {
          if (i > 0) expect(place).toBeGreaterThan(drawn[i - 1] as number);
          expect(place).toBeLessThan(labels.length);
        });
        for (let label = 0; label < 5; label++) {
          const share = (countOf(labels, label) * drawn.length) / labels.length;
          const got = countOf(
            [...drawn].map((place) => labels[place] as number),
            label,
          );
          expect(Math.abs(got - share)).toBeLessThan(1);
        }
      }),
    );
  });
  it('does not just take the first ones', () => {
    const drawn = drawStratified(new Int32Array(1000), 100, 0);
    expect(drawn[99]).toBeGreaterThan(800);
  });
});
