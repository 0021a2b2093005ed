/** What is learnt in a bottleneck: names and shapes of its constants, in one place for insertion and initialisation. */
import { elementCount, type Shape } from '../ir/graph.js';
import type { BottleneckSpec } from './bottleneck.js';

export const DECODERS = ['linear', 'residual'] as const;
/**
 * The gateway's part. `linear`: one transposed convolution that can undo a projection exactly; `residual`: followed by two 3×3
 * convolutions whose result is added, the last one zero at the start. Cuts without height and width have dense layers instead.
 */
export type DecoderKind = (typeof DECODERS)[number];

/** Values of every parameter by its name (`encoder/kernel`); weights in graph layout (OHWI, 1HWC, [O, I]). */
export interface BottleneckWeights {
  readonly decoder: DecoderKind;
  readonly values: ReadonlyMap<string, Float32Array>;
}

export interface BottleneckParameter {
  /** Without the cut's id; starts with `encoder/` or `decoder/`. */
  readonly name: string;
  readonly shape: Shape;
}

/** Width of the refinement: wide enough for what a small network holds, bounded where a deep cut has hundreds of channels. */
const FEWEST_REFINED = 16;
const MOST_REFINED = 64;

export function refinementChannels(cutChannels: number): number {
  return Math.min(Math.max(cutChannels, FEWEST_REFINED), MOST_REFINED);
}

/** Channels between the paper's two convolutions. */
export function paperHiddenChannels(cutChannels: number): number {
  return Math.max(1, Math.round(cutChannels / 8));
}

/**
 * Kernels and biases of every layer, and `decoder/offset`: what is added to the channels of the wire before a strided decoder. A
 * value on the wire is at least 0 and means its distance from the middle of its channel; a transposed convolution's own bias is the same
 * at all places of a block and could not take that back.
 * @param spec with its channels settled
 * @param shape of the cut without the batch: [H, W, C] or [C]
 */
export function bottleneckParameters(spec: BottleneckSpec, shape: Shape, decoder: DecoderKind): BottleneckParameter[] {
  const cutChannels = shape.at(-1) as number;
  const layers = [...encoderLayers(spec, cutChannels), ...decoderLayers(spec, cutChannels)];
  if (decoder === 'residual') {
    const width = refinementChannels(cutChannels);
    layers.push(
      ...(shape.length === 1
        ? ([
            ['decoder/refine1', [width, cutChannels]],
            ['decoder/refine2', [cutChannels, width]],
          ] as const)
        : ([
            ['decoder/refine1', [width, 3, 3, cutChannels]],
            ['decoder/refine2', [cutChannels, 3, 3, width]],
          ] as const)),
    );
  }
  const parameters = layers.flatMap(([name, kernel, depthwise]) => [
    { name: `${name}/kernel`, shape: kernel },
    { name: `${name}/bias`, shape: [(depthwise ? kernel.at(-1) : kernel[0]) as number] },
  ]);
  return hasOffset(spec) ? [...parameters, { name: 'decoder/offset', shape: [spec.channels] }] : parameters;
}

export function hasOffset(spec: BottleneckSpec): boolean {
  return spec.stride > 1;
}

type Layer = readonly [name: string, kernel: readonly number[], depthwise?: true];

function encoderLayers({ encoder, stride, channels }: BottleneckSpec, cutChannels: number): Layer[] {
  switch (encoder) {
    case 'conv1x1':
      return [['encoder', [channels, stride, stride, cutChannels]]];
    case 'conv3x3':
      return [['encoder', [channels, 3, 3, cutChannels]]];
    case 'separable3x3':
      return [
        ['encoder/depthwise', [1, 3, 3, cutChannels], true],
        ['encoder', [channels, 1, 1, cutChannels]],
      ];
    case 'i-split': {
      const hidden = paperHiddenChannels(cutChannels);
      return [
        ['encoder/hidden', [hidden, 3, 3, cutChannels]],
        ['encoder', [channels, 3, 3, hidden]],
      ];
    }
    case 'dense':
      return [['encoder', [channels, cutChannels]]];
  }
}

function decoderLayers({ encoder, stride, channels }: BottleneckSpec, cutChannels: number): Layer[] {
  if (encoder === 'dense') return [['decoder', [cutChannels, channels]]];
  if (encoder !== 'i-split') return [['decoder', [cutChannels, stride, stride, channels]]];
  const hidden = paperHiddenChannels(cutChannels);
  return [
    ['decoder/hidden', [hidden, 3, 3, channels]],
    ['decoder', [cutChannels, 3, 3, hidden]],
  ];
}

/** Zeros: for what depends on shapes alone. @param spec with its channels settled */
export function emptyWeights(spec: BottleneckSpec, shape: Shape, decoder: DecoderKind = 'linear'): BottleneckWeights {
  const parameters = bottleneckParameters(spec, shape, decoder);
  return {
    decoder,
    values: new Map(parameters.map((parameter) => [parameter.name, new Float32Array(elementCount(parameter.shape))])),
  };
}
