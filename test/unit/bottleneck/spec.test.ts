import { describe, expect, it } from 'vitest';
import {
  fitToCut,
  formatBottleneck,
  packedWireBytes,
  parseBottleneck,
  wireShapeOf,
} from '../../../src/bottleneck/spec.js';
import { IsplitError } from '../../../src/core/errors.js';

function problemsOf(run: () => unknown): string {
  try {
    run();
  } catch (error) {
    if (error instanceof IsplitError && error.code === 'E_BOTTLENECK_SPEC') {
      return error.all.map(({ message }) => message).join(' | ');
    }
    throw error;
  }
  return '';
}

describe('parseBottleneck', () => {
  it.each(['conv1x1-s1-c8-b4', 'conv3x3-s2-c8-b4', 'separable3x3-s2-c16-b2', 'dense-s1-c32-b8', 'i-split-s4-c4-b1'])(
    'reads and writes %s',
    (text) => {
      expect(formatBottleneck(parseBottleneck(text))).toBe(text);
    },
  );
  it('leaves the channels of i-split to the cut: a quarter of its channels, 8 bits', () => {
    const paper = parseBottleneck('i-split');
    expect(fitToCut(paper, [112, 112, 64])).toEqual({ encoder: 'i-split', stride: 4, channels: 16, bits: 8 });
    expect(formatBottleneck(paper)).toBe('i-split-s4-b8');
    expect(parseBottleneck(formatBottleneck(paper))).toEqual(paper);
  });
  it('names everything that is wrong, and what is allowed', () => {
    expect(problemsOf(() => parseBottleneck('conv5x5-s2-c8-b4'))).toContain('conv1x1, conv3x3, separable3x3');
    const all = problemsOf(() => parseBottleneck('conv3x3-s4-c0-b3'));
    expect(all).toContain('stride 1 or 2, not 4');
    expect(all).toContain('8, 4, 2, 1 bits, not 3');
    expect(all).toContain('not 0');
    expect(problemsOf(() => parseBottleneck('conv1x1-s2'))).toContain('channels (c), bits (b)');
    expect(problemsOf(() => parseBottleneck('conv1x1-s2-s4-c1-b1'))).toContain('twice');
    expect(problemsOf(() => parseBottleneck('conv1x1-x2-c1-b1-s1'))).toContain('"x2"');
    expect(problemsOf(() => parseBottleneck(''))).toContain('none of the encoders');
  });
  it('refuses a cut that the encoder does not take', () => {
    expect(problemsOf(() => fitToCut(parseBottleneck('dense-c4-b8'), [8, 8, 4]))).toContain('conv1x1');
    expect(problemsOf(() => fitToCut(parseBottleneck('conv1x1-s1-c4-b8'), [64]))).toContain('dense');
    expect(problemsOf(() => fitToCut(parseBottleneck('conv1x1-s1-c5-b8'), [8, 8, 4]))).toContain('4 values');
  });
});

describe('sizes on the wire', () => {
  it('round up', () => {
    expect(wireShapeOf({ stride: 2, channels: 3 }, [7, 5, 16])).toEqual([4, 3, 3]);
    expect(wireShapeOf({ stride: 1, channels: 3 }, [16])).toEqual([3]);
    expect(packedWireBytes({ stride: 2, channels: 3, bits: 2 }, [7, 5, 16])).toBe(9);
    expect(packedWireBytes({ stride: 4, channels: 1, bits: 1 }, [4, 4, 16])).toBe(1);
  });
});
