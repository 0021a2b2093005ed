/** Changes to the tables of a .tflite file: it walks them with its own small schema, not with the reader's code. */
import { awkwardInteger, changeSite, type Mutator, memoize, type Site } from './fuzz-file.js';

type FieldType =
  | 'u8'
  | 'i32'
  | 'u64'
  | 'string'
  | 'bytes'
  | '[i32]'
  | '[i64]'
  | '[f32]'
  | 'options'
  | TableSchema
  | [TableSchema];

/** Fields by id: what the sites found there are called, and their type. */
interface TableSchema {
  readonly [id: number]: readonly [kind: string, type: FieldType];
}

const QUANTIZATION: TableSchema = {
  2: ['quantization', '[f32]'],
  3: ['quantization', '[i64]'],
  4: ['quantization', 'u8'],
  6: ['quantization', 'i32'],
};
const TENSOR: TableSchema = {
  0: ['tensor shape', '[i32]'],
  1: ['tensor type', 'u8'],
  2: ['buffer index', 'i32'],
  3: ['name', 'string'],
  4: ['quantization', QUANTIZATION],
  5: ['tensor type', 'u8'],
  7: ['tensor shape', '[i32]'],
};
const OPERATOR: TableSchema = {
  0: ['operator code', 'i32'],
  1: ['tensor index', '[i32]'],
  2: ['tensor index', '[i32]'],
  3: ['operator option', 'u8'],
  4: ['operator option', 'options'],
};
const SUBGRAPH: TableSchema = {
  0: ['tensors', [TENSOR]],
  1: ['tensor index', '[i32]'],
  2: ['tensor index', '[i32]'],
  3: ['operators', [OPERATOR]],
  4: ['name', 'string'],
};
const CODE: TableSchema = {
  0: ['operator code', 'u8'],
  1: ['name', 'string'],
  2: ['operator code', 'i32'],
  3: ['operator code', 'i32'],
};
const BUFFER: TableSchema = { 0: ['buffer', 'bytes'], 1: ['buffer', 'u64'], 2: ['buffer', 'u64'] };
const MODEL: TableSchema = {
  0: ['version', 'i32'],
  1: ['operator codes', [CODE]],
  2: ['subgraphs', [SUBGRAPH]],
  3: ['name', 'string'],
  4: ['buffers', [BUFFER]],
};

const findSites = memoize((bytes: Uint8Array): readonly Site[] => {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const sites: Site[] = [];
  const add = (kind: string, at: number, size: number): void => {
    if (sites.length > bytes.length) throw new RangeError('the file was broken before');
    sites.push({ kind, at, size });
  };
  const follow = (at: number): number => {
    add('offset', at, 4);
    return at + view.getUint32(at, true);
  };
  const walkTable = (at: number, schema: TableSchema | undefined): void => {
    add('field table', at, 4);
    const vtable = at - view.getInt32(at, true);
    const vtableBytes = view.getUint16(vtable, true);
    for (let i = 0; i < vtableBytes; i += 2) add('field table', vtable + i, 2);
    const tableBytes = view.getUint16(vtable + 2, true);
    for (let id = 0; 4 + 2 * id < vtableBytes; id++) {
      const offset = view.getUint16(vtable + 4 + 2 * id, true);
      if (offset === 0) continue;
      const field = schema?.[id];
      if (field) walkField(at + offset, field[0], field[1]);
      // Options tables hold scalars only as far as they are read; one is as wide as the table lets it be.
      else if (!schema) add('operator option', at + offset, offset + 4 <= tableBytes ? 4 : 1);
    }
  };
  const walkField = (at: number, kind: string, type: FieldType): void => {
    if (type === 'u8') add(kind, at, 1);
    else if (type === 'i32') add(kind, at, 4);
    else if (type === 'u64') add(kind, at, 8);
    else if (type === 'options') walkTable(follow(at), undefined);
    else if (Array.isArray(type)) {
      const vector = follow(at);
      add('count', vector, 4);
      const count = view.getUint32(vector, true);
      for (let i = 0; i < count; i++) walkTable(follow(vector + 4 + 4 * i), type[0]);
    } else if (typeof type === 'object') walkTable(follow(at), type as TableSchema);
    else {
      const vector = follow(at);
      add('count', vector, 4);
      const count = view.getUint32(vector, true);
      const width = type === '[i64]' ? 8 : 4;
      if (type === 'bytes' || type === 'string') {
        if (count > 0) add(kind === 'buffer' ? 'buffer content' : kind, vector + 4, Math.min(count, 4));
      } else for (let i = 0; i < count; i++) add(kind, vector + 4 + width * i, width);
    }
  };
  walkTable(follow(0), MODEL);
  return sites;
});

const KINDS = [
  'offset',
  'field table',
  'count',
  'tensor shape',
  'tensor type',
  'tensor index',
  'buffer index',
  'buffer content',
  'operator code',
  'operator option',
  'quantization',
  'name',
  'version',
];

export const FLATBUFFER_MUTATORS: readonly Mutator[] = KINDS.map((kind) => ({
  kind: `flatbuffer: ${kind}`,
  structural: true,
  apply(file, random) {
    const sites = findSites(file.bytes).filter((site) => site.kind === kind);
    const choose = (near: number, site: Site): number => {
      // Half of the offsets lead to another place that exists: tables read as other tables, circles.
      if (kind === 'offset' && random.int(2) === 0) {
        const target = sites[random.int(sites.length)] as Site;
        return target.at - site.at;
      }
      if (['tensor index', 'buffer index', 'operator code', 'tensor type'].includes(kind) && random.int(3) > 0) {
        return random.int(30) - 1;
      }
      return awkwardInteger(near, file.bytes.length, random);
    };
    return changeSite(file, sites, random, choose);
  },
}));
