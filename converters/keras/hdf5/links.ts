import type { Cursor } from './cursor.js';
import { MESSAGE, type Message, type Sizes } from './object-header.js';

const MAX_LINKS = 1_000_000;
const MAX_TREE_DEPTH = 32;
const DECODER = new TextDecoder();

/**
 * Members of a group by name → object header address; undefined when the object is no group. Old-style groups (symbol
 * table: B-tree, local heap) and new-style ones with compact links. Soft and external links are left out.
 */
export function readLinks(file: Cursor, messages: readonly Message[], sizes: Sizes): Map<string, number> | undefined {
  const table = messages.find((m) => m.type === MESSAGE.symbolTable);
  if (table) {
    const links = new Map<string, number>();
    const tree = table.body.uint(sizes.offset) ?? table.body.corrupt('a group has no B-tree');
    const heap = table.body.uint(sizes.offset) ?? table.body.corrupt('a group has no name heap');
    const names = readLocalHeap(file, heap, sizes);
    walkGroupTree(file, tree, names, sizes, links, new Set(), 0);
    return links;
  }
  const info = messages.find((m) => m.type === MESSAGE.linkInfo);
  if (!info) return undefined;
  const c = info.body;
  c.skip(1);
  const flags = c.u8();
  if (flags & 1) c.skip(8);
  if (c.uint(sizes.offset) !== undefined) {
    c.corrupt('groups with densely stored links (libver="latest") are not read; save with h5py\'s default libver');
  }
  const links = new Map<string, number>();
  for (const message of messages) {
    if (message.type === MESSAGE.link) readLinkMessage(message.body, sizes, links);
  }
  return links;
}

function readLinkMessage(c: Cursor, sizes: Sizes, links: Map<string, number>): void {
  if (c.u8() !== 1) c.corrupt('the link version does not exist');
  const flags = c.u8();
  const type = flags & 8 ? c.u8() : 0;
  if (flags & 4) c.skip(8);
  if (flags & 16) c.skip(1);
  const length = c.uint(1 << (flags & 3)) ?? c.corrupt('a link has no name');
  const name = DECODER.decode(c.bytes(length));
  if (type === 0) links.set(name, c.uint(sizes.offset) ?? c.corrupt(`the link "${name}" leads nowhere`));
}

function readLocalHeap(file: Cursor, address: number, sizes: Sizes): Cursor {
  const c = file.from(address);
  c.expect('HEAP');
  c.skip(4);
  const size = c.uint(sizes.length) ?? c.corrupt('a name heap has no size');
  c.skip(sizes.length);
  const at = c.uint(sizes.offset) ?? c.corrupt('a name heap has no data');
  return file.sub(at, size);
}

function walkGroupTree(
  file: Cursor,
  address: number,
  names: Cursor,
  sizes: Sizes,
  links: Map<string, number>,
  seen: Set<number>,
  depth: number,
): void {
  const c = file.from(address);
  if (seen.has(address)) c.corrupt('a group B-tree runs in a circle');
  if (depth > MAX_TREE_DEPTH) c.corrupt('a group B-tree is too deep');
  seen.add(address);
  c.expect('TREE');
  if (c.u8() !== 0) c.corrupt('a group has a B-tree of another type');
  const level = c.u8();
  const entries = c.u16();
  c.skip(2 * sizes.offset);
  for (let i = 0; i < entries; i++) {
    c.skip(sizes.length);
    const child = c.uint(sizes.offset) ?? c.corrupt('a group B-tree has an undefined child');
    if (level > 0) walkGroupTree(file, child, names, sizes, links, seen, depth + 1);
    else readSymbolNode(file, child, names, sizes, links, seen);
  }
}

function readSymbolNode(
  file: Cursor,
  address: number,
  names: Cursor,
  sizes: Sizes,
  links: Map<string, number>,
  seen: Set<number>,
): void {
  const c = file.from(address);
  if (seen.has(address)) c.corrupt('a symbol node is used twice');
  seen.add(address);
  c.expect('SNOD');
  c.skip(2);
  const count = c.u16();
  for (let i = 0; i < count; i++) {
    const nameAt = c.uint(sizes.offset) ?? c.corrupt('a symbol has no name');
    const object = c.uint(sizes.offset);
    const cacheType = c.u32();
    c.skip(20);
    if (cacheType === 2 || object === undefined) continue; // soft link
    if (links.size >= MAX_LINKS) c.corrupt(`a group has more than ${MAX_LINKS} members`);
    links.set(readName(names, nameAt), object);
  }
}

function readName(names: Cursor, offset: number): string {
  const start = names.at + offset;
  if (start >= names.end) names.corrupt('a name lies outside its heap');
  const c = names.sub(start, names.end - start);
  let length = 0;
  while (c.left > 0 && c.u8() !== 0) length++;
  return DECODER.decode(names.sub(start, length).bytes(length));
}
