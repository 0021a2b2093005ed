import { describe, expect, it } from 'vitest';
import { tfliteReader } from '../../converters/tflite/index.js';
import { writeTflite } from '../../converters/tflite/write.js';
import { createRandom, type Random } from '../../src/core/random.js';
import { GraphBuilder } from '../../src/ir/builder.js';
import { type Attrs, elementCount, type Graph, type Shape, type Tensor } from '../../src/ir/graph.js';
import { SHAPES } from '../../src/ops/index.js';
import { fuseActivation } from '../../src/passes/fuse-activation.js';

/** A random network that branches and joins; some of its constants are equal to one another. */
function randomGraph(seed: number): Graph {
  const random = createRandom(seed);
  const b = new GraphBuilder(`random ${seed}`, SHAPES);
  const size = 4 + random.int(6);
  let x = b.input('image', [1, size, size + random.int(3), 1 + random.int(4)]);
  const outputs: string[] = [];
  const steps = 3 + random.int(8);
  for (let i = 0; i < steps; i++) {
    x = addLayer(b, random, x, i);
    if (random.int(6) === 0) outputs.push(x);
  }
  const flat = b.op('reshape', [x], { shape: [-1, elementCount(b.type(x).shape)] }, { id: 'flat' });
  const last = b.op('dense', [flat, ...weights(b, random, 'logits', [5, b.type(flat).shape[1] as number], 5)], {});
  return fuseActivation(b.build([...new Set([...outputs, last])]));
}

function addLayer(b: GraphBuilder, random: Random, x: string, i: number): string {
  const [, h, w, c] = b.type(x).shape as [number, number, number, number];
  const id = `layer${i}`;
  const same: Attrs = { strides: [1, 1], dilations: [1, 1], pads: [1, 1, 1, 1] };
  const activation = random.int(3) === 0 ? { activation: random.int(2) === 0 ? 'relu' : 'relu6' } : {};
  switch (random.int(8)) {
    case 0: {
      const filters = 1 + random.int(6);
      return b.op(
        'conv2d',
        [x, ...weights(b, random, id, [filters, 3, 3, c], filters)],
        { ...same, ...activation },
        { id },
      );
    }
    case 1:
      return b.op(
        'depthwise_conv2d',
        [x, ...weights(b, random, id, [1, 3, 3, c], c)],
        { ...same, ...activation },
        { id },
      );
    case 2:
      return b.op('add', [x, b.op('sigmoid', [x], {}, { id: `${id}/gate` })], activation, { id });
    case 3:
      return b.op('concat', [x, b.op('tanh', [x], {}, { id: `${id}/half` })], { axis: 3 }, { id });
    case 4:
      return b.op('pad', [x], { paddings: [0, 0, 1, 1, 1, 1, 0, 0], value: random.int(2) }, { id });
    case 5:
      return h < 2 || w < 2
        ? b.op('relu', [x], {}, { id })
        : b.op('max_pool2d', [x], { kernelSize: [2, 2], strides: [2, 2], pads: [0, 0, 0, 0] }, { id });
    case 6:
      return b.op('leaky_relu', [x], { alpha: 0.25 }, { id });
    default:
      return b.op('mul', [x, x], activation, { id });
  }
}

function weights(b: GraphBuilder, random: Random, id: string, shape: Shape, outputs: number): string[] {
  const values = Float32Array.from({ length: elementCount(shape) }, () => random.normal());
  const bias = new Float32Array(outputs).fill(random.int(2));
  return [b.constant(`${id}/kernel`, shape, values), b.constant(`${id}/bias`, [outputs], bias)];
}

/** The same graph, built up in another order in memory. */
function shuffled(graph: Graph, seed: number): Graph {
  const entries = [...graph.tensors];
  const order = createRandom(seed).permutation(entries.length);
  return { ...graph, tensors: new Map([...order].map((i) => entries[i] as [string, Tensor])) };
}

async function readBack(bytes: Uint8Array, name: string): Promise<Graph> {
  const sibling = () => Promise.reject(new Error('a TFLite file has no siblings'));
  return fuseActivation((await tfliteReader.read({ name, bytes, sibling }, {})).graph);
}

describe('bytes of a written TFLite file, on 150 random networks', () => {
  const seeds = Array.from({ length: 150 }, (_, i) => i);

  it('depend on the graph alone', () => {
    for (const seed of seeds) {
      const bytes = writeTflite(randomGraph(seed));
      expect(Buffer.compare(writeTflite(randomGraph(seed)), bytes), `seed ${seed}`).toBe(0);
      expect(Buffer.compare(writeTflite(shuffled(randomGraph(seed), seed + 1)), bytes), `shuffled ${seed}`).toBe(0);
    }
    expect(Buffer.compare(writeTflite(randomGraph(1)), writeTflite(randomGraph(2)))).not.toBe(0);
  });

  it('are the same when the file is read and written again', async () => {
    for (const seed of seeds) {
      const bytes = writeTflite(randomGraph(seed));
      expect(Buffer.compare(writeTflite(await readBack(bytes, `random ${seed}`)), bytes), `seed ${seed}`).toBe(0);
    }
  });
});
