/** Shapes a bottleneck could have at a cut, and what each costs, from shapes alone. */
import { elementCount, type Shape } from '../ir/graph.js';
import { type BottleneckSpec, ENCODERS, type EncoderKind, WIRE_BITS, type WireBits } from './bottleneck.js';
import { bottleneckParameters, type DecoderKind } from './parameters.js';
import { ENCODER_STRIDES, packedWireBytes, wireShapeOf } from './spec.js';

export interface BottleneckCost {
  /** Multiply-accumulates of the encoder, one sample. */
  readonly encoderMacs: number;
  /** int8 weights, float32 scales, int64 zero points and int32 biases, as head.tflite stores them. */
  readonly encoderBytes: number;
  readonly decoderMacs: number;
}

export interface BottleneckCandidate extends BottleneckCost {
  readonly spec: BottleneckSpec;
  /** Codes packed to their bits; entropy coding makes them a little fewer. */
  readonly packedBytes: number;
}

export interface CandidateOptions {
  /** Payload of one sample after coding, bytes. */
  readonly budgetWireBytes: number;
  /** Packed bytes may be between budget / factor and budget · factor. Default 1.5. */
  readonly factor?: number;
  /** Default: every encoder that takes the cut, but the paper's. */
  readonly encoders?: readonly EncoderKind[];
  readonly strides?: readonly number[];
  readonly bits?: readonly WireBits[];
  /** Default `residual`. */
  readonly decoder?: DecoderKind;
}

/** Shares of the budget that packed bytes aim at: what coding saves differs from cut to cut. */
const AIMED_SHARES = [0.85, 1, 1.15, 1.35];
const DEFAULT_FACTOR = 1.5;

/**
 * Candidates with their costs, most channels first (more channels with fewer bits have beaten fewer channels with more bits).
 * @param shape of the cut without the batch: [H, W, C] or [C]
 * @returns empty when even the smallest shape has more bytes than asked for
 */
export function listCandidates(shape: Shape, options: CandidateOptions): BottleneckCandidate[] {
  const { budgetWireBytes, factor = DEFAULT_FACTOR, decoder = 'residual' } = options;
  const encoders = (options.encoders ?? ENCODERS.filter((kind) => kind !== 'i-split')).filter(
    (kind) => (kind === 'dense') === (shape.length === 1),
  );
  const found = new Map<string, BottleneckCandidate>();
  for (const encoder of encoders) {
    for (const stride of ENCODER_STRIDES[encoder]) {
      if (options.strides && !options.strides.includes(stride)) continue;
      if (stride > 1 && stride > Math.min(shape[0] as number, shape[1] as number)) continue;
      for (const bits of options.bits ?? WIRE_BITS) {
        for (const share of AIMED_SHARES) {
          const channels = mostChannels(shape, stride, bits, share * budgetWireBytes);
          const spec = { encoder, stride, channels, bits };
          const packedBytes = packedWireBytes(spec, shape);
          if (channels < 1 || packedBytes > factor * budgetWireBytes || packedBytes * factor < budgetWireBytes)
            continue;
          found.set(`${encoder} ${stride} ${channels} ${bits}`, {
            spec,
            packedBytes,
            ...bottleneckCost(spec, shape, decoder),
          });
        }
      }
    }
  }
  return [...found.values()].sort(
    (a, b) => b.spec.channels - a.spec.channels || a.spec.bits - b.spec.bits || a.encoderMacs - b.encoderMacs,
  );
}

/** Most channels whose packed codes take at most `bytes`, never more than the values behind one place. */
export function mostChannels(shape: Shape, stride: number, bits: WireBits, bytes: number): number {
  const places = elementCount(wireShapeOf({ stride, channels: 1 }, shape));
  const behind = (shape.length === 1 ? 1 : stride * stride) * (shape.at(-1) as number);
  return Math.min(behind, Math.floor((8 * bytes) / (places * bits)));
}

/** @param spec with its channels settled */
export function bottleneckCost(spec: BottleneckSpec, shape: Shape, decoder: DecoderKind): BottleneckCost {
  const wirePlaces = elementCount(wireShapeOf({ ...spec, channels: 1 }, shape));
  const places = shape.length === 1 ? 1 : (shape[0] as number) * (shape[1] as number);
  const halfPlaces = shape.length === 1 ? 1 : Math.ceil((shape[0] as number) / 2) * Math.ceil((shape[1] as number) / 2);
  // How often each kernel is applied: a transposed convolution once for every place it reads.
  const applied: Readonly<Record<string, number>> = {
    'encoder/hidden/kernel': halfPlaces,
    'decoder/hidden/kernel': wirePlaces,
    'decoder/kernel': spec.encoder === 'i-split' ? halfPlaces : wirePlaces,
    'decoder/refine1/kernel': places,
    'decoder/refine2/kernel': places,
  };
  let encoderMacs = 0;
  let encoderBytes = 0;
  let decoderMacs = 0;
  for (const { name, shape: parameter } of bottleneckParameters(spec, shape, decoder)) {
    const elements = elementCount(parameter);
    if (name.endsWith('/bias')) {
      // With the bias go the scale and the zero point of its channel's weights.
      if (name.startsWith('encoder/')) encoderBytes += 16 * elements;
      continue;
    }
    const macs = name.endsWith('/kernel') ? elements * (applied[name] ?? wirePlaces) : 0;
    if (name.startsWith('encoder/')) {
      encoderMacs += macs;
      encoderBytes += elements;
    } else decoderMacs += macs;
  }
  return { encoderMacs, encoderBytes, decoderMacs };
}
