/** The generated C preprocessing against its definition in TypeScript, compiled with every warning and both sanitizers. */
import { describe, expect, it } from 'vitest';
import { IsplitError } from '../../src/core/errors.js';
import { emitPreprocessC } from '../../src/preprocess/emit-c.js';
import { makeInt8Map } from '../../src/preprocess/normalise.js';
import type { PreprocessSpec } from '../../src/preprocess/spec.js';
import { commandTool, describeNeeding } from '../support/shared-data.js';
import { COMPILERS, runPreprocessCampaign } from './preprocess-campaign.js';

const PACKAGES = { gcc: 'apt-get install gcc', clang: 'apt-get install clang' } as const;

for (const compiler of COMPILERS) {
  describeNeeding([commandTool(compiler, PACKAGES[compiler])], `C99 preprocessing compiled by ${compiler}`, () => {
    it('gives the bytes of the definition on 128 random pictures, and refuses what it refuses', () => {
      const result = runPreprocessCampaign(compiler, 1, 16, 8);
      expect(result.differing).toEqual([]);
      expect(result.cases).toBe(128);
      expect(result.refused).toBeGreaterThan(5);
      expect(result.refused).toBeLessThan(60);
      for (const resize of ['none', 'nearest', 'bilinear'])
        expect(result.counts[`resize ${resize}`]).toBeGreaterThan(5);
    }, 60_000);
  });
}

const SPEC: PreprocessSpec = {
  version: 1,
  crop: { kind: 'none' },
  resize: 'bilinear',
  colour: 'grey',
  height: 96,
  width: 96,
  channels: 1,
  mean: [0],
  std: [1],
};
const OFFSET = makeInt8Map(SPEC, { scale: 1, zeroPoint: -128 });

describe('what is generated', () => {
  it('is small: integers, no table where an offset does, no allocation', () => {
    const { source, header } = emitPreprocessC(SPEC, OFFSET, { prefix: 'vww' });
    expect(source).not.toMatch(/float|double|malloc|\[256\]|uint64|int64/);
    expect(source.split('\n').length).toBeLessThan(110);
    expect(header).toContain('#define VWW_INPUT_BYTES 9216');
    expect(header).toContain('int vww_preprocess(const uint8_t *picture, uint32_t height,');
  });

  it('has a table of 256 bytes where an offset does not do', () => {
    const map = makeInt8Map(SPEC, { scale: 0.7, zeroPoint: -100 });
    const { source, header } = emitPreprocessC(SPEC, map, { prefix: 'vww' });
    const table = /vww_int8_of\[256\] = \{([^}]*)\}/.exec(source)?.[1]?.split(',').slice(0, 256).map(Number);
    expect(Int8Array.from(table ?? [])).toEqual(map.kind === 'table' ? map.table : undefined);
    expect(header).toContain('256 bytes of constants');
  });

  it('takes no size at run time when it is known, and copies what needs no resize', () => {
    const camera = emitPreprocessC(SPEC, OFFSET, { prefix: 'cam', picture: { height: 240, width: 320, channels: 1 } });
    expect(camera.header).toContain('int cam_preprocess(const uint8_t *picture, size_t row_stride, int8_t *input);');
    expect(camera.source).toContain('walk_from(');
    const exact = emitPreprocessC(SPEC, OFFSET, { prefix: 'cam', picture: { height: 96, width: 96, channels: 1 } });
    expect(exact.source).not.toContain('walk_from(');
  });

  it('is the same twice', () => {
    expect(emitPreprocessC(SPEC, OFFSET, { prefix: 'a' })).toEqual(emitPreprocessC(SPEC, OFFSET, { prefix: 'a' }));
  });

  it.each([
    ['2nd', undefined, 'E_USAGE'],
    ['int main', undefined, 'E_USAGE'],
    ['ok', { height: 96, width: 96, channels: 2 }, 'E_DATA_SHAPE'],
    ['ok', { height: 0, width: 96, channels: 1 }, 'E_DATA_SHAPE'],
  ])('refuses prefix %j with pictures of %j', (prefix, picture, code) => {
    try {
      emitPreprocessC(SPEC, OFFSET, { prefix, ...(picture ? { picture } : {}) });
      expect.fail('nothing was thrown');
    } catch (error) {
      expect(error).toBeInstanceOf(IsplitError);
      expect((error as IsplitError).code).toBe(code);
    }
  });
});
