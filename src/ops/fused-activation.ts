/** Activations that other ops can carry fused (attribute `activation`); one definition for every hook. */
import type * as tfjs from '@tensorflow/tfjs-core';
import type { FusedActivation, GradientSink, OnnxEmitter, Tfjs } from './op-def.js';

export interface Fusable {
  /** Default none. */
  readonly activation?: FusedActivation;
}

/** In place. */
export function applyActivation(data: Float64Array, activation: FusedActivation = 'none'): Float64Array {
  if (activation === 'none') return data;
  const max = activation === 'relu6' ? 6 : Number.POSITIVE_INFINITY;
  for (let i = 0; i < data.length; i++) data[i] = Math.min(Math.max(data[i] as number, 0), max);
  return data;
}

export function activationToOnnx(e: OnnxEmitter, value: string, activation: FusedActivation = 'none'): string {
  if (activation === 'relu') return e.add('Relu', [value]);
  if (activation === 'relu6')
    return e.add('Clip', [value, e.floats([], Float32Array.of(0)), e.floats([], Float32Array.of(6))]);
  return value;
}

export function activationToTfjs<T extends tfjs.Tensor>(tf: Tfjs, value: T, activation: FusedActivation = 'none'): T {
  if (activation === 'relu') return tf.relu(value);
  if (activation === 'relu6') return tf.relu6(value);
  return value;
}

/** Gradient before the activation, from the gradient after it; uses the output only: 0 < y (< 6). */
export function activationGradient(
  sink: GradientSink,
  output: string,
  gradient: string,
  activation: FusedActivation,
): string {
  if (activation === 'none') return gradient;
  const positive = sink.op('greater', [output, sink.constant([], Float32Array.of(0))]);
  const masked = sink.op('mul', [gradient, positive]);
  if (activation === 'relu') return masked;
  return sink.op('mul', [masked, sink.op('greater', [sink.constant([], Float32Array.of(6)), output])]);
}
