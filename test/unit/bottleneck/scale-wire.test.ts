import { beforeAll, describe, expect, it } from 'vitest';
import { cutShape, insertBottleneck } from '../../../src/bottleneck/insert.js';
import { bottleneckParameters } from '../../../src/bottleneck/parameters.js';
import { scaleWire } from '../../../src/bottleneck/scale-wire.js';
import { fitToCut, parseBottleneck } from '../../../src/bottleneck/spec.js';
import { createRandom } from '../../../src/core/random.js';
import type { Engine } from '../../../src/engines/engine.js';
import { createEngine } from '../../../src/engines/index.js';
import { elementCount, type Graph, tensorOf } from '../../../src/ir/graph.js';
import { demoPaths, openModel } from '../../../src/sdk.js';
import { runGraph } from './run-graph.js';

const FACTOR = 0.8;

let engine: Engine;
beforeAll(async () => {
  engine = await createEngine('onnx');
});

const run = (graph: Graph, values: Float32Array): Promise<Float32Array> => runGraph(engine, graph, values);

describe('scaleWire', () => {
  it.each([
    ['pool1', 'conv1x1-s1-c3-b4'],
    ['pool1', 'conv1x1-s4-c3-b4'],
    ['pool1', 'conv3x3-s2-c3-b4'],
    ['pool1', 'separable3x3-s2-c3-b4'],
    ['pool1', 'i-split'],
    ['dense1', 'dense-c5-b4'],
  ])('at %s, %s: smaller values on the wire, the same answers', async (cut, text) => {
    const { network } = await openModel(demoPaths().model);
    const shape = cutShape(network, cut);
    const spec = fitToCut(parseBottleneck(text), shape);
    for (const decoder of ['linear', 'residual'] as const) {
      const random = createRandom(2);
      const values = new Map(
        bottleneckParameters(spec, shape, decoder).map(({ name, shape }) => [
          name,
          Float32Array.from({ length: elementCount(shape) }, () => 0.2 * random.normal()),
        ]),
      );
      const one = insertBottleneck(network, cut, spec, { decoder, values });
      const scaled = scaleWire(one, FACTOR);
      const picture = Float32Array.from({ length: 28 * 28 }, () => random.next());
      const wire = await run(one.head, picture);
      const inside = [...wire].map((v) => v > 0 && v < 6);
      expect(inside.some(Boolean)).toBe(true);
      (await run(scaled.head, picture)).forEach((v, i) => {
        if (inside[i]) expect(v).toBeCloseTo(FACTOR * (wire[i] as number), 4);
      });
      const drawn = Float32Array.from(
        { length: elementCount(tensorOf(one.head, one.wire).shape) },
        () => 6 * random.next(),
      );
      const expected = await run(one.tail, drawn);
      const got = await run(
        scaled.tail,
        drawn.map((v) => FACTOR * v),
      );
      for (const [i, v] of got.entries()) expect(v).toBeCloseTo(expected[i] as number, 4);
    }
  });
});
