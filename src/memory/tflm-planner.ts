/** A buffer that lives from operator step `first` to `last`, both included. */
export interface PlannedBuffer {
  readonly bytes: number;
  readonly first: number;
  readonly last: number;
}

interface Placed extends PlannedBuffer {
  readonly offset: number;
}

/**
 * Bytes that TFLite-Micro's greedy planner needs for these buffers: memory_planner/greedy_memory_planner.cc
 * CalculateOffsetsIfNeeded. Largest first; among equals the one added last comes first; each at the lowest gap between the
 * buffers that live at the same time.
 */
export function planGreedily(buffers: readonly PlannedBuffer[]): number {
  const order = [...buffers].reverse().sort((a, b) => b.bytes - a.bytes);
  const placed: Placed[] = [];
  let planBytes = 0;
  for (const wanted of order) {
    let offset = 0;
    for (const other of placed) {
      if (other.first > wanted.last || wanted.first > other.last) continue;
      if (other.offset - offset >= wanted.bytes) break;
      offset = Math.max(offset, other.offset + other.bytes);
    }
    const next = placed.findIndex((other) => other.offset > offset);
    placed.splice(next < 0 ? placed.length : next, 0, { ...wanted, offset });
    planBytes = Math.max(planBytes, offset + wanted.bytes);
  }
  return planBytes;
}
