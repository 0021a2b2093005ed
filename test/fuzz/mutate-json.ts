/** Changes to model configurations and weight manifests in JSON. */
import type { Random } from '../../src/core/random.js';
import type { FuzzFile, Mutator } from './fuzz-file.js';
import { pick } from './fuzz-file.js';

type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

/** A value inside a document, with the way to it. */
interface Place {
  readonly holder: Json[] | { [key: string]: Json };
  readonly key: string | number;
  readonly path: readonly string[];
  readonly value: Json;
}

function allPlaces(value: Json, path: readonly string[] = []): Place[] {
  if (value === null || typeof value !== 'object') return [];
  const entries: [string | number, Json][] = Array.isArray(value)
    ? value.map((v, i) => [i, v])
    : Object.entries(value).map(([k, v]) => [k, v]);
  return entries.flatMap(([key, child]) => {
    const here = [...path, String(key)];
    return [{ holder: value, key, path: here, value: child }, ...allPlaces(child, here)];
  });
}

function set(place: Place, value: Json): void {
  (place.holder as Record<string | number, Json>)[place.key] = value;
}

function awkwardNumber(near: number, random: Random): Json {
  const numbers = [0, -1, 1, near + 1, near - 1, near * 2, 0.5, 1.5, 7, 1e9, 2 ** 31, 2 ** 53, 1e308, -0.25, 4096];
  const others: Json[] = [null, 'seven', [], {}, true, [near, near], String(near)];
  return random.int(5) === 0
    ? (others[random.int(others.length)] as Json)
    : (numbers[random.int(numbers.length)] as number);
}

const NAMES = [
  '',
  'constructor',
  '__proto__',
  'toString',
  'hasOwnProperty',
  'a/b/c',
  '../../x',
  'ü\u0000',
  'x'.repeat(5000),
];

/** Nesting is put in as text: JSON.stringify would run out of stack. */
const NEST_MARK = 'nested deeply ';
const NESTS = [
  ['[', ']'],
  ['{"a":', '}'],
  ['{"class_name":"Sequential","config":', '}'],
] as const;

function writeJson(document: Json): string {
  return JSON.stringify(document).replace(new RegExp(`"${NEST_MARK}(\\d+) (\\d)"`), (_, depth, kind) => {
    const [open, close] = NESTS[Number(kind)] as (typeof NESTS)[number];
    return `${open.repeat(Number(depth))}1${close.repeat(Number(depth))}`;
  });
}

type JsonChange = (document: Json, random: Random) => boolean;

function at(document: Json, random: Random, wanted: (place: Place) => boolean): Place | undefined {
  return pick(allPlaces(document).filter(wanted), random);
}

const under = (place: Place, ...keys: readonly string[]): boolean => place.path.some((p) => keys.includes(p));
const CONNECTIONS = [
  'inbound_nodes',
  'inboundNodes',
  'input',
  'input_layers',
  'output_layers',
  'keras_history',
  'signature',
];
const SHAPES = [
  'shape',
  'dim',
  'batch_input_shape',
  'batch_shape',
  'target_shape',
  'size',
  'build_config',
  'batchInputShape',
];

const CHANGES: Readonly<Record<string, JsonChange>> = {
  number(document, random) {
    const place = at(document, random, (p) => typeof p.value === 'number');
    if (place) set(place, awkwardNumber(place.value as number, random));
    return place !== undefined;
  },
  'number as text': (document, random) => {
    const place = at(document, random, (p) => typeof p.value === 'string' && /^-?\d+$/.test(p.value));
    if (place) set(place, pick(['0', '-1', '99999999999', '4294967296', '1e9', 'NaN', '', '7'], random) as string);
    return place !== undefined;
  },
  shape(document, random) {
    const place = at(document, random, (p) => Array.isArray(p.value) && under(p, ...SHAPES));
    if (!place) return false;
    const list = place.value as Json[];
    const what = random.int(4);
    if (what === 0) list.pop();
    else if (what === 1) list.push(awkwardNumber(3, random));
    else if (what === 2) list.reverse();
    else if (list.length > 0) list[random.int(list.length)] = awkwardNumber(3, random);
    return true;
  },
  'connection: name': (document, random) => {
    const isName = (p: Place): boolean => typeof p.value === 'string' && under(p, ...CONNECTIONS);
    const place = at(document, random, isName);
    const other = at(document, random, (p) => typeof p.value === 'string' && (isName(p) || p.key === 'name'));
    if (place && other) set(place, other.value);
    return place !== undefined;
  },
  'connection: list': (document, random) => {
    const place = at(document, random, (p) => Array.isArray(p.value) && under(p, ...CONNECTIONS));
    if (!place) return false;
    const list = place.value as Json[];
    const other = at(document, random, (p) => under(p, ...CONNECTIONS));
    const what = random.int(4);
    if (what === 0) list.pop();
    else if (what === 1 && list.length > 0) list.push(structuredClone(list[0] as Json));
    else if (what === 2 && other) set(place, structuredClone(other.value));
    else list.push([]);
    return true;
  },
  'name doubled or odd': (document, random) => {
    const named = (p: Place): boolean => p.key === 'name' && typeof p.value === 'string';
    const place = at(document, random, named);
    const other = at(document, random, named);
    if (!place || !other) return false;
    set(place, random.int(3) === 0 ? (pick(NAMES, random) as string) : other.value);
    return true;
  },
  'class or operation': (document, random) => {
    const isClass = (p: Place): boolean => p.key === 'class_name' || p.key === 'op';
    const place = at(document, random, isClass);
    const other = at(document, random, isClass);
    if (place && other) set(place, random.int(4) === 0 ? (pick(NAMES, random) as string) : other.value);
    return place !== undefined;
  },
  text(document, random) {
    const place = at(document, random, (p) => typeof p.value === 'string');
    const other = at(document, random, (p) => typeof p.value === 'string');
    if (place && other) set(place, random.int(2) === 0 ? other.value : (pick(NAMES, random) as string));
    return place !== undefined;
  },
  'value of another kind': (document, random) => {
    const place = at(document, random, () => true);
    const values: Json[] = [null, true, 0, '', [], {}, [[]], [null], { length: 3 }, -1];
    if (place) set(place, pick(values, random) as Json);
    return place !== undefined;
  },
  'key removed': (document, random) => {
    const place = at(document, random, () => true);
    if (!place) return false;
    if (Array.isArray(place.holder)) place.holder.splice(place.key as number, 1);
    else delete place.holder[place.key];
    return true;
  },
  'entry doubled or moved': (document, random) => {
    const place = at(document, random, (p) => Array.isArray(p.value) && p.value.length > 0);
    if (!place) return false;
    const list = place.value as Json[];
    const entry = list[random.int(list.length)] as Json;
    if (random.int(2) === 0) list.push(structuredClone(entry));
    else list.unshift(...list.splice(list.indexOf(entry), 1));
    return true;
  },
  'two values swapped': (document, random) => {
    const place = at(document, random, () => true);
    const other = at(document, random, (p) => typeof p.value === typeof place?.value);
    if (!place || !other) return false;
    set(place, structuredClone(other.value));
    set(other, structuredClone(place.value));
    return true;
  },
  'nested deeply': (document, random) => {
    const place = at(document, random, () => true);
    const depth = [20, 400, 3000, 60_000][random.int(4)] as number;
    if (place) set(place, `${NEST_MARK}${depth} ${random.int(3)}`);
    return place !== undefined;
  },
};

/** Changes to the tensors that a weights manifest declares. */
const MANIFEST_CHANGES: Readonly<Record<string, JsonChange>> = {
  number(document, random) {
    const place = at(document, random, (p) => under(p, 'weightsManifest') && typeof p.value === 'number');
    if (place) set(place, awkwardNumber(place.value as number, random));
    return place !== undefined;
  },
  path(document, random) {
    const place = at(document, random, (p) => under(p, 'paths') && typeof p.value === 'string');
    const paths = ['../model.json', '/etc/passwd', '', '.', 'group1-shard1of2.bin', 'model.json', 'a\u0000b', 7];
    if (place) set(place, pick(paths, random) as Json);
    return place !== undefined;
  },
  'name or type': (document, random) => {
    const wanted = (p: Place): boolean =>
      under(p, 'weightsManifest') && typeof p.value === 'string' && !under(p, 'paths');
    const place = at(document, random, wanted);
    const other = at(document, random, wanted);
    if (place && other)
      set(place, random.int(3) === 0 ? (pick(['bool', 'string', 'uint16', 'int32'], random) as string) : other.value);
    return place !== undefined;
  },
};

/** How a document is taken out of a file and put back. */
export interface JsonSlot {
  read(file: FuzzFile): string | undefined;
  /** Undefined when the changed text has no room. */
  write(file: FuzzFile, text: string): FuzzFile | undefined;
}

const wholeFile: JsonSlot = {
  read: (file) => new TextDecoder().decode(file.bytes),
  write: (file, text) => ({ ...file, bytes: new TextEncoder().encode(text) }),
};

function mutator(kind: string, change: JsonChange, slot: JsonSlot): Mutator {
  return {
    kind,
    structural: true,
    apply(file, random) {
      const text = slot.read(file);
      if (text === undefined) return undefined;
      const document = JSON.parse(text) as Json;
      if (!change(document, random)) return undefined;
      return slot.write(file, writeJson(document));
    },
  };
}

/** Mutators for a configuration that lies somewhere in a file. */
export function jsonMutators(slot: JsonSlot = wholeFile): readonly Mutator[] {
  return Object.entries(CHANGES).map(([what, change]) => mutator(`json: ${what}`, change, slot));
}

export const MANIFEST_MUTATORS: readonly Mutator[] = Object.entries(MANIFEST_CHANGES).map(([what, change]) =>
  mutator(`manifest: ${what}`, change, wholeFile),
);
