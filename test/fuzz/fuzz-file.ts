/** What every mutator works on, and the values that break readers. */
import type { Random } from '../../src/core/random.js';

/** A model as files: siblings are the weight shards of TF.js. */
export interface FuzzFile {
  readonly bytes: Uint8Array;
  readonly siblings: Readonly<Record<string, Uint8Array>>;
}

export interface Mutator {
  /** Counted in the result, such as `flatbuffer: offset`. */
  readonly kind: string;
  /** Knows the format: lengths, offsets, counts, shapes, types; false for blind changes of bytes. */
  readonly structural: boolean;
  /** Undefined when the file has nothing of the kind. Never changes its argument. */
  apply(file: FuzzFile, random: Random): FuzzFile | undefined;
}

export function pick<T>(list: readonly T[], random: Random): T | undefined {
  return list[random.int(list.length)];
}

/** Whole numbers around which readers break; `near` is the value that stands there. */
export function awkwardInteger(near: number, fileBytes: number, random: Random): number {
  const choices = [
    0,
    1,
    near + 1,
    near - 1,
    near * 2,
    Math.floor(near / 2),
    -1,
    255,
    65_535,
    65_536,
    2 ** 20,
    2 ** 24 + 1,
    2 ** 31 - 1,
    2 ** 31,
    2 ** 32 - 1,
    fileBytes,
    fileBytes - 1,
    random.int(fileBytes),
    random.int(64),
  ];
  return choices[random.int(choices.length)] as number;
}

/** Writes the low `size` bytes of a whole number, little-endian. */
export function writeInteger(bytes: Uint8Array, at: number, size: number, value: number): void {
  let left = BigInt(Math.trunc(value));
  for (let i = 0; i < size && at + i < bytes.length; i++) {
    bytes[at + i] = Number(left & 255n);
    left >>= 8n;
  }
}

export function readInteger(bytes: Uint8Array, at: number, size: number): number {
  let value = 0;
  for (let i = Math.min(size, 6) - 1; i >= 0; i--) value = value * 256 + (bytes[at + i] ?? 0);
  return value;
}

/** A number in the file that a structure-aware mutator may change. */
export interface Site {
  readonly kind: string;
  readonly at: number;
  readonly size: number;
}

/** Sets one number of the wanted kind to an awkward value. */
export function changeSite(
  file: FuzzFile,
  sites: readonly Site[],
  random: Random,
  choose: (near: number, site: Site) => number = (near) => awkwardInteger(near, file.bytes.length, random),
): FuzzFile | undefined {
  const site = pick(sites, random);
  if (!site) return undefined;
  const bytes = Uint8Array.from(file.bytes);
  const near = readInteger(bytes, site.at, site.size);
  writeInteger(bytes, site.at, site.size, choose(near, site));
  return { ...file, bytes };
}

/** Remembers what a scan found: a seed is scanned once, not for each of its mutants. */
export function memoize<T>(scan: (bytes: Uint8Array) => T): (bytes: Uint8Array) => T {
  const known = new WeakMap<Uint8Array, { value: T }>();
  return (bytes) => {
    let entry = known.get(bytes);
    if (!entry) {
      entry = { value: scan(bytes) };
      known.set(bytes, entry);
    }
    return entry.value;
  };
}
