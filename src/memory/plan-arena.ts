import { createRandom } from '../core/random.js';
import { bytesPerElement, elementCount, type Graph, isConstant, tensorOf } from '../ir/graph.js';
import { opDef } from '../ops/index.js';

export interface ArenaOptions {
  /** Bytes of one activation element. Default: by dtype. 1 = as if quantized to int8. */
  readonly elementBytes?: number;
  /** Default 16, as TFLite-Micro aligns. */
  readonly alignment?: number;
  /** Let element-wise ops write over an input nobody reads again, and views share their input's buffer. Default true. */
  readonly inPlace?: boolean;
}

/** Place of one buffer. */
export interface Placement {
  readonly offset: number;
  readonly bytes: number;
  /** Index of the node that writes it (−1 = graph input) and of the last one that reads it (node count = graph output). */
  readonly first: number;
  readonly last: number;
}

export interface ArenaPlan {
  readonly arenaBytes: number;
  /** Largest sum of buffers alive at once: no plan can be smaller. */
  readonly lowerBoundBytes: number;
  /** By tensor; tensors that share a buffer have the same placement. */
  readonly placements: ReadonlyMap<string, Placement>;
}

interface Buffer {
  bytes: number;
  first: number;
  last: number;
  readonly tensors: string[];
}

interface PlacedBuffer extends Buffer {
  readonly offset: number;
}

/**
 * Places every activation of a graph (batch 1) in one arena, ahead of time.
 * Greedy by size: the largest buffer first, each at the lowest offset free during its whole life. While that is above the
 * lower bound, the buffer that stands out at the top is placed first and the others again, a bounded number of times.
 * Source of the first: Pisarchyk and Lee, "Efficient Memory Management for Deep Neural Net Inference", 2020, §5.2.
 */
export function planArena(graph: Graph, options: ArenaOptions = {}): ArenaPlan {
  const alignment = options.alignment ?? 16;
  const steps = graph.nodes.length;
  const buffers = collectBuffers(graph, options, alignment);
  const lowerBoundBytes = peakLiveBytes(buffers, steps);
  const best = searchOrders(buffers, steps, lowerBoundBytes);
  const placements = new Map<string, Placement>();
  buffers.forEach(({ bytes, first, last, tensors }, i) => {
    for (const id of tensors) placements.set(id, { offset: best.offsets[i] as number, bytes, first, last });
  });
  return { arenaBytes: best.arenaBytes, lowerBoundBytes, placements };
}

/** Offsets by buffer, and the first buffer in order of placement that reaches the arena's end. */
interface Layout {
  readonly offsets: Float64Array;
  readonly arenaBytes: number;
  readonly highest: number;
}

/** Buffers placed at most while looking for a better order: what a network of hundreds of layers may cost. */
const MOST_PLACEMENTS = 20_000;
/** Share of them spent on each start before random exchanges take the rest. */
const SHARE_OF_START = 1 / 8;

function searchOrders(buffers: readonly Buffer[], steps: number, lowerBoundBytes: number): Layout {
  const at = (i: number): Buffer => buffers[i] as Buffer;
  const bySize = buffers.map((_, i) => i).sort((a, b) => at(b).bytes - at(a).bytes || at(a).first - at(b).first);
  const byLife = [...bySize].sort((a, b) => at(b).last - at(b).first - (at(a).last - at(a).first));
  const tries = Math.floor(MOST_PLACEMENTS / buffers.length);
  let bestOrder = bySize;
  let best = placeInOrder(buffers, bySize, steps);
  const isBetter = (order: readonly number[], layout: Layout): boolean => {
    if (layout.arenaBytes < best.arenaBytes) [best, bestOrder] = [layout, [...order]];
    return best.arenaBytes <= lowerBoundBytes;
  };
  for (const order of [[...bySize], byLife]) {
    for (let i = 0; i < tries * SHARE_OF_START; i++) {
      const layout = placeInOrder(buffers, order, steps);
      if (isBetter(order, layout)) return best;
      order.splice(order.indexOf(layout.highest), 1);
      order.unshift(layout.highest);
    }
  }
  return exchangeAtRandom();

  /** Exchanges two places in the order; keeps what is no worse. */
  function exchangeAtRandom(): Layout {
    const random = createRandom(buffers.length);
    let order = bestOrder;
    let layout = best;
    for (let i = 0; i < tries; i++) {
      const next = [...order];
      const from = next.indexOf(i % 2 === 0 ? layout.highest : random.int(next.length));
      const to = random.int(next.length);
      [next[from], next[to]] = [next[to] as number, next[from] as number];
      const tried = placeInOrder(buffers, next, steps);
      if (isBetter(next, tried)) return best;
      if (tried.arenaBytes <= layout.arenaBytes) [order, layout] = [next, tried];
    }
    return best;
  }
}

function placeInOrder(buffers: readonly Buffer[], order: readonly number[], steps: number): Layout {
  const offsets = new Float64Array(buffers.length);
  // Placed buffers by the step (node index + 1) at which they are alive: only those can be in the way.
  const aliveAt: PlacedBuffer[][] = Array.from({ length: steps + 2 }, () => []);
  let arenaBytes = 0;
  let highest = order[0] as number;
  for (const index of order) {
    const buffer = buffers[index] as Buffer;
    const lists = aliveAt.slice(buffer.first + 1, buffer.last + 2);
    const neighbours = [...new Set(lists.flat())].sort((a, b) => a.offset - b.offset);
    let offset = 0;
    for (const n of neighbours) {
      if (offset + buffer.bytes <= n.offset) break;
      offset = Math.max(offset, n.offset + n.bytes);
    }
    const placed = { ...buffer, offset };
    for (const list of lists) list.push(placed);
    offsets[index] = offset;
    if (offset + buffer.bytes > arenaBytes) {
      arenaBytes = offset + buffer.bytes;
      highest = index;
    }
  }
  return { offsets, arenaBytes, highest };
}

function collectBuffers(graph: Graph, options: ArenaOptions, alignment: number): Buffer[] {
  const inPlace = options.inPlace ?? true;
  const end = graph.nodes.length;
  const lastUse = new Map<string, number>();
  graph.nodes.forEach((node, i) => {
    for (const id of node.inputs) lastUse.set(id, i);
  });
  for (const id of graph.outputs) lastUse.set(id, end);

  const byTensor = new Map<string, Buffer>();
  const buffers: Buffer[] = [];
  const sizeOf = (id: string): number => {
    const { shape, dtype } = tensorOf(graph, id);
    const bytes = elementCount(shape) * (options.elementBytes ?? bytesPerElement(dtype));
    return Math.ceil(bytes / alignment) * alignment;
  };
  const open = (id: string, first: number): void => {
    const buffer: Buffer = { bytes: sizeOf(id), first, last: lastUse.get(id) ?? first, tensors: [id] };
    byTensor.set(id, buffer);
    buffers.push(buffer);
  };

  for (const id of graph.inputs) open(id, -1);
  graph.nodes.forEach((node, i) => {
    const reusable = inPlace ? (opDef(node.kind).inPlace ?? []) : [];
    node.outputs.forEach((id, k) => {
      const host =
        k === 0
          ? reusable.map((r) => node.inputs[r]).find((input) => canTakeOver(graph, byTensor, input, id, i, sizeOf))
          : undefined;
      const buffer = host === undefined ? undefined : byTensor.get(host);
      if (!buffer) {
        open(id, i);
        return;
      }
      buffer.tensors.push(id);
      buffer.last = Math.max(buffer.last, lastUse.get(id) ?? i);
      byTensor.set(id, buffer);
    });
  });
  return buffers;
}

/** The input's buffer may become the output's when nothing reads the buffer after this node and the sizes agree. */
function canTakeOver(
  graph: Graph,
  byTensor: ReadonlyMap<string, Buffer>,
  input: string | undefined,
  output: string,
  nodeIndex: number,
  sizeOf: (id: string) => number,
): boolean {
  if (input === undefined || isConstant(graph, input)) return false;
  const buffer = byTensor.get(input);
  return buffer !== undefined && buffer.last === nodeIndex && buffer.bytes === sizeOf(output);
}

function peakLiveBytes(buffers: readonly Buffer[], nodeCount: number): number {
  const change = new Float64Array(nodeCount + 3);
  for (const { first, last, bytes } of buffers) {
    change[first + 1] = (change[first + 1] as number) + bytes;
    change[last + 2] = (change[last + 2] as number) - bytes;
  }
  let live = 0;
  let peak = 0;
  for (const delta of change) {
    live += delta;
    peak = Math.max(peak, live);
  }
  return peak;
}
