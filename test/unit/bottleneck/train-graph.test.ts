import { describe, expect, it } from 'vitest';
import { type BottleneckSpec, type WireBits, wireScale } from '../../../src/bottleneck/bottleneck.js';
import { insertBottleneck } from '../../../src/bottleneck/insert.js';
import { bottleneckParameters } from '../../../src/bottleneck/parameters.js';
import { buildLearningGraph, graphOf } from '../../../src/bottleneck/train-graph.js';
import { appendCodedBytes } from '../../../src/bottleneck/train-rate.js';
import { chooseRecipe } from '../../../src/bottleneck/train-recipe.js';
import { createRandom } from '../../../src/core/random.js';
import { GraphBuilder } from '../../../src/ir/builder.js';
import { elementCount, type Graph, tensorOf } from '../../../src/ir/graph.js';
import { SHAPES } from '../../../src/ops/index.js';
import { runReference } from '../../../src/ops/reference.js';
import { normaliseGraph } from '../../../src/passes/normalise.js';
import { setBatch } from '../../../src/passes/set-batch.js';
import { dequantizeWeights, quantizeWeights } from '../../../src/quantize/quant-params.js';
import { appendCrossEntropy } from '../../../src/train/losses.js';
import { replaceConstants } from '../../../src/train/trainable-constants.js';
import { normal } from '../passes/random-network.js';

const random = createRandom(12);

/** Scores of `classes` classes; of a single one, a sigmoid. */
function classifier(classes: number): Graph {
  const b = new GraphBuilder('net', SHAPES);
  const w = (shape: number[], size = 0.3) => b.constant('w', shape, normal(random, shape, size));
  const conv = { strides: [1, 1], dilations: [1, 1], pads: [1, 1, 1, 1] };
  const x = b.input('x', [1, 6, 6, 2]);
  const cut = b.op('relu', [b.op('conv2d', [x, w([8, 3, 3, 2]), w([8])], conv)], {}, { id: 'cut' });
  const flat = b.op('reshape', [b.op('relu', [b.op('conv2d', [cut, w([4, 3, 3, 8])], conv)])], { shape: [-1, 144] });
  const scores = b.op('dense', [flat, w([classes, 144]), w([classes])], {}, { id: 'scores' });
  return normaliseGraph(
    b.build([b.op(classes > 1 ? 'softmax' : 'sigmoid', [scores], classes > 1 ? { axis: -1 } : {})]),
  );
}

function split(network: Graph, spec: BottleneckSpec) {
  const values = new Map(
    bottleneckParameters(spec, [6, 6, 8], 'residual').map(({ name, shape }) => {
      const size = name.endsWith('encoder/bias') ? 2 : 0.4;
      return [name, normal(random, shape, size).map((v) => v + (name === 'encoder/bias' ? 3 : 0))] as const;
    }),
  );
  return insertBottleneck(network, 'cut', spec, { decoder: 'residual', values });
}

const inputs = normal(createRandom(3), [2, 6, 6, 2]);
const sample = (i: number) => inputs.subarray(i * 72, (i + 1) * 72);

const pictures = (count: number) => ({ count, shape: [28, 28, 1] as const });

describe('the graph that learns', () => {
  const spec: BottleneckSpec = { encoder: 'separable3x3', stride: 2, channels: 3, bits: 2 };
  const network = split(classifier(5), spec);

  it('is head, codes and tail, with the head’s weights as the quantizer will round them', () => {
    // The quantizer's own rounding, a scale an output channel.
    const rounded = new Map<string, Float32Array>();
    for (const { kind, inputs: ids } of network.head.nodes) {
      const channelAxis = { conv2d: 0, depthwise_conv2d: 3 }[kind];
      const { shape, data } = tensorOf(network.head, ids[1] as string);
      if (channelAxis === undefined) continue;
      const bias = new Float32Array(shape[channelAxis] as number);
      const weights = data as Float32Array;
      const request = { weights, shape, channelAxis, perChannel: true, bias, inputScale: 1, outputScale: 1e-3 };
      rounded.set(ids[1] as string, dequantizeWeights(quantizeWeights(request), shape, channelAxis));
    }
    expect(rounded.size).toBe(3);
    const head = replaceConstants(network.head, rounded);
    const learning = buildLearningGraph(network, 'cut', 'input', 2);
    const got = runReference(graphOf(learning, [learning.wire, learning.logits]), { [learning.start]: inputs });
    const codes = new Set<number>();
    for (const i of [0, 1]) {
      const real = runReference(head, { x: sample(i) })[network.wire] as Float64Array;
      const wire = Float32Array.from(real, (v) => wireScale(2) * Math.round(v / wireScale(2)));
      const mine = (got[learning.wire] as Float64Array).subarray(i * wire.length, (i + 1) * wire.length);
      wire.forEach((v, k) => {
        expect(mine[k]).toBeCloseTo(v, 5);
        codes.add(Math.round(v / 2));
      });
      const tail = { ...network.tail, outputs: ['scores'] };
      const scores = runReference(tail, { [network.wire]: wire }).scores as Float64Array;
      scores.forEach((v, k) => {
        expect((got[learning.logits] as Float64Array)[5 * i + k]).toBeCloseTo(v, 4);
      });
    }
    expect([...codes].sort()).toEqual([0, 1, 2, 3]);
  });

  it('begins at the cut or behind the wire as well, with the same answers', () => {
    const whole = buildLearningGraph(network, 'cut', 'cut', 2);
    expect(whole.start).toBe('cut');
    const cut = normal(createRandom(4), [2, 6, 6, 8]).map((v) => Math.max(v, 0));
    const first = runReference(graphOf(whole, [whole.wire, whole.decoded, whole.logits]), { cut });
    const behind = buildLearningGraph(network, 'cut', 'wire', 2);
    const wire = Float32Array.from(first[whole.wire] as Float64Array);
    const second = runReference(graphOf(behind, [behind.decoded, behind.logits]), { [behind.start]: wire });
    const close = (a: Float64Array | undefined, b: Float64Array | undefined): void => {
      expect(a?.length).toBe(b?.length);
      a?.forEach((v, i) => {
        expect(v).toBeCloseTo(b?.[i] as number, 4);
      });
    };
    close(second[behind.decoded], first[whole.decoded]);
    close(second[behind.logits], first[whole.logits]);
    expect(first[whole.decoded]?.length).toBe(elementCount([2, 6, 6, 8]));
  });

  it('a single score becomes the pair of both classes’ logits', () => {
    const learning = buildLearningGraph(split(classifier(1), spec), 'cut', 'input', 2);
    expect(learning.classes).toBe(2);
    const logits = runReference(graphOf(learning, [learning.logits]), { x: inputs })[learning.logits] as Float64Array;
    expect([logits.length, logits[0], logits[2]]).toEqual([4, 0, 0]);
    expect(logits[1]).not.toBe(0);
  });
});

it.each([1, 5])(
  'the graph that learns, and its losses, can be made for a part of the batch (%i classes)',
  (classes) => {
    const spec: BottleneckSpec = { encoder: 'separable3x3', stride: 2, channels: 3, bits: 2 };
    const learning = buildLearningGraph(split(classifier(classes), spec), 'cut', 'input', 2);
    const { builder, logits } = learning;
    const labels = builder.input('labels', [2, learning.classes]);
    const loss = appendCrossEntropy(builder, logits, labels);
    const bytes = appendCodedBytes(builder, learning.unrounded, spec.bits);
    const whole = graphOf(learning, [loss, bytes, logits]);
    const rows = (width: number, i: number) => new Float32Array(width).fill(0).fill(1, i, i + 1);
    const both = Float32Array.from([0, 1].flatMap((i) => [...rows(learning.classes, i)]));
    const expected = runReference(whole, { x: inputs, labels: both });
    const parts = [0, 1].map((i) =>
      runReference(setBatch(whole, 1), { x: sample(i), labels: rows(learning.classes, i) }),
    );
    const value = (of: (typeof parts)[number], id: string) => of[id]?.[0] as number;
    expect((value(parts[0] as never, loss) + value(parts[1] as never, loss)) / 2).toBeCloseTo(value(expected, loss), 6);
    expect(parts.flatMap((part) => [...(part[logits] as Float64Array)])).toEqual([
      ...(expected[logits] as Float64Array),
    ]);
    for (const part of parts) expect(value(part, bytes)).toBeGreaterThan(0);
  },
);

describe('recipes', () => {
  it('are lengths in steps: few samples are seen more often, within bounds', () => {
    const steps = (samples: number) => {
      const { fineTune, batchSize } = chooseRecipe('default', pictures(samples), 1e6);
      return fineTune.epochs * Math.floor(samples / batchSize);
    };
    expect(Math.abs(steps(9000) / steps(40_000) - 1)).toBeLessThan(0.15);
    const rate = (bits: WireBits) => chooseRecipe('default', pictures(300), 1e6, bits).fineTune.learningRate;
    expect(rate(8)).toBeLessThan(rate(4));
    const few = chooseRecipe('default', pictures(300), 1e6);
    expect(few.fineTune.epochs).toBe(chooseRecipe('default', pictures(100), 1e6).fineTune.epochs);
    expect(few.fineTune.epochs).toBeGreaterThan(chooseRecipe('default', pictures(9000), 1e6).fineTune.epochs);
    expect(chooseRecipe('default', pictures(10), 1e6).batchSize).toBe(10);
    // A network a thousand times larger is not trained a thousand times as long.
    const large = chooseRecipe('default', pictures(9000), 1e9);
    expect(large.fineTune.epochs).toBe(1);
    expect(chooseRecipe('default', pictures(9000), 1e7)).toEqual(chooseRecipe('default', pictures(9000), 1e6));
    expect(chooseRecipe('quick', pictures(9000), 1e6).fineTune.epochs).toBeLessThan(
      chooseRecipe('default', pictures(9000), 1e6).fineTune.epochs,
    );
  });
});
