/** Small random networks with everything passes act on; the same seed gives the same network. */
import { createRandom, type Random } from '../../../src/core/random.js';
import { GraphBuilder } from '../../../src/ir/builder.js';
import { elementCount, type Graph, type Shape } from '../../../src/ir/graph.js';
import { SHAPES } from '../../../src/ops/index.js';

export function normal(random: Random, shape: Shape, scale = 1): Float32Array {
  return Float32Array.from({ length: elementCount(shape) }, () => random.normal() * scale);
}

export function randomNetwork(seed: number): Graph {
  const random = createRandom(seed);
  const b = new GraphBuilder(`random-${seed}`, SHAPES);
  const values = [b.input('x', [1, 5, 5, 2])];
  const pick = <T>(list: readonly T[]): T => list[random.int(list.length)] as T;
  const weights = (shape: Shape): string => b.constant('w', shape, normal(random, shape, 0.4));
  const positive = (c: number): string =>
    b.constant(
      'v',
      [c],
      Float32Array.from({ length: c }, () => 0.5 + random.next()),
    );
  const batchNorm = (x: string): string => {
    const c = b.type(x).shape.at(-1) as number;
    return b.op('batch_norm', [x, positive(c), weights([c]), weights([c]), positive(c)], { epsilon: 1e-3 });
  };
  const size = (x: string): number => b.type(x).shape[1] as number;
  const channels = (x: string): number => b.type(x).shape[3] as number;

  const makers: Record<string, (x: string) => string> = {
    activation: (x) => b.op(pick(['relu', 'relu6', 'relu', 'sigmoid', 'hard_swish']), [x]),
    add: (x) => {
      const same = values.filter((v) => b.type(v).shape.join() === b.type(x).shape.join());
      return b.op(pick(['add', 'sub', 'mul']), [x, pick(same)]);
    },
    batchNorm,
    conv: (x) => {
      const k = pick([1, 3]);
      if (size(x) < 3) return x;
      const o = 1 + random.int(3);
      const inputs = [x, weights([o, k, k, channels(x)])];
      if (random.next() < 0.5) inputs.push(weights([o]));
      return b.op('conv2d', inputs, {
        strides: [1, 1],
        dilations: [1, 1],
        pads: pick([
          [0, 0, 0, 0],
          [1, 0, 0, 1],
        ]),
      });
    },
    convAndNorm: (x) => batchNorm(makers.conv?.(x) as string),
    constants: (x) => {
      const c = channels(x);
      const s = b.op('exp', [b.op('mul', [weights([c]), b.scalar(0.5)])]);
      return b.op('mul', [x, random.next() < 0.5 ? s : b.op('reshape', [s], { shape: [1, 1, c] })]);
    },
    depthwise: (x) => {
      if (size(x) < 3) return x;
      const attrs = { strides: [1, 1], dilations: [1, 1], pads: [1, 1, 1, 1] };
      return b.op('depthwise_conv2d', [x, weights([1, 3, 3, channels(x) * 2])], attrs);
    },
    nothing: (x) => {
      switch (random.int(5)) {
        case 0:
          return b.op('identity', [x]);
        case 1:
          return b.op('reshape', [x], { shape: [-1, ...b.type(x).shape.slice(1)] });
        case 2:
          return b.op('transpose', [x], { perm: [0, 1, 2, 3] });
        case 3:
          return b.op('concat', [x], { axis: 3 });
        default:
          return b.op('pad', [x], { paddings: [0, 0, 0, 0, 0, 0, 0, 0], value: 0 });
      }
    },
    pad: (x) =>
      b.op('pad', [x], { paddings: [0, 0, 1, 0, 1, 1, 0, 0], value: pick([0, 0, 1, -3.4028234663852886e38]) }),
    padAndPool: (x) => {
      const padded = makers.pad?.(random.next() < 0.7 ? b.op('relu', [x]) : x) as string;
      return b.op('max_pool2d', [padded], { kernelSize: [2, 2], strides: [1, 1], pads: [0, 0, 0, 0] });
    },
  };
  const steps = 4 + random.int(8);
  for (let i = 0; i < steps; i++) {
    const x = random.next() < 0.8 ? (values.at(-1) as string) : pick(values);
    const y = (
      makers[pick(Object.keys(makers).filter((k) => k !== 'pad' || random.next() < 0.5))] as (x: string) => string
    )(x);
    if (channels(y) <= 8 && size(y) <= 8) values.push(y);
  }
  const last = values.at(-1) as string;
  const pooled = b.op('mean', [last], { axes: [1, 2], keepDims: false });
  const logits = batchNorm(b.op('dense', [pooled, weights([4, channels(last)])]));
  const outputs = [b.op('relu', [logits], {}, { id: 'y' })];
  if (random.next() < 0.4) outputs.push(b.op('identity', [outputs[0] as string], {}, { id: 'copy' }));
  if (random.next() < 0.4) outputs.push(pick(values.slice(1).concat(last)));
  return b.build([...new Set(outputs)]);
}
