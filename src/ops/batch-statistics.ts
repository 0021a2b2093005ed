/** What batch norm in training and its gradients share. */
import type { TensorType } from '../ir/graph.js';
import type { BatchNormAttrs } from './batch-norm.js';
import { requireInputs, shapeError } from './checks.js';
import type { OnnxEmitter, RefTensor } from './op-def.js';

/**
 * Input 0 must be [N, C] or [N, H, W, C], and every input whose number is not in `alike` [C].
 * @param alike inputs that must have the shape of input 0
 * @throws IsplitError E_SHAPE
 */
export function checkBatchNorm(
  kind: string,
  inputs: readonly TensorType[],
  attrs: BatchNormAttrs,
  count: number,
  alike: readonly number[] = [],
): { readonly shape: readonly number[]; readonly channels: number } {
  requireInputs(kind, inputs, count);
  const { shape } = inputs[0] as TensorType;
  const channels = shape.at(-1) as number;
  // Of other ranks ONNX would take axis 1 for the channels.
  if (shape.length !== 2 && shape.length !== 4) shapeError(kind, 'x must have rank 2 or 4', inputs);
  inputs.slice(1).forEach((t, i) => {
    const wanted = alike.includes(i + 1) ? shape : [channels];
    if (t.shape.length !== wanted.length || t.shape.some((d, axis) => d !== wanted[axis])) {
      shapeError(kind, `input ${i + 1} must be [${wanted}]`, inputs);
    }
  });
  if (!(attrs.epsilon >= 0)) shapeError(kind, `attribute epsilon must not be negative, got ${attrs.epsilon}`);
  return { shape, channels };
}

/** All axes but the last. */
export function leadingAxes(rank: number): number[] {
  return Array.from({ length: rank - 1 }, (_, i) => i);
}

/** Per channel: the sum of f over all elements of that channel. */
export function sumPerChannel(count: number, channels: number, f: (i: number) => number): Float64Array {
  const sums = new Float64Array(channels);
  for (let i = 0; i < count; i++) sums[i % channels] = (sums[i % channels] as number) + f(i);
  return sums;
}

/** Mean and biased variance per channel. */
export function referenceMoments({ shape, data }: RefTensor): { mean: Float64Array; variance: Float64Array } {
  const channels = shape.at(-1) as number;
  const perChannel = data.length / channels;
  const mean = sumPerChannel(data.length, channels, (i) => data[i] as number).map((s) => s / perChannel);
  const squares = sumPerChannel(data.length, channels, (i) => {
    const centred = (data[i] as number) - (mean[i % channels] as number);
    return centred * centred;
  });
  return { mean, variance: squares.map((s) => s / perChannel) };
}

/** Input i, scaled, shifted and centred per channel in one pass: scale · (value − mean) / √(variance + epsilon) + shift. */
export function onnxAffine(
  e: OnnxEmitter,
  value: string,
  operands: { scale: string; shift: string; mean: string; variance: string },
  epsilon: number,
): string {
  const { scale, shift, mean, variance } = operands;
  return e.add('BatchNormalization', [value, scale, shift, mean, variance], { epsilon: { float: epsilon } });
}

/** Initializer of `channels` equal values. */
export function onnxChannels(e: OnnxEmitter, channels: number, value: number): string {
  return e.floats([channels], new Float32Array(channels).fill(value));
}
