/** A bottleneck: what stands at a cut so that few bytes cross it. Types that search, insertion and training share. */
import type { Graph } from '../ir/graph.js';

export const ENCODERS = ['conv1x1', 'conv3x3', 'separable3x3', 'i-split', 'dense'] as const;
/**
 * The device's part. `conv1x1`: stride × stride kernel when the stride is not 1; `conv3x3`: one convolution; `separable3x3`:
 * depthwise 3×3 with the stride, then 1×1; `i-split`: the paper's two strided 3×3 convolutions; `dense`: a cut without height and width.
 */
export type EncoderKind = (typeof ENCODERS)[number];

export const WIRE_BITS = [8, 4, 2, 1] as const;
export type WireBits = (typeof WIRE_BITS)[number];

/** `conv3x3-s2-c8-b4` on the command line and in files. */
export interface BottleneckSpec {
  readonly encoder: EncoderKind;
  /** Height and width on the wire are the cut's divided by this, rounded up. */
  readonly stride: number;
  /** Channels on the wire. */
  readonly channels: number;
  readonly bits: WireBits;
}

/**
 * The wire tensor is the encoder's last output, clamped to [0, 6] by a fused relu6 and quantized with scale 6 / (2^bits − 1), zero
 * point −128: an int8 kernel then gives exactly 2^bits codes, −128 … −129 + 2^bits, in every TFLite runtime, and the device needs no
 * further step before packing. Ranges per channel live in the encoder's weights and biases, their inverse in the decoder's.
 */
export const WIRE_CLAMP = 6;

export function wireScale(bits: WireBits): number {
  return Math.fround(WIRE_CLAMP / (2 ** bits - 1));
}

/** A network divided at a bottleneck; both parts float32, batch 1. */
export interface BottleneckedNetwork {
  readonly spec: BottleneckSpec;
  /** Id of the tensor on the wire: `<cut>/wire`. Output of `head`, input of `tail`. */
  readonly wire: string;
  /** Network's head and the encoder; ends with relu6. */
  readonly head: Graph;
  /** Decoder and the network's tail. */
  readonly tail: Graph;
  /** Constants of head that belong to the encoder, and of tail that belong to the decoder. */
  readonly encoderParameters: readonly string[];
  readonly decoderParameters: readonly string[];
}
