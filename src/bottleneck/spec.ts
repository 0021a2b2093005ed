/** Names of bottlenecks: reading, writing, and whether one fits a cut. */
import { Problems } from '../core/errors.js';
import { elementCount, formatShape, type Shape } from '../ir/graph.js';
import { type BottleneckSpec, ENCODERS, type EncoderKind, WIRE_BITS, type WireBits } from './bottleneck.js';

/**
 * Strides each encoder exists with. A single 3×3 kernel with stride 4 would never see 7 of 16 places; the paper's two convolutions
 * have stride 2 each.
 */
export const ENCODER_STRIDES: Readonly<Record<EncoderKind, readonly number[]>> = {
  conv1x1: [1, 2, 4],
  conv3x3: [1, 2],
  separable3x3: [1, 2],
  'i-split': [4],
  dense: [1],
};

/** `channels` of a spec that leaves them to the cut: `i-split` takes a quarter of the cut's, as the paper does. */
export const CHANNELS_OF_CUT = 0;

/** Nothing that a microcontroller holds has more. */
const MOST_CHANNELS = 65_536;

const EXAMPLES =
  'Write ENCODER-sSTRIDE-cCHANNELS-bBITS as in conv1x1-s2-c8-b4, or i-split for the bottleneck of the I-SPLIT paper.';

/**
 * Reads `conv3x3-s2-c8-b4`. The stride may be left out where an encoder has only one; `i-split` alone is the paper's own: stride 4, a
 * quarter of the cut's channels (CHANNELS_OF_CUT until `fitToCut` knows them), 8 bits.
 * @throws IsplitError E_BOTTLENECK_SPEC naming everything that is wrong and what is allowed
 */
export function parseBottleneck(text: string): BottleneckSpec {
  const problems = new Problems();
  const refuse = (message: string, context: Readonly<Record<string, unknown>> = {}): void =>
    problems.add('E_BOTTLENECK_SPEC', message, { value: text, ...context }, EXAMPLES);
  const encoder = [...ENCODERS]
    .sort((a, b) => b.length - a.length)
    .find((name) => text === name || text.startsWith(`${name}-`));
  if (encoder === undefined) {
    refuse(`"${text}" starts with none of the encoders ${ENCODERS.join(', ')}`, { allowed: ENCODERS });
    problems.throwIfAny();
  }
  const kind = encoder as EncoderKind;
  const strides = ENCODER_STRIDES[kind];
  const found = new Map<string, number>();
  for (const part of text.slice(kind.length + 1).split('-')) {
    if (part === '' && text === kind) continue;
    const match = /^([scb])(\d{1,9})$/.exec(part);
    if (!match) refuse(`"${part}" of "${text}" is none of s (stride), c (channels), b (bits) with a number`);
    else if (found.has(match[1] as string)) refuse(`"${text}" says ${match[1]} twice`);
    else found.set(match[1] as string, Number(match[2]));
  }
  const paper = kind === 'i-split';
  const stride = found.get('s') ?? (strides.length === 1 ? (strides[0] as number) : undefined);
  const channels = found.get('c') ?? (paper ? CHANNELS_OF_CUT : undefined);
  const bits = found.get('b') ?? (paper ? 8 : undefined);
  const missing = [
    ...(stride === undefined ? ['stride (s)'] : []),
    ...(channels === undefined ? ['channels (c)'] : []),
    ...(bits === undefined ? ['bits (b)'] : []),
  ];
  if (missing.length > 0) refuse(`"${text}" lacks ${missing.join(', ')}`, { missing });
  if (stride !== undefined && !strides.includes(stride)) {
    refuse(`${kind} has stride ${strides.join(' or ')}, not ${stride}`, { stride, allowed: strides });
  }
  if (bits !== undefined && !(WIRE_BITS as readonly number[]).includes(bits)) {
    refuse(`a wire value has ${WIRE_BITS.join(', ')} bits, not ${bits}`, { bits, allowed: WIRE_BITS });
  }
  if (found.has('c') && ((channels as number) < 1 || (channels as number) > MOST_CHANNELS)) {
    refuse(`channels are 1 to ${MOST_CHANNELS}, not ${channels}`, { channels });
  }
  problems.throwIfAny();
  return { encoder: kind, stride: stride as number, channels: channels as number, bits: bits as WireBits };
}

/** Inverse of parseBottleneck. */
export function formatBottleneck({ encoder, stride, channels, bits }: BottleneckSpec): string {
  return `${encoder}-s${stride}${channels === CHANNELS_OF_CUT ? '' : `-c${channels}`}-b${bits}`;
}

/**
 * The spec for a cut of this shape, with its channels settled.
 * @param shape of the cut tensor without the batch: [H, W, C] or [C]
 * @throws IsplitError E_BOTTLENECK_SPEC when encoder and cut do not go together
 */
export function fitToCut(spec: BottleneckSpec, shape: Shape): BottleneckSpec {
  const problems = new Problems();
  const cut = formatShape(shape);
  const context = { bottleneck: formatBottleneck(spec), shape };
  const allowed = shape.length === 1 ? ['dense'] : ENCODERS.filter((kind) => kind !== 'dense');
  if (shape.length !== 1 && shape.length !== 3) {
    problems.add(
      'E_BOTTLENECK_SPEC',
      `a cut of shape ${cut} has neither height, width and channels nor channels alone: no encoder takes it`,
      context,
      'Cut at another tensor.',
    );
  } else if (!allowed.includes(spec.encoder)) {
    problems.add(
      'E_BOTTLENECK_SPEC',
      `${spec.encoder} does not take a cut of shape ${cut}: ${allowed.join(', ')} can`,
      { ...context, allowed },
      shape.length === 1 ? 'dense is for cuts without height and width.' : 'dense is only for cuts without them.',
    );
  }
  problems.throwIfAny();
  const cutChannels = shape.at(-1) as number;
  const channels = spec.channels === CHANNELS_OF_CUT ? Math.max(1, Math.round(cutChannels / 4)) : spec.channels;
  const most = blockElements(spec.stride, shape);
  if (channels > most) {
    problems.add(
      'E_BOTTLENECK_SPEC',
      `${channels} channels are more than the ${most} values that stride ${spec.stride} gathers from ${cut}`,
      { ...context, most },
      `Use at most ${most} channels.`,
    );
  }
  problems.throwIfAny();
  return { ...spec, channels };
}

/** Whether `fitToCut` would take it. */
export function takesCut(spec: BottleneckSpec, shape: Shape): boolean {
  if ((spec.encoder === 'dense') !== (shape.length === 1) || (shape.length !== 1 && shape.length !== 3)) return false;
  return spec.channels <= blockElements(spec.stride, shape);
}

/** Values of the cut behind one place on the wire. */
function blockElements(stride: number, shape: Shape): number {
  const channels = shape.at(-1) as number;
  if (shape.length === 1) return channels;
  const [height, width] = shape as readonly [number, number, number];
  return Math.min(stride, height) * Math.min(stride, width) * channels;
}

/** Shape on the wire, without the batch. @param spec with its channels settled */
export function wireShapeOf(spec: Pick<BottleneckSpec, 'stride' | 'channels'>, shape: Shape): number[] {
  if (shape.length === 1) return [spec.channels];
  const [height, width] = shape as readonly [number, number, number];
  return [Math.ceil(height / spec.stride), Math.ceil(width / spec.stride), spec.channels];
}

/** Bytes of the packed codes of one sample, before entropy coding. */
export function packedWireBytes(spec: Pick<BottleneckSpec, 'stride' | 'channels' | 'bits'>, shape: Shape): number {
  return Math.ceil((elementCount(wireShapeOf(spec, shape)) * spec.bits) / 8);
}
