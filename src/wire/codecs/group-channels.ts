/** Channels that share a table: agglomerative clustering by description length. */

/** How often each code was seen in the channels of one group. */
export interface ChannelGroup {
  readonly channels: readonly number[];
  readonly histogram: Float64Array;
}

export interface GroupingLimits {
  /** Groups at most. */
  readonly groups: number;
  /** Share of the coded bytes that grouping may cost. */
  readonly loss: number;
}

/** Distances between all pairs are worked out only for so many; channels alike in their mean code are joined before. */
const LARGEST_START = 256;

/**
 * Joins groups, the cheapest pair first: while a table costs more bits than it saves on the training codes, while all joins
 * together cost no more than the limit's share, and until there are no more groups than allowed. A table's bits are those of its free
 * parameters, ½·log2(codes seen) each (J. Rissanen, "Modeling by shortest data description", Automatica 14, 1978).
 */
export function groupChannels(histograms: readonly Float64Array[], limits: GroupingLimits): ChannelGroup[] {
  const alone = histograms.map((histogram, c): Group => makeGroup([c], histogram));
  const free = alone.reduce((sum, group) => sum + group.bits, 0);
  const groups = joinNeighbours(alone, LARGEST_START);
  let spent = groups.reduce((sum, group) => sum + group.bits, 0) - free;
  const nearest = groups.map((_, i) => findNearest(groups, i));
  while (groups.length > 1) {
    let a = 0;
    for (let i = 1; i < nearest.length; i++) {
      if ((nearest[i] as Neighbour).cost < (nearest[a] as Neighbour).cost) a = i;
    }
    const { index: b, cost } = nearest[a] as Neighbour;
    const [first, second] = [groups[a] as Group, groups[b] as Group];
    const joined = join(first, second);
    const tableBits = first.tableBits + second.tableBits - joined.tableBits;
    const worthIt = cost <= tableBits || spent + cost <= limits.loss * free;
    if (!worthIt && groups.length <= limits.groups) break;
    spent += cost;
    const [kept, gone] = a < b ? [a, b] : [b, a];
    groups[kept] = joined;
    groups.splice(gone, 1);
    nearest.splice(gone, 1);
    nearest.forEach((known, i) => {
      if (i === kept || known.index === kept || known.index === gone) nearest[i] = findNearest(groups, i);
      else {
        const index = known.index > gone ? known.index - 1 : known.index;
        const toJoined = joinCost(groups[i] as Group, joined);
        nearest[i] = toJoined < known.cost ? { index: kept, cost: toJoined } : { index, cost: known.cost };
      }
    });
  }
  return groups.map(({ channels, histogram }) => ({ channels: channels.toSorted((x, y) => x - y), histogram }));
}

interface Group extends ChannelGroup {
  /** Of its codes with their own ideal table. */
  readonly bits: number;
  readonly tableBits: number;
}

interface Neighbour {
  readonly index: number;
  /** Bits that the codes of both take more with one table. */
  readonly cost: number;
}

function makeGroup(channels: readonly number[], histogram: Float64Array): Group {
  let total = 0;
  let seen = 0;
  for (const count of histogram) {
    total += count;
    if (count > 0) seen++;
  }
  const tableBits = (Math.max(0, seen - 1) / 2) * Math.log2(Math.max(2, total));
  return { channels, histogram, bits: idealBits(histogram), tableBits };
}

function join(a: Group, b: Group): Group {
  return makeGroup(
    [...a.channels, ...b.channels],
    a.histogram.map((count, code) => count + (b.histogram[code] as number)),
  );
}

/** Zero-order entropy of a histogram times its count. */
export function idealBits(histogram: ArrayLike<number>): number {
  let total = 0;
  let sum = 0;
  for (let code = 0; code < histogram.length; code++) {
    const count = histogram[code] as number;
    if (count === 0) continue;
    total += count;
    sum += count * Math.log2(count);
  }
  return total === 0 ? 0 : total * Math.log2(total) - sum;
}

function joinCost(a: Group, b: Group): number {
  let total = 0;
  let sum = 0;
  for (let code = 0; code < a.histogram.length; code++) {
    const count = (a.histogram[code] as number) + (b.histogram[code] as number);
    if (count === 0) continue;
    total += count;
    sum += count * Math.log2(count);
  }
  const together = total === 0 ? 0 : total * Math.log2(total) - sum;
  return Math.max(0, together - a.bits - b.bits);
}

function findNearest(groups: readonly Group[], of: number): Neighbour {
  let best: Neighbour = { index: -1, cost: Number.POSITIVE_INFINITY };
  groups.forEach((group, index) => {
    if (index === of) return;
    const cost = joinCost(groups[of] as Group, group);
    if (cost < best.cost) best = { index, cost };
  });
  return best;
}

/** Runs of channels next to one another in their mean code, about equally many each. */
function joinNeighbours(alone: readonly Group[], atMost: number): Group[] {
  if (alone.length <= atMost) return [...alone];
  const byMean = alone.toSorted((a, b) => meanCode(a.histogram) - meanCode(b.histogram));
  return Array.from({ length: atMost }, (_, i) => {
    const from = Math.floor((i * byMean.length) / atMost);
    const run = byMean.slice(from, Math.floor(((i + 1) * byMean.length) / atMost));
    return run.reduce(join);
  });
}

function meanCode(histogram: Float64Array): number {
  let total = 0;
  let sum = 0;
  histogram.forEach((count, code) => {
    total += count;
    sum += code * count;
  });
  return total === 0 ? 0 : sum / total;
}
