/** Changes to an ONNX file: to lengths and varints as they lie there, and to the message tree with lengths kept right. */
import type { Random } from '../../src/core/random.js';
import { awkwardInteger, type FuzzFile, type Mutator, pick } from './fuzz-file.js';
import { concat } from './mutate-bytes.js';

/** Message fields by number: the ones that are messages themselves, and what the others are called. */
interface MessageSchema {
  readonly [field: number]: MessageSchema | string;
}

const TENSOR: MessageSchema = {
  1: 'tensor dims',
  2: 'data type',
  4: 'tensor data',
  5: 'tensor data',
  7: 'tensor data',
  8: 'name',
  9: 'tensor data',
  13: { 1: 'name', 2: 'name' },
  14: 'data type',
};
const DIM: MessageSchema = { 1: 'tensor dims', 2: 'name' };
const VALUE_INFO: MessageSchema = {
  1: 'name',
  2: { 1: { 1: 'data type', 2: { 1: DIM } } },
};
const ATTRIBUTE: MessageSchema = {
  1: 'attribute name',
  2: 'attribute value',
  3: 'attribute value',
  4: 'attribute value',
  5: TENSOR,
  7: 'attribute value',
  8: 'attribute value',
  20: 'attribute type',
};
const NODE: MessageSchema = { 1: 'edge', 2: 'edge', 3: 'name', 4: 'op type', 5: ATTRIBUTE, 7: 'op type' };
const GRAPH: MessageSchema = { 1: NODE, 2: 'name', 5: TENSOR, 11: VALUE_INFO, 12: VALUE_INFO, 13: VALUE_INFO };
const MODEL: MessageSchema = { 1: 'version', 2: 'name', 7: GRAPH, 8: { 1: 'name', 2: 'version' } };

interface Field {
  number: number;
  wire: number;
  /** Set for wire types 0, 1 and 5: the bytes as they are; for 2 without schema: the content. */
  raw: Uint8Array;
  children?: Field[];
  label: string;
}

function readVarint(bytes: Uint8Array, at: number): { value: number; next: number } {
  let value = 0;
  let scale = 1;
  for (let i = at; ; i++) {
    const byte = bytes[i];
    if (byte === undefined) throw new RangeError('the file was broken before');
    value += (byte & 127) * scale;
    scale *= 128;
    if (byte < 128) return { value, next: i + 1 };
  }
}

function varint(value: number): Uint8Array {
  let left = BigInt.asUintN(64, BigInt(Math.trunc(value)));
  const out: number[] = [];
  do {
    const rest = left >> 7n;
    out.push(Number(left & 127n) | (rest > 0n ? 128 : 0));
    left = rest;
  } while (left > 0n);
  return Uint8Array.from(out);
}

/** Positions of the varints that are lengths or values, for changes that leave everything else where it is. */
interface Spots {
  readonly lengths: number[];
  readonly keys: number[];
}

function parse(bytes: Uint8Array, start: number, end: number, schema: MessageSchema, spots: Spots): Field[] {
  const fields: Field[] = [];
  let at = start;
  while (at < end) {
    spots.keys.push(at);
    const key = readVarint(bytes, at);
    const number = Math.floor(key.value / 8);
    const wire = key.value % 8;
    const known = schema[number];
    const label = typeof known === 'string' ? known : 'message';
    let from = key.next;
    let to: number;
    if (wire === 0) to = readVarint(bytes, from).next;
    else if (wire === 1) to = from + 8;
    else if (wire === 5) to = from + 4;
    else {
      spots.lengths.push(from);
      const length = readVarint(bytes, from);
      from = length.next;
      to = from + length.value;
    }
    if (!(to > at && to <= end)) throw new RangeError('the file was broken before');
    const field: Field = { number, wire, raw: bytes.slice(from, to), label };
    if (wire === 2 && typeof known === 'object') field.children = parse(bytes, from, to, known, spots);
    fields.push(field);
    at = to;
  }
  return fields;
}

function encode(fields: readonly Field[]): Uint8Array {
  return concat(
    fields.flatMap((field) => {
      const content = field.children ? encode(field.children) : field.raw;
      const key = varint(field.number * 8 + field.wire);
      return field.wire === 2 ? [key, varint(content.length), content] : [key, content];
    }),
  );
}

function parseModel(bytes: Uint8Array): { fields: Field[]; spots: Spots } {
  const spots: Spots = { lengths: [], keys: [] };
  return { fields: parse(bytes, 0, bytes.length, MODEL, spots), spots };
}

/** Every list of fields in the tree. */
function allLists(fields: Field[]): Field[][] {
  return [fields, ...fields.flatMap((field) => (field.children ? allLists(field.children) : []))];
}

const LABELS = [
  'tensor dims',
  'data type',
  'tensor data',
  'name',
  'attribute name',
  'attribute value',
  'attribute type',
  'edge',
  'op type',
  'version',
];
const TEXTS = ['edge', 'name', 'op type', 'attribute name'];
const OP_TYPES =
  'Conv Gemm MatMul Reshape Transpose Concat Slice Gather Shape Pad Resize Unsqueeze Squeeze Loop If Cast Constant Flatten Clip BatchNormalization Add ConstantOfShape Expand Range Tile'.split(
    ' ',
  );

function changeValue(field: Field, all: readonly Field[], random: Random, fileBytes: number): void {
  if (TEXTS.includes(field.label) && random.int(4) > 0) {
    // Names of other places make circles, double definitions and missing inputs.
    const others = all.filter((f) => f.label === field.label);
    field.raw =
      field.label === 'op type' && random.int(2) === 0
        ? new TextEncoder().encode(pick(OP_TYPES, random))
        : (pick(others, random) as Field).raw;
    return;
  }
  if (field.wire === 0) {
    field.raw = varint(awkwardInteger(readVarint(field.raw, 0).value, fileBytes, random));
    return;
  }
  if (field.wire === 2 && field.label !== 'tensor data' && random.int(2) === 0) {
    // Packed numbers: one more, one awkward, or none.
    const parts = [field.raw, varint(awkwardInteger(3, fileBytes, random))];
    field.raw = concat(random.int(2) === 0 ? parts : parts.slice(1));
    return;
  }
  const copy = Uint8Array.from(field.raw);
  if (copy.length > 0 && random.int(3) > 0) copy[random.int(copy.length)] = random.int(256);
  field.raw = field.wire === 2 && random.int(2) === 0 ? copy.slice(0, random.int(copy.length + 1)) : copy;
}

const TREE_MUTATORS: readonly Mutator[] = LABELS.map((label) => ({
  kind: `protobuf: ${label}`,
  structural: true,
  apply(file, random) {
    const { fields } = parseModel(file.bytes);
    const all = allLists(fields).flat();
    const field = pick(
      all.filter((f) => f.label === label),
      random,
    );
    if (!field) return undefined;
    changeValue(field, all, random, file.bytes.length);
    return { ...file, bytes: encode(fields) };
  },
}));

export const PROTOBUF_MUTATORS: readonly Mutator[] = [
  ...TREE_MUTATORS,
  {
    kind: 'protobuf: field dropped, doubled or moved',
    structural: true,
    apply(file, random) {
      const { fields } = parseModel(file.bytes);
      const list = pick(
        allLists(fields).filter((l) => l.length > 0),
        random,
      ) as Field[];
      const at = random.int(list.length);
      const field = list[at] as Field;
      const what = random.int(3);
      if (what === 0) list.splice(at, 1);
      else if (what === 1) list.push({ ...field });
      else {
        list.splice(at, 1);
        list.splice(random.int(list.length + 1), 0, field);
      }
      return { ...file, bytes: encode(fields) };
    },
  },
  {
    kind: 'protobuf: field number or wire type',
    structural: true,
    apply(file, random) {
      const { fields } = parseModel(file.bytes);
      const field = pick(allLists(fields).flat(), random) as Field;
      if (random.int(2) === 0) field.number = 1 + random.int(30);
      else field.wire = random.int(8);
      return { ...file, bytes: encode(fields) };
    },
  },
  {
    kind: 'protobuf: length',
    structural: true,
    apply: (file, random) => changeVarint(file, parseModel(file.bytes).spots.lengths, random),
  },
  {
    kind: 'protobuf: endless number',
    structural: true,
    apply(file, random) {
      const at = pick(parseModel(file.bytes).spots.keys, random) as number;
      const filler = new Uint8Array(1 + random.int(12)).fill(0xff);
      return { ...file, bytes: concat([file.bytes.subarray(0, at), filler, file.bytes.subarray(at)]) };
    },
  },
];

function changeVarint(file: FuzzFile, spots: readonly number[], random: Random): FuzzFile | undefined {
  const at = pick(spots, random);
  if (at === undefined) return undefined;
  const { value, next } = readVarint(file.bytes, at);
  const changed = varint(awkwardInteger(value, file.bytes.length, random));
  return { ...file, bytes: concat([file.bytes.subarray(0, at), changed, file.bytes.subarray(next)]) };
}
