import { describe, expect, it } from 'vitest';
import type { Engine } from '../../../src/engines/engine.js';
import { createOnnxEngine } from '../../../src/engines/onnx.js';
import { createTfjsEngine } from '../../../src/engines/tfjs.js';
import { GraphBuilder } from '../../../src/ir/builder.js';
import type { Graph } from '../../../src/ir/graph.js';
import { SHAPES } from '../../../src/ops/index.js';

/** Outputs: computed, the input itself, a constant, a rank-4 value whose layout changes on the way out. */
function someGraph(): Graph {
  const b = new GraphBuilder('some', SHAPES);
  const x = b.input('x', [1, 2, 2, 2]);
  const c = b.constant('c', [2], Float32Array.of(7, 8));
  const flat = b.op('reshape', [b.op('add', [x, c])], { shape: [2, 4] }, { id: 'flat' });
  return b.build([flat, x, c, b.op('add', [x, x], {}, { id: 'twice' })]);
}

const X = Float32Array.of(1, 2, 3, 4, 5, 6, 7, 8);
const EXPECTED = {
  flat: [8, 10, 10, 12, 12, 14, 14, 16],
  x: [1, 2, 3, 4, 5, 6, 7, 8],
  c: [7, 8],
  twice: [2, 4, 6, 8, 10, 12, 14, 16],
};

const ENGINES: Readonly<Record<string, () => Promise<Engine>>> = {
  onnx: createOnnxEngine,
  'tfjs-cpu': () => createTfjsEngine('tfjs-cpu'),
};

describe.each(Object.keys(ENGINES))('outputs into given arrays: %s', (name) => {
  it('writes there and leaves the neighbours alone', async () => {
    const compiled = await (await (ENGINES[name] as () => Promise<Engine>)()).compile(someGraph(), { threads: 1 });
    const buffer = new Float32Array(28).fill(-1);
    const into = {
      flat: buffer.subarray(1, 9),
      x: buffer.subarray(10, 18),
      c: buffer.subarray(18, 20),
      twice: buffer.subarray(20),
    };
    for (const scale of [1, 2]) {
      const values = await compiled.run({ x: X.map((v) => v * scale) }, into);
      expect(values.flat).toBe(into.flat);
      expect([...(values.twice as Float32Array)]).toEqual(EXPECTED.twice.map((v) => v * scale));
    }
    await compiled.run({ x: X }, into);
    expect([...buffer]).toEqual([-1, ...EXPECTED.flat, -1, ...EXPECTED.x, ...EXPECTED.c, ...EXPECTED.twice]);
    await compiled.dispose();
  });

  it('takes new arrays for the others', async () => {
    const compiled = await (await (ENGINES[name] as () => Promise<Engine>)()).compile(someGraph(), { threads: 1 });
    const twice = new Float32Array(8);
    const values = await compiled.run({ x: X }, { twice });
    expect(values.twice).toBe(twice);
    for (const [id, data] of Object.entries(EXPECTED)) expect([...(values[id] as Float32Array)]).toEqual(data);
    await compiled.dispose();
  });

  it('refuses a wrong size and a name that is no output', async () => {
    const compiled = await (await (ENGINES[name] as () => Promise<Engine>)()).compile(someGraph(), { threads: 1 });
    await expect(compiled.run({ x: X }, { twice: new Float32Array(7) })).rejects.toThrow('needs 8 values, got 7');
    await expect(compiled.run({ x: X }, { other: new Float32Array(8) })).rejects.toThrow('"other" is no output');
    await expect(compiled.run({ x: new Float32Array(7) })).rejects.toThrow('needs 8 values, got 7');
    await compiled.dispose();
  });
});
