/** What shapes of a bottleneck would lose and cost on the wire, measured on blocks of activations, before any network runs. */
import { elementCount } from '../ir/graph.js';
import { type ActivationSample, type Blocks, blockGrid } from './activations.js';
import type { BottleneckSpec, WireBits } from './bottleneck.js';
import { chooseCommonStep, sortChannels } from './common-step.js';
import { type ChannelRange, type LinearCode, narrowCode, projectBlocks } from './linear-code.js';
import type { BlockMoments } from './pca.js';
import { fitSample, type MomentEffort, THOROUGH, thinBlocks } from './projection-weights.js';
import { wireShapeOf } from './spec.js';

/** A shape with the code it would start from. */
export interface MeasuredShape {
  readonly spec: BottleneckSpec;
  /** Zero-order entropy of the codes, channel by channel, of one sample: what static tables per channel come close to. */
  readonly codedBytes: number;
  /** Share of the activation's variance (weighted by what it moves) that does not come back: not projected, or lost in quantization. */
  readonly lostShare: number;
  /** Its start as weights. */
  readonly code: LinearCode;
  readonly ranges: readonly ChannelRange[];
  readonly moments: BlockMoments;
  readonly blocks: Blocks;
}

export interface ShapeOptions {
  /** After coding. */
  readonly budgetWireBytes: number;
  readonly bits?: readonly WireBits[];
  readonly seed?: number;
  /** Default THOROUGH. */
  readonly effort?: MomentEffort;
}

const STRIDES = [1, 2, 4] as const;
/** 8 bits make tables of 256 frequencies for every channel; asked for where the budget is wide. */
const TRIED_BITS: readonly WireBits[] = [4, 2, 1];
/** Widths that are tried, of the widest; in this order. */
const WIDTH_SHARES = [1, 0.75, 0.55, 0.4, 0.3, 0.2, 0.12, 0.06];
/** Loss, compared with the least, that is no loss. */
const NEARLY = 1.03;
/** Strides whose blocks have more values are only looked at when no smaller one meets the budget. */
const LARGEST_BLOCK = 256;
/** Beyond this nothing is tried: the moments alone would take minutes. */
const LARGEST_BLOCK_EVER = 1024;
/** Blocks on which codes are counted. */
const COUNTED_BLOCKS = 4096;
const FEWEST_COUNTED = 1024;
const COUNTING_WORK = 2 ** 15;

/**
 * The best width for every stride and number of bits that meets the budget, that which loses least first.
 * @returns empty when none meets it
 */
export function measureShapes(sample: ActivationSample, options: ShapeOptions): MeasuredShape[] {
  const { bits = TRIED_BITS } = options;
  const found: MeasuredShape[] = [];
  for (const stride of STRIDES) {
    if (stride > 1 && (sample.shape.length === 1 || stride > Math.min(...sample.shape.slice(0, 2)))) continue;
    const { elements } = blockGrid(sample.shape, stride);
    if (elements > LARGEST_BLOCK_EVER || (elements > LARGEST_BLOCK && found.length > 0)) continue;
    const least = Math.min(...found.map(({ lostShare }) => lostShare));
    const measured = measureStride(sample, stride, bits, options);
    found.push(...measured);
    // What larger blocks have in common no longer makes up for the room that they take.
    if (found.length > measured.length && measured.every(({ lostShare }) => lostShare > least)) break;
  }
  return found.sort((a, b) => a.lostShare - b.lostShare || a.codedBytes - b.codedBytes);
}

function measureStride(
  sample: ActivationSample,
  stride: number,
  bits: readonly WireBits[],
  options: ShapeOptions,
): MeasuredShape[] {
  const { budgetWireBytes, seed = 0, effort = THOROUGH } = options;
  const { shape } = sample;
  const places = elementCount(wireShapeOf({ stride, channels: 1 }, shape));
  const { elements } = blockGrid(shape, stride);
  // Below half a bit a value, channels are nearly constant.
  const widest = Math.min(elements, Math.floor((16 * budgetWireBytes) / places));
  if (widest < 1) return [];
  const fitted = fitSample(sample, stride, widest, seed, effort);
  const counted = thinBlocks(
    fitted.blocks,
    Math.max(FEWEST_COUNTED, Math.min(COUNTED_BLOCKS, Math.floor(effort.work / COUNTING_WORK))),
  );
  const sorted = sortChannels(projectBlocks(fitted.code, counted), widest);
  const widths = [...new Set(WIDTH_SHARES.map((share) => Math.max(1, Math.round(share * widest))))];
  const found: MeasuredShape[] = [];
  for (const b of bits) {
    const tried = widths.flatMap((channels) => {
      const { ranges, codedBytes } = chooseCommonStep(sorted, channels, b, places, budgetWireBytes);
      if (codedBytes > budgetWireBytes) return [];
      let kept = 0;
      ranges.forEach(({ meanSquaredError }, k) => {
        kept += (fitted.variances[k] as number) - meanSquaredError;
      });
      const lostShare = fitted.totalVariance > 0 ? 1 - kept / fitted.totalVariance : 0;
      const spec: BottleneckSpec = { encoder: shape.length === 1 ? 'dense' : 'conv1x1', stride, channels, bits: b };
      return [{ spec, codedBytes, lostShare, ranges }];
    });
    const least = Math.min(...tried.map(({ lostShare }) => lostShare));
    // The narrowest that is nearly as good: further channels cost the device multiplications.
    const best = tried.findLast(({ lostShare }) => lostShare <= least * NEARLY);
    if (best) {
      const { moments } = fitted;
      found.push({ ...best, code: narrowCode(fitted.code, best.spec.channels), moments, blocks: counted });
    }
  }
  return found;
}
