import type { Attrs, Graph, Node, Tensor } from '../../../src/ir/graph.js';

type Draft = Omit<Tensor, 'id'>;

const perTensor = (scale: number, zeroPoint: number) => ({
  scale: Float32Array.of(scale),
  zeroPoint: Int32Array.of(zeroPoint),
  axis: 0,
});

/** An int8 activation. */
export function activation(shape: readonly number[], scale = 0.1, zeroPoint = -3): Draft {
  return { shape, dtype: 'int8', quant: perTensor(scale, zeroPoint) };
}

/** int8 weights with a scale for each place of `axis`, or one for all. */
export function weights(shape: readonly number[], axis: number, perChannel = true): Draft {
  const channels = perChannel ? (shape[axis] ?? 1) : 1;
  const count = shape.reduce((n, d) => n * d, 1);
  return {
    shape,
    dtype: 'int8',
    data: Int8Array.from({ length: count }, (_, i) => ((i * 37) % 251) - 125),
    quant: {
      scale: Float32Array.from({ length: channels }, (_, i) => 0.01 * (1 + i / 8)),
      zeroPoint: new Int32Array(channels),
      axis,
    },
  };
}

export function bias(channels: number, scales: readonly number[]): Draft {
  return {
    shape: [channels],
    dtype: 'int32',
    data: Int32Array.from({ length: channels }, (_, i) => 50 * i - 80),
    quant: { scale: Float32Array.from(scales), zeroPoint: new Int32Array(scales.length), axis: 0 },
  };
}

export function graphOf(
  tensors: Readonly<Record<string, Draft>>,
  nodes: readonly (readonly [kind: string, inputs: readonly string[], output: string, attrs: Attrs])[],
): Graph {
  const made: Node[] = nodes.map(([kind, inputs, output, attrs]) => ({
    id: output,
    kind,
    inputs,
    outputs: [output],
    attrs,
  }));
  const first = nodes[0]?.[1][0] as string;
  return {
    name: 'head',
    inputs: [first],
    outputs: [made.at(-1)?.outputs[0] as string],
    nodes: made,
    tensors: new Map(Object.entries(tensors).map(([id, draft]) => [id, { id, ...draft }])),
  };
}

const convAttrs = { strides: [1, 1], dilations: [1, 1], pads: [0, 0, 0, 0], activation: 'relu' };

/** Convolution, reshape, fully connected: 4×4×2 in, 5 out. */
export function convThenDense(perChannelDense: boolean): Graph {
  const kernel = weights([3, 2, 2, 2], 0);
  const fc = weights([5, 27], 0, perChannelDense);
  const scaled = (by: number, { quant }: Draft) => [...(quant?.scale ?? [])].map((s) => Math.fround(by * s));
  return graphOf(
    {
      image: activation([1, 4, 4, 2], 0.5, -128),
      kernel,
      'kernel/bias': bias(3, scaled(0.5, kernel)),
      conv: activation([1, 3, 3, 3], 0.4, -128),
      flat: activation([1, 27], 0.4, -128),
      fc,
      'fc/bias': bias(5, scaled(0.4, fc)),
      scores: activation([1, 5], 0.9, 4),
    },
    [
      ['conv2d', ['image', 'kernel', 'kernel/bias'], 'conv', convAttrs],
      ['reshape', ['conv'], 'flat', { shape: [-1, 27] }],
      ['dense', ['flat', 'fc', 'fc/bias'], 'scores', { activation: 'none' }],
    ],
  );
}
