/** Blind changes: they know nothing of the format. */
import type { Random } from '../../src/core/random.js';
import { awkwardInteger, type FuzzFile, type Mutator, pick, writeInteger } from './fuzz-file.js';

type Change = (bytes: Uint8Array, random: Random) => Uint8Array;

const CHANGES: Readonly<Record<string, Change>> = {
  truncated: (bytes, random) => bytes.slice(0, random.int(bytes.length)),
  extended: (bytes, random) => concat([bytes, bytes.subarray(0, 1 + random.int(Math.min(bytes.length, 5000)))]),
  'bits flipped': (bytes, random) => {
    const copy = Uint8Array.from(bytes);
    for (let i = 0; i <= random.int(16); i++) {
      const at = random.int(copy.length);
      copy[at] = (copy[at] as number) ^ (1 << random.int(8));
    }
    return copy;
  },
  'number planted': (bytes, random) => {
    const copy = Uint8Array.from(bytes);
    // Headers and tables lie near the front in most formats.
    const at = random.int(Math.min(copy.length, 2 ** (3 + random.int(17))));
    const size = [1, 2, 4, 8][random.int(4)] as number;
    writeInteger(copy, at, size, awkwardInteger(at, copy.length, random));
    return copy;
  },
  'range removed': (bytes, random) => {
    const at = random.int(bytes.length);
    return concat([bytes.subarray(0, at), bytes.subarray(at + 1 + random.int(64))]);
  },
  'range inserted': (bytes, random) => {
    const at = random.int(bytes.length);
    const from = random.int(bytes.length);
    return concat([bytes.subarray(0, at), bytes.subarray(from, from + 1 + random.int(64)), bytes.subarray(at)]);
  },
  'range copied over another': (bytes, random) => {
    const copy = Uint8Array.from(bytes);
    const from = random.int(bytes.length);
    const part = bytes.subarray(from, from + 1 + random.int(256));
    copy.set(part.subarray(0, Math.min(part.length, copy.length)), random.int(copy.length - part.length + 1));
    return copy;
  },
  'range filled': (bytes, random) => {
    const copy = Uint8Array.from(bytes);
    const at = random.int(copy.length);
    copy.fill([0, 255, 0x30][random.int(3)] as number, at, at + 1 + random.int(512));
    return copy;
  },
};

export function concat(parts: readonly Uint8Array[]): Uint8Array {
  const all = new Uint8Array(parts.reduce((n, part) => n + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

export const BYTE_MUTATORS: readonly Mutator[] = Object.entries(CHANGES).map(([what, change]) => ({
  kind: `bytes: ${what}`,
  structural: false,
  apply: (file, random) => ({ ...file, bytes: change(file.bytes, random) }),
}));

/** The same changes to a file beside the model, and a missing one. */
export const SIBLING_MUTATORS: readonly Mutator[] = [
  {
    kind: 'shard: damaged',
    structural: false,
    apply(file, random) {
      const name = pick(Object.keys(file.siblings), random);
      if (name === undefined) return undefined;
      const change = pick(Object.values(CHANGES), random) as Change;
      return withSibling(file, name, change(file.siblings[name] as Uint8Array, random));
    },
  },
  {
    kind: 'shard: missing',
    structural: true,
    apply(file, random) {
      const name = pick(Object.keys(file.siblings), random);
      return name === undefined ? undefined : withSibling(file, name, undefined);
    },
  },
];

function withSibling(file: FuzzFile, name: string, bytes: Uint8Array | undefined): FuzzFile {
  const { [name]: _old, ...others } = file.siblings;
  return { ...file, siblings: bytes ? { ...others, [name]: bytes } : others };
}
