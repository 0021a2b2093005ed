/** What shapes of a bottleneck would lose and cost on the wire, measured on blocks of activations, before any network runs. */
import { elementCount } from '../ir/graph.js';
import type { ActivationSample, Blocks } from './activations.js';
import { blockGrid } from './activations.js';
import { type BottleneckSpec, WIRE_BITS, WIRE_CLAMP, type WireBits } from './bottleneck.js';
import { mostChannels } from './candidates.js';
import { type ChannelRange, chooseRanges, codeOfComponents, type LinearCode, projectBlocks } from './linear-code.js';
import { type BlockMoments, fitPca } from './pca.js';
import { drawMomentBlocks, type MomentEffort, momentsOf, THOROUGH, thinBlocks } from './projection-weights.js';
import { wireShapeOf } from './spec.js';

/** A shape with the code it would start from. */
export interface MeasuredShape {
  readonly spec: BottleneckSpec;
  /** Zero-order entropy of the codes, channel by channel, of one sample: what static tables per channel come close to. */
  readonly codedBytes: number;
  /** Share of the activation's variance that does not come back: what is not projected, and what quantization takes. */
  readonly lostShare: number;
  /** Its start as weights. */
  readonly code: LinearCode;
  readonly moments: BlockMoments;
  readonly blocks: Blocks;
}

export interface ShapeOptions {
  /** After coding. */
  readonly budgetWireBytes: number;
  readonly strides?: readonly number[];
  readonly bits?: readonly WireBits[];
  /** Strides whose blocks have more values are only looked at when no smaller one meets the budget. Default 256. */
  readonly largestBlock?: number;
  readonly seed?: number;
  /** Default THOROUGH. */
  readonly effort?: MomentEffort;
}

const STRIDES = [1, 2, 4] as const;
const LARGEST_BLOCK = 256;
/** Beyond this nothing is tried: the moments alone would take minutes. */
const LARGEST_BLOCK_EVER = 1024;
/** Blocks on which codes are counted. */
const COUNTED_BLOCKS = 4096;
const FEWEST_COUNTED = 1024;
const COUNTING_WORK = 2 ** 15;
/** Channels beyond those that fit at full entropy: codes of the last components are nearly constant. */
const SPARE = 1.5;

/**
 * The widest shape of every stride and number of bits that meets the budget, that which loses least first.
 * @returns empty when none meets it
 */
export function measureShapes(sample: ActivationSample, options: ShapeOptions): MeasuredShape[] {
  const { bits = WIRE_BITS, strides = STRIDES, largestBlock = LARGEST_BLOCK } = options;
  const found: MeasuredShape[] = [];
  for (const stride of strides) {
    if (stride > 1 && (sample.shape.length === 1 || stride > Math.min(...sample.shape.slice(0, 2)))) continue;
    const { elements } = blockGrid(sample.shape, stride);
    if (elements > LARGEST_BLOCK_EVER || (elements > largestBlock && found.length > 0)) continue;
    found.push(...measureStride(sample, stride, bits, options));
  }
  return found.sort((a, b) => a.lostShare - b.lostShare || a.codedBytes - b.codedBytes);
}

function measureStride(
  sample: ActivationSample,
  stride: number,
  bits: readonly WireBits[],
  { budgetWireBytes, seed = 0, effort = THOROUGH }: ShapeOptions,
): MeasuredShape[] {
  const { shape } = sample;
  const widest = Math.max(...bits.map((b) => mostChannels(shape, stride, b, SPARE * budgetWireBytes)));
  if (widest < 1) return [];
  const blocks = drawMomentBlocks(sample, stride, seed, effort);
  const moments = momentsOf(blocks);
  const pca = fitPca(moments, widest);
  const counted = thinBlocks(
    blocks,
    Math.max(FEWEST_COUNTED, Math.min(COUNTED_BLOCKS, Math.floor(effort.work / COUNTING_WORK))),
  );
  const z = projectBlocks(codeOfComponents(pca, widest), counted);
  const places = elementCount(wireShapeOf({ stride, channels: 1 }, shape));
  const found: MeasuredShape[] = [];
  for (const b of bits) {
    const most = Math.min(widest, mostChannels(shape, stride, b, SPARE * budgetWireBytes));
    let codedBytes = 0;
    let kept = 0;
    let channels = 0;
    for (; channels < most; channels++) {
      const values = z.subarray(channels * counted.count, (channels + 1) * counted.count);
      const range = chooseRanges(values, 1, b)[0] as ChannelRange;
      const more = (places * codeEntropy(values, range, b)) / 8;
      if (codedBytes + more > budgetWireBytes) break;
      codedBytes += more;
      // A channel whose codes lose more than it carries is as good as absent.
      kept += Math.max(0, (pca.variances[channels] as number) - range.meanSquaredError);
    }
    if (channels === 0) continue;
    found.push({
      spec: { encoder: shape.length === 1 ? 'dense' : 'conv1x1', stride, channels, bits: b },
      codedBytes,
      lostShare: pca.totalVariance > 0 ? Math.max(0, 1 - kept / pca.totalVariance) : 0,
      code: codeOfComponents(pca, channels),
      moments,
      blocks: counted,
    });
  }
  return found;
}

/** Bits a value, of the codes of one channel; corrected for what few values underestimate. Source: G. Miller, "Note on the bias of information estimates", 1955. */
export function codeEntropy(values: Float32Array, { low, gain }: ChannelRange, bits: WireBits): number {
  const steps = 2 ** bits - 1;
  const counts = new Float64Array(steps + 1);
  const scale = (gain * steps) / WIRE_CLAMP;
  for (const v of values) {
    const code = Math.min(steps, Math.max(0, Math.round((v - low) * scale)));
    counts[code] = (counts[code] as number) + 1;
  }
  let entropy = 0;
  let used = 0;
  for (const n of counts) {
    if (n === 0) continue;
    entropy -= (n / values.length) * Math.log2(n / values.length);
    used++;
  }
  return entropy + (used > 0 ? used - 1 : 0) / (2 * values.length * Math.LN2);
}
