import { describe, expect, it } from 'vitest';
import { IsplitError } from '../../../src/core/errors.js';
import { type PreprocessOptions, specFromOptions } from '../../../src/preprocess/options.js';
import { canonicalSpec, parsePreprocessSpec } from '../../../src/preprocess/spec.js';

function errorOf(action: () => unknown): IsplitError {
  try {
    action();
  } catch (error) {
    if (error instanceof IsplitError) return error;
    throw error;
  }
  throw new Error('no error');
}

describe('parsePreprocessSpec', () => {
  it('fills defaults and keeps one key order', () => {
    const spec = parsePreprocessSpec({ std: [255], mean: [0], channels: 1, width: 28, height: 28, colour: 'grey' });
    expect(JSON.stringify(spec)).toBe(
      '{"version":1,"crop":{"kind":"none"},"resize":"none","colour":"grey","height":28,"width":28,"channels":1,"mean":[0],"std":[255]}',
    );
    expect(JSON.stringify(parsePreprocessSpec(JSON.parse(JSON.stringify(spec))))).toBe(JSON.stringify(spec));
  });
  it('reports every violation at once, naming the file', () => {
    const error = errorOf(() =>
      parsePreprocessSpec(
        { colour: 'rgb', height: 0, width: 28, channels: 1, mean: [0], std: [0], extra: 1 },
        'card.json',
      ),
    );
    expect(error.code).toBe('E_PREPROCESS_SPEC');
    expect(error.exitCode).toBe(3);
    const text = error.all.map((p) => p.message).join('\n');
    expect(text).toContain('card.json: height');
    expect(text).toContain('extra');
    const logical = errorOf(() =>
      parsePreprocessSpec({ colour: 'rgb', height: 1, width: 1, channels: 1, mean: [0, 1], std: [0] }),
    );
    expect(logical.all.length).toBe(3);
  });
  it.each([null, 7, [], 'x', { crop: { kind: 'box' } }])('%j is refused', (json) => {
    expect(errorOf(() => parsePreprocessSpec(json)).code).toBe('E_PREPROCESS_SPEC');
  });
});

describe('specFromOptions', () => {
  const scaling = (options: PreprocessOptions, channels = 3) => {
    const { mean, std } = specFromOptions(options, [null, 8, 8, channels]).spec;
    return { mean, std };
  };
  it('input ranges are cases of mean and std', () => {
    expect(scaling({ inputRange: '0..255' }, 1)).toEqual({ mean: [0], std: [1] });
    expect(scaling({ inputRange: '0..1' }, 1)).toEqual({ mean: [0], std: [255] });
    expect(scaling({ inputRange: [-1, 1] }, 1)).toEqual({ mean: [127.5], std: [127.5] });
  });
  it('mean and std: picture units, units of the stated range, or 0..1 when they can be nothing else', () => {
    expect(scaling({ mean: '123.675,116.28,103.53', std: '58.395,57.12,57.375' }).mean[0]).toBeCloseTo(123.675, 9);
    const torch = scaling({ mean: '0.485,0.456,0.406', std: '0.229,0.224,0.225' });
    expect(torch.mean[0]).toBeCloseTo(0.485 * 255, 9);
    expect(torch.std[2]).toBeCloseTo(0.225 * 255, 9);
    const said = scaling({ inputRange: '0..1', mean: '0.485,0.456,0.406', std: '0.229,0.224,0.225' });
    expect(said).toEqual(torch);
    expect(scaling({ mean: '0', std: '1' }, 1)).toEqual({ mean: [0], std: [1] });
  });
  it('says what was assumed, and takes a card before assuming', () => {
    expect(specFromOptions({}, [32, 32, 3]).assumed).toEqual(['colour order rgb', 'input range 0..255']);
    const card = specFromOptions(
      { inputRange: '-1..1', colour: 'bgr', crop: 'centre:875', resize: true },
      [96, 96, 3],
    ).spec;
    const chosen = specFromOptions({}, [1, 224, 224, 3], card);
    expect(chosen.assumed).toEqual([]);
    expect(chosen.spec).toEqual(canonicalSpec({ ...card, height: 224, width: 224 }));
    expect(specFromOptions({ resize: 'nearest' }, [96, 96, 3], card).spec).toEqual({ ...card, resize: 'nearest' });
  });
  it('reads crops', () => {
    const crop = (text: string) => specFromOptions({ crop: text }, [8, 8, 1]).spec.crop;
    expect(crop('none')).toEqual({ kind: 'none' });
    expect(crop('center')).toEqual({ kind: 'centre', perMille: 1000 });
    expect(crop('1, 2, 3, 4')).toEqual({ kind: 'box', top: 1, left: 2, height: 3, width: 4 });
  });
  it('features: rank 2 becomes 1×1×n with colour none', () => {
    const { spec } = specFromOptions({ inputRange: '0..255' }, [null, 640]);
    expect([spec.height, spec.width, spec.channels, spec.colour]).toEqual([1, 1, 640, 'none']);
  });
  it('reports every wrong option at once', () => {
    const error = errorOf(() =>
      specFromOptions(
        { inputRange: '1..0', mean: '1,2', std: '0', resize: 'cubic', crop: 'x', colour: 'grey' },
        [32, 32, 3],
      ),
    );
    expect(error.code).toBe('E_USAGE');
    expect(error.exitCode).toBe(2);
    expect(error.all.map((p) => p.message)).toHaveLength(6);
  });
  it.each([[[null, 32, 32]], [[0, 3, 3]], [[1, 2, 3, 4, 5]], [[5000, 8, 3]]])('input shape %j is E_USAGE', (shape) => {
    expect(errorOf(() => specFromOptions({}, shape)).code).toBe('E_USAGE');
  });
});
