import { inflateSync } from 'node:zlib';
import type { Cursor } from './cursor.js';
import { MESSAGE, type Message, type Sizes } from './object-header.js';

/** Raw bytes of a dataset: contiguous, compact, or chunked with deflate, shuffle and checksum filters. */
export function readStorage(
  file: Cursor,
  messages: readonly Message[],
  sizes: Sizes,
  shape: readonly number[],
  elementSize: number,
  byteLength: number,
): Uint8Array {
  const layout = messages.find((m) => m.type === MESSAGE.layout)?.body ?? file.corrupt('a dataset has no layout');
  if (messages.some((m) => m.type === MESSAGE.externalFiles)) layout.corrupt('data in external files is not read');
  const version = layout.u8();
  if (version === 4) {
    layout.corrupt('chunk indexes of libver="latest" are not read; save with h5py\'s default libver');
  }
  if (version !== 3) layout.corrupt(`the layout version ${version} is not read`);
  const kind = layout.u8();
  if (kind === 0) {
    const size = layout.u16();
    return checkSize(layout, layout.bytes(size), byteLength);
  }
  if (kind === 1) {
    const at = layout.uint(sizes.offset) ?? layout.corrupt('a dataset was never written');
    const size = layout.uint(sizes.length) ?? layout.corrupt('a dataset has no size');
    return checkSize(layout, file.sub(at, size).bytes(size), byteLength);
  }
  if (kind !== 2) layout.corrupt(`the layout class ${kind} is not read`);
  const rank = layout.u8() - 1;
  if (rank !== shape.length) layout.corrupt(`chunks have ${rank} dimensions, the dataset has ${shape.length}`);
  const tree = layout.uint(sizes.offset) ?? layout.corrupt('a dataset was never written');
  const chunk: number[] = [];
  for (let i = 0; i < rank; i++) chunk.push(layout.u32());
  if (layout.u32() !== elementSize) layout.corrupt('chunks and dataset have different element sizes');
  if (chunk.some((d) => d === 0)) layout.corrupt('a chunk is empty');
  const filters = parseFilters(messages.find((m) => m.type === MESSAGE.filters)?.body);
  const chunkBytes = chunk.reduce((n, d) => n * d, elementSize);
  // A chunk may be larger than the data (then it is padded), but not without bound.
  if (chunkBytes > Math.max(byteLength * 16, 1 << 24)) layout.corrupt(`a chunk of ${chunkBytes} bytes is too large`);
  const out = new Uint8Array(byteLength);
  const walk: ChunkWalk = {
    file,
    sizes,
    shape,
    chunk,
    chunkBytes,
    elementSize,
    filters,
    out,
    seen: new Set(),
    filled: 0,
  };
  walkChunkTree(walk, tree, 0);
  const expected = shape.reduce((n, d, i) => n * Math.ceil(d / (chunk[i] as number)), 1);
  if (walk.filled !== expected) layout.corrupt(`a dataset has ${walk.filled} of its ${expected} chunks`);
  return out;
}

function checkSize(c: Cursor, bytes: Uint8Array, byteLength: number): Uint8Array {
  if (bytes.length !== byteLength) c.corrupt(`a dataset holds ${bytes.length} bytes instead of ${byteLength}`);
  return bytes;
}

interface Filter {
  readonly id: number;
}

function parseFilters(c: Cursor | undefined): readonly Filter[] {
  if (!c) return [];
  const version = c.u8();
  const count = c.u8();
  if (version === 1) c.skip(6);
  else if (version !== 2) c.corrupt(`the filter version ${version} does not exist`);
  const filters: Filter[] = [];
  for (let i = 0; i < count; i++) {
    const id = c.u16();
    const nameLength = version === 1 || id >= 256 ? c.u16() : 0;
    c.skip(2);
    const values = c.u16();
    c.skip(version === 1 ? Math.ceil(nameLength / 8) * 8 : nameLength);
    c.skip(4 * (version === 1 ? values + (values % 2) : values));
    if (id < 1 || id > 3) c.corrupt(`the compression filter ${id} is not read; save without it`);
    filters.push({ id });
  }
  return filters;
}

interface ChunkWalk {
  readonly file: Cursor;
  readonly sizes: Sizes;
  readonly shape: readonly number[];
  readonly chunk: readonly number[];
  readonly chunkBytes: number;
  readonly elementSize: number;
  readonly filters: readonly Filter[];
  readonly out: Uint8Array;
  readonly seen: Set<number>;
  filled: number;
}

function walkChunkTree(walk: ChunkWalk, address: number, depth: number): void {
  const c = walk.file.from(address);
  if (walk.seen.has(address) || depth > 32) c.corrupt('a chunk B-tree runs in a circle');
  walk.seen.add(address);
  c.expect('TREE');
  if (c.u8() !== 1) c.corrupt('a dataset has a B-tree of another type');
  const level = c.u8();
  const entries = c.u16();
  c.skip(2 * walk.sizes.offset);
  for (let i = 0; i < entries; i++) {
    const stored = c.u32();
    const mask = c.u32();
    const origin = walk.shape.map(() => c.uint(8) ?? c.corrupt('a chunk has no position'));
    c.skip(8);
    const child = c.uint(walk.sizes.offset) ?? c.corrupt('a chunk has no address');
    if (level > 0) walkChunkTree(walk, child, depth + 1);
    else {
      if (walk.seen.has(child)) c.corrupt('a chunk is used twice');
      walk.seen.add(child);
      placeChunk(walk, unfilter(walk, walk.file.sub(child, stored).bytes(stored), mask, c), origin, c);
      walk.filled++;
    }
  }
}

function unfilter(walk: ChunkWalk, stored: Uint8Array, mask: number, c: Cursor): Uint8Array {
  let data = stored;
  for (let i = walk.filters.length - 1; i >= 0; i--) {
    if (mask & (1 << i)) continue;
    const id = (walk.filters[i] as Filter).id;
    if (id === 1) {
      try {
        data = inflateSync(data, { maxOutputLength: walk.chunkBytes + 4 });
      } catch {
        c.corrupt('a compressed chunk is damaged');
      }
    } else if (id === 2) data = unshuffle(data, walk.elementSize);
    else data = data.subarray(0, data.length - 4); // Fletcher-32 checksum behind the data
  }
  return checkSize(c, data, walk.chunkBytes);
}

function unshuffle(data: Uint8Array, elementSize: number): Uint8Array {
  const count = Math.floor(data.length / elementSize);
  const out = new Uint8Array(data.length);
  out.set(data.subarray(count * elementSize), count * elementSize);
  for (let b = 0; b < elementSize; b++) {
    for (let i = 0; i < count; i++) out[i * elementSize + b] = data[b * count + i] as number;
  }
  return out;
}

/** Copies a chunk's rows to their place, leaving out what sticks out of the dataset. */
function placeChunk(walk: ChunkWalk, data: Uint8Array, origin: readonly number[], c: Cursor): void {
  const { shape, chunk, elementSize, out } = walk;
  if (origin.some((o, i) => o % (chunk[i] as number) !== 0 || o >= (shape[i] as number))) {
    c.corrupt('a chunk lies outside its dataset');
  }
  const rank = shape.length;
  const extent = chunk.map((d, i) => Math.min(d, (shape[i] as number) - (origin[i] as number)));
  const rowBytes = (extent[rank - 1] as number) * elementSize;
  const rows = extent.slice(0, -1).reduce((n, d) => n * d, 1);
  const index = new Array<number>(rank).fill(0);
  for (let r = 0; r < rows; r++) {
    let from = 0;
    let to = 0;
    for (let i = 0; i < rank; i++) {
      from = from * (chunk[i] as number) + (index[i] as number);
      to = to * (shape[i] as number) + (origin[i] as number) + (index[i] as number);
    }
    out.set(data.subarray(from * elementSize, from * elementSize + rowBytes), to * elementSize);
    for (let i = rank - 2; i >= 0; i--) {
      index[i] = (index[i] as number) + 1;
      if ((index[i] as number) < (extent[i] as number)) break;
      index[i] = 0;
    }
  }
}
