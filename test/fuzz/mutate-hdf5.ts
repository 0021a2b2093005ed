/** Changes to the structures of an HDF5 file, found with a small walk of their own: superblock, headers, trees, heaps. */
import {
  awkwardInteger,
  changeSite,
  type FuzzFile,
  type Mutator,
  memoize,
  readInteger,
  type Site,
} from './fuzz-file.js';
import { type JsonSlot, jsonMutators } from './mutate-json.js';

/** Kinds of header messages by type number. */
const MESSAGES: Readonly<Record<number, string>> = {
  1: 'dataspace',
  3: 'datatype',
  6: 'link',
  8: 'layout',
  11: 'filters',
  12: 'attribute',
  16: 'continuation',
  17: 'symbol table',
};

const findSites = memoize((bytes: Uint8Array): readonly Site[] => {
  const sites: Site[] = [];
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  const u = (at: number, size: number): number => readInteger(bytes, at, size);
  const add = (kind: string, at: number, size: number): void => {
    if (at + size <= bytes.length) sites.push({ kind, at, size });
  };
  const fields = (kind: string, at: number, sizes: readonly number[]): void => {
    let next = at;
    for (const size of sizes) {
      add(kind, next, size);
      next += size;
    }
  };
  const headers = new Set<number>();

  const message = (type: number, at: number, size: number): void => {
    const kind = MESSAGES[type];
    if (!kind) return;
    if (type === 1)
      fields(kind, at, size >= 16 ? [1, 1, 1, 1, 4, ...words(size - 8, 8)] : [1, 1, 1, 1, ...words(size - 4, 8)]);
    else if (type === 3) fields(kind, at, [1, 1, 1, 1, 4, ...words(size - 8, 1)]);
    else if (type === 8) fields(kind, at, [1, 1, ...(u(at + 1, 1) === 2 ? [1, 8, ...words(size - 11, 4)] : [8, 8])]);
    else if (type === 12) {
      fields(kind, at, [1, 1, 2, 2, 2]);
      const pad = (n: number): number => (u(at, 1) === 1 ? Math.ceil(n / 8) * 8 : n);
      const name = at + (u(at, 1) === 3 ? 9 : 8);
      const datatype = name + pad(u(at + 2, 2));
      const dataspace = datatype + pad(u(at + 4, 2));
      fields(kind, datatype, [1, 1, 1, 1, 4]);
      fields(kind, dataspace, [1, 1, 1, 1, 4, 8]);
      add(kind, dataspace + pad(u(at + 6, 2)), 4);
      add(kind, dataspace + pad(u(at + 6, 2)) + 4, 8);
    } else if (type === 16 || type === 17) {
      fields(kind, at, [8, 8]);
      if (type === 16) chunk(u(at, 8), u(at + 8, 8));
      else tree(u(at, 8));
    } else fields(kind, at, words(Math.min(size, 40), 2));
  };
  /** Messages of a version 1 header. */
  const chunk = (start: number, length: number): void => {
    let at = start;
    while (at + 8 <= start + length && at + 8 <= bytes.length) {
      const size = u(at + 2, 2);
      fields('header', at, [2, 2, 1]);
      message(u(at, 2), at + 8, size);
      at += 8 + size;
    }
  };
  const header = (at: number): void => {
    if (headers.has(at) || at + 16 > bytes.length || bytes[at] !== 1) return;
    headers.add(at);
    fields('header', at, [1, 1, 2, 4, 4]);
    chunk(at + 16, u(at + 8, 4));
  };
  const tree = (at: number): void => {
    if (text.toString('latin1', at, at + 4) !== 'TREE') return;
    fields('tree', at + 4, [1, 1, 2, 8, 8]);
    for (let i = 0; i < u(at + 6, 2); i++) {
      add('tree', at + 24 + 16 * i, 8);
      add('tree', at + 32 + 16 * i, 8);
      const node = u(at + 32 + 16 * i, 8);
      if (text.toString('latin1', node, node + 4) !== 'SNOD') continue;
      fields('symbols', node + 4, [1, 1, 2]);
      for (let s = 0; s < u(node + 6, 2); s++) {
        fields('symbols', node + 8 + 40 * s, [8, 8, 4]);
        header(u(node + 16 + 40 * s, 8));
      }
    }
  };

  fields(
    'superblock',
    8,
    bytes[8] === 0 ? [1, 1, 1, 1, 1, 1, 1, 1, 2, 2, 4, 8, 8, 8, 8, 8, 8] : [1, 1, 1, 1, 8, 8, 8, 8, 4],
  );
  if (bytes[8] === 0) header(u(64, 8));
  const each = (signature: string, visit: (at: number) => void): void => {
    for (let at = text.indexOf(signature, 0, 'latin1'); at >= 0; at = text.indexOf(signature, at + 4, 'latin1'))
      visit(at);
  };
  each('HEAP', (at) => fields('heap', at + 4, [1, 1, 1, 1, 8, 8, 8]));
  each('GCOL', (at) => fields('heap', at + 4, [1, 1, 1, 1, 8, 2, 2, 4, 8]));
  // Chunk trees of datasets: type 1.
  each('TREE', (at) => {
    if (bytes[at + 4] === 1) fields('chunk tree', at + 4, [1, 1, 2, 8, 8, 4, 4, 8, 8, 8, 8, 8, 8]);
  });
  each('OHDR', (at) => fields('header', at + 4, [1, 1, 4, 1, 2, 1, 4, 8, 8, 8]));
  each('OCHK', (at) => fields('header', at + 4, [1, 2, 1, 8, 8]));
  return sites;
});

function words(length: number, size: number): number[] {
  return new Array<number>(Math.max(0, Math.floor(length / size))).fill(size);
}

const KINDS = ['superblock', 'header', ...Object.values(MESSAGES), 'tree', 'chunk tree', 'symbols', 'heap'];

/** The configuration in its attribute: a changed text must fit, and is padded with blanks. */
const configInPlace: JsonSlot = {
  read(file) {
    const found = findConfig(file.bytes);
    return found && new TextDecoder().decode(file.bytes.subarray(found.from, found.to));
  },
  write(file, text) {
    const found = findConfig(file.bytes);
    const content = new TextEncoder().encode(text);
    if (!found || content.length > found.to - found.from) return undefined;
    const bytes = Uint8Array.from(file.bytes);
    bytes.fill(0x20, found.from, found.to);
    bytes.set(content, found.from);
    return { ...file, bytes };
  },
};

/** Length of the text in the file is where its braces close. */
const findConfig = memoize((bytes: Uint8Array): { from: number; to: number } | undefined => {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  const from = text.indexOf('{"class_name"');
  if (from < 0) return undefined;
  let depth = 0;
  for (let at = from; at < bytes.length; at++) {
    if (bytes[at] === 0x7b) depth++;
    if (bytes[at] === 0x7d && --depth === 0) return { from, to: at + 1 };
  }
  return undefined;
});

export const HDF5_MUTATORS: readonly Mutator[] = [...new Set(KINDS)].map((kind) => ({
  kind: `hdf5: ${kind}`,
  structural: true,
  apply(file: FuzzFile, random): FuzzFile | undefined {
    const all = findSites(file.bytes);
    const sites = all.filter((site) => site.kind === kind);
    return changeSite(file, sites, random, (near, site) => {
      // Half of the addresses lead to another structure: circles, trees read as heaps.
      if (site.size === 8 && random.int(2) === 0) {
        const target = all[random.int(all.length)] as Site;
        return [target.at, target.at - 4, target.at - 8, target.at - 16][random.int(4)] as number;
      }
      return awkwardInteger(near, file.bytes.length, random);
    });
  },
}));

export const HDF5_CONFIG_MUTATORS: readonly Mutator[] = jsonMutators(configInPlace);
