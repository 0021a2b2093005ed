/**
 * Ranges of one width for all channels, as entropy coding wants them: with one step everywhere, channels that vary little take few
 * codes and few bits, and none is finer than the others (reverse water-filling; Cover and Thomas, "Elements of Information Theory", 10.3).
 */
import { WIRE_CLAMP, type WireBits } from './bottleneck.js';
import type { ChannelRange } from './linear-code.js';

export interface CommonStep {
  readonly ranges: readonly ChannelRange[];
  /** Of one sample: entropy of the codes channel by channel. */
  readonly codedBytes: number;
}

/** Share of the values below a range that is wide enough. */
const LOWEST_SHARE = 0.002;
const BISECTIONS = 11;

/** The values of each channel in order, for quantiles: channels × blocks. */
export interface SortedChannels {
  readonly channels: number;
  readonly count: number;
  readonly values: Float32Array;
}

export function sortChannels(z: Float32Array, channels: number): SortedChannels {
  const count = z.length / channels;
  const values = z.slice();
  for (let k = 0; k < channels; k++) values.subarray(k * count, (k + 1) * count).sort();
  return { channels, count, values };
}

/**
 * The finest common step with which the codes of the first `channels` channels take at most `codedBytes`.
 * @param places on the wire
 */
export function chooseCommonStep(
  sorted: SortedChannels,
  channels: number,
  bits: WireBits,
  places: number,
  codedBytes: number,
): CommonStep {
  let widest = 0;
  for (let k = 0; k < channels; k++) {
    const at = k * sorted.count;
    const span = (sorted.values[at + sorted.count - 1] as number) - (sorted.values[at] as number);
    if (span > widest) widest = span;
  }
  if (widest === 0) return rangesOf(sorted, channels, bits, places, 1);
  // A range so wide that every channel has one or two codes, and one so narrow that the coarsest code is finer than any need.
  let [coarse, fine] = [widest * 2 ** (bits + 1), widest / 64];
  let best = rangesOf(sorted, channels, bits, places, coarse);
  const finest = rangesOf(sorted, channels, bits, places, fine);
  if (finest.codedBytes <= codedBytes) fine = Math.max(fine, narrowestUseful(sorted, channels));
  for (let i = 0; i < BISECTIONS; i++) {
    const width = Math.sqrt(coarse * fine);
    const found = rangesOf(sorted, channels, bits, places, width);
    if (found.codedBytes <= codedBytes) {
      coarse = width;
      best = found;
    } else fine = width;
  }
  return best;
}

/** Narrower than this clips the widest channel more than it gains in steps. */
function narrowestUseful({ values, count }: SortedChannels, channels: number): number {
  let width = 0;
  for (let k = 0; k < channels; k++) {
    const at = (share: number): number => values[k * count + Math.floor(share * (count - 1))] as number;
    width = Math.max(width, at(1 - LOWEST_SHARE) - at(LOWEST_SHARE));
  }
  return width;
}

function rangesOf(
  { values, count }: SortedChannels,
  channels: number,
  bits: WireBits,
  places: number,
  width: number,
): CommonStep {
  const steps = 2 ** bits - 1;
  const gain = WIRE_CLAMP / width;
  const step = width / steps;
  const counts = new Float64Array(steps + 1);
  let entropyBits = 0;
  const ranges = Array.from({ length: channels }, (_, k): ChannelRange => {
    const at = k * count;
    const lowest = values[at + Math.floor(LOWEST_SHARE * (count - 1))] as number;
    const middle = values[at + (count >> 1)] as number;
    // A code lies on the median: at few bits most values then take that one code, and lose little.
    const below = Math.ceil((middle - Math.max(middle - width / 2, lowest)) / step);
    const low = middle - below * step;
    counts.fill(0);
    let squares = 0;
    for (let i = 0; i < count; i++) {
      const v = (values[at + i] as number) - low;
      const code = Math.min(steps, Math.max(0, Math.round(v / step)));
      counts[code] = (counts[code] as number) + 1;
      squares += (v - code * step) ** 2;
    }
    entropyBits += entropyOf(counts, count);
    return { low, high: low + width, gain, meanSquaredError: squares / count };
  });
  return { ranges, codedBytes: (places * entropyBits) / 8 };
}

/**
 * Bits a value; corrected for what few values underestimate. Source: G. Miller, "Note on the bias of information estimates", 1955.
 */
export function entropyOf(counts: Float64Array, total: number): number {
  let entropy = 0;
  let used = 0;
  for (const n of counts) {
    if (n === 0) continue;
    entropy -= (n / total) * Math.log2(n / total);
    used++;
  }
  return entropy + (used > 1 ? used - 1 : 0) / (2 * total * Math.LN2);
}
