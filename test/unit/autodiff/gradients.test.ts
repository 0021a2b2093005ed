import { describe, expect, it } from 'vitest';
import { gradientGraph } from '../../../src/autodiff/gradients.js';
import { createRandom } from '../../../src/core/random.js';
import { createOnnxEngine } from '../../../src/engines/onnx.js';
import { GraphBuilder } from '../../../src/ir/builder.js';
import { elementCount, type Graph } from '../../../src/ir/graph.js';
import { verifyGraph } from '../../../src/ir/verify.js';
import { SHAPES } from '../../../src/ops/index.js';

const random = createRandom(7);
const normal = (shape: readonly number[], scale = 1): Float32Array =>
  Float32Array.from({ length: elementCount(shape) }, () => random.normal() * scale);

/** Two convolutions with a residual edge, fused and unfused activations, then a dense layer. */
function residualNet(): Graph {
  const b = new GraphBuilder('residual', SHAPES);
  const x = b.input('x', [2, 7, 6, 3]);
  const w1 = b.constant('w1', [4, 3, 3, 3], normal([4, 3, 3, 3], 0.3));
  const b1 = b.constant('b1', [4], normal([4], 0.1));
  const w2 = b.constant('w2', [4, 3, 3, 4], normal([4, 3, 3, 4], 0.3));
  const w3 = b.constant('w3', [5, 4 * 4 * 3], normal([5, 48], 0.2));
  const c1 = b.op('conv2d', [x, w1, b1], { strides: [2, 2], dilations: [1, 1], pads: [1, 1, 0, 1] }, { id: 'c1' });
  const r1 = b.op('relu', [c1], {}, { id: 'r1' });
  const c2 = b.op(
    'conv2d',
    [r1, w2],
    { strides: [1, 1], dilations: [1, 1], pads: [1, 1, 1, 1], activation: 'relu' },
    { id: 'c2' },
  );
  const sum = b.op('add', [r1, c2], {}, { id: 'sum' });
  const flat = b.op('reshape', [sum], { shape: [-1, 48] }, { id: 'flat' });
  return b.build([b.op('dense', [flat, w3], {}, { id: 'y' })]);
}

describe('gradients on the onnx engine', () => {
  it('match finite differences for activations, inputs and weights', async () => {
    const net = residualNet();
    const wrt = ['x', 'r1', 'c1', 'w1', 'b1', 'w2', 'w3'];
    const { graph, gradients } = gradientGraph(net, { of: 'y', wrt }, 'seed');
    verifyGraph(graph, SHAPES);
    const engine = await createOnnxEngine();
    const compiled = await engine.compile(graph);
    const x = normal([2, 7, 6, 3]);
    const seed = normal([2, 5]);
    const values = await compiled.run({ x, seed });
    const forward = await engine.compile(net);
    const loss = async (feed: Float32Array): Promise<number> => {
      const y = (await forward.run({ x: feed })).y as Float32Array;
      return y.reduce((acc, v, i) => acc + v * (seed[i] as number), 0);
    };
    const dx = values[gradients.get('x') as string] as Float32Array;
    for (const i of [0, 17, 60, 125, 251]) {
      const step = 1e-2;
      const up = x.slice();
      const down = x.slice();
      up[i] = (up[i] as number) + step;
      down[i] = (down[i] as number) - step;
      const numeric = ((await loss(up)) - (await loss(down))) / (2 * step);
      expect(Math.abs((dx[i] as number) - numeric)).toBeLessThan(2e-3 * (1 + Math.abs(numeric)));
    }
    expect(gradients.size).toBe(wrt.length);
    await compiled.dispose();
    await forward.dispose();
  });

  it('leaves out tensors that the result does not depend on', () => {
    const net = residualNet();
    const { gradients } = gradientGraph(net, { of: 'r1', wrt: ['x', 'c2'] });
    expect([...gradients.keys()]).toEqual(['x']);
  });
});
