/** How many bytes the wire will take once its codes are entropy-coded, as a loss: tables per channel, neighbours not considered. */
import type { GraphBuilder } from '../ir/builder.js';
import { elementCount } from '../ir/graph.js';
import { WIRE_CLAMP, type WireBits } from './bottleneck.js';

/** Up to so many codes each is counted by itself. Above, codes are counted in groups, taken to be equally frequent within one. */
const COUNTED_CODES = 16;
const GROUPS = 33;
/** Keeps the logarithm of a code that does not occur finite. */
const SMALLEST_SHARE = 1e-7;

/**
 * Zero-order entropy of the batch's codes, channel by channel, in bytes a sample. The value is that of the rounded codes; its slope is that of
 * a histogram to which each value gives its two neighbouring codes their shares. With few codes that is exact but for the
 * batch being small.
 * @param wire [batch, …, channels], in 0 … 6, before rounding
 * @returns id of a scalar
 */
export function appendCodedBytes(builder: GraphBuilder, wire: string, bits: WireBits): string {
  const op = (kind: string, inputs: readonly string[], attrs = {}): string =>
    builder.op(kind, inputs, attrs, { id: `rate/${kind}` });
  const { shape } = builder.type(wire);
  const [batch, channels] = [shape[0] as number, shape.at(-1) as number];
  const places = elementCount(shape) / channels;
  const codes = 2 ** bits;
  const bins = codes <= COUNTED_CODES ? codes : GROUPS;
  const rows = op('reshape', [wire], { shape: [-1, channels, 1] });
  const steps = op('mul', [rows, builder.scalar((bins - 1) / WIRE_CLAMP)]);
  const centres = builder.constant(
    'rate/centres',
    [bins],
    Float32Array.from({ length: bins }, (_, k) => k),
  );
  /** Share of each bin in each channel, [channels, bins]. */
  const histogram = (values: string): string => {
    const near = op('relu', [op('sub', [builder.scalar(1), op('abs', [op('sub', [values, centres])])])]);
    return op('mean', [near], { axes: [0], keepDims: false });
  };
  const soft = histogram(steps);
  const hard = op('stop_gradient', [histogram(op('stop_gradient', [op('round', [steps])]))]);
  const length = op('mul', [
    op('log', [op('add', [hard, builder.scalar(SMALLEST_SHARE)])]),
    builder.scalar(-1 / Math.LN2),
  ]);
  // The value of the rounded codes with the slope of the others.
  const share = op('add', [soft, op('stop_gradient', [op('sub', [hard, soft])])]);
  const entropy = op('sum', [op('mul', [share, length])], { axes: [0, 1], keepDims: false });
  const inside = channels * bitsWithinGroup(bits);
  const bitsAPlace = inside > 0 ? op('add', [entropy, builder.scalar(inside)]) : entropy;
  return op('mul', [bitsAPlace, builder.scalar(places / batch / 8)]);
}

/** What grouped codes cannot go below, in bytes a sample: within a group they are taken to be equally frequent. @param values on the wire */
export function leastCodedBytes(values: number, bits: WireBits): number {
  return (values * bitsWithinGroup(bits)) / 8;
}

function bitsWithinGroup(bits: WireBits): number {
  return 2 ** bits <= COUNTED_CODES ? 0 : Math.log2(2 ** bits / (GROUPS - 1));
}

/** Bytes that are not used are worth some, not as much as bytes too many. */
const BELOW = 0.15;

/** (bytes / wanted − 1)² above what is wanted, a part of it below: on target nothing, a tenth above it a hundredth. */
export function appendRateLoss(builder: GraphBuilder, bytes: string, wantedBytes: number): string {
  const op = (kind: string, inputs: readonly string[]): string => builder.op(kind, inputs, {}, { id: `rate/${kind}` });
  const beside = op('sub', [op('mul', [bytes, builder.scalar(1 / wantedBytes)]), builder.scalar(1)]);
  const above = op('relu', [beside]);
  const below = op('relu', [op('mul', [beside, builder.scalar(-1)])]);
  const square = (id: string): string => op('mul', [id, id]);
  return op('add', [square(above), op('mul', [square(below), builder.scalar(BELOW)])]);
}
