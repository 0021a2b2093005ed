import { fail } from '../../src/core/errors.js';
import { isObject, type Json, type JsonObject, own } from '../../src/passes/keras/index.js';

/** One input of a node: output `index` of node `name`. */
export interface NodeRef {
  readonly name: string;
  readonly index: number;
}

/** A node of a TensorFlow GraphDef in protobuf's JSON form. */
export class GraphNode {
  readonly name: string;
  readonly op: string;
  /** Data inputs; control dependencies are left out. */
  readonly inputs: readonly NodeRef[];
  readonly #attrs: JsonObject;

  constructor(name: string, op: string, inputs: readonly NodeRef[], attrs: JsonObject) {
    this.name = name;
    this.op = op;
    this.inputs = inputs;
    this.#attrs = attrs;
  }

  /** @throws IsplitError E_OP_UNSUPPORTED */
  refuse(why: string): never {
    fail('E_OP_UNSUPPORTED', `node "${this.name}" (${this.op}): ${why}`, { node: this.name, op: this.op });
  }

  /** @throws IsplitError E_MODEL_CORRUPT */
  corrupt(why: string): never {
    fail('E_MODEL_CORRUPT', `node "${this.name}" (${this.op}): ${why}`, { node: this.name, op: this.op });
  }

  /** Bytes fields are base64 in protobuf's JSON, except where a tool wrote them as numbers. */
  string(key: string, fallback: string): string {
    const value = this.#field(key, 's');
    if (value === undefined) return fallback;
    return decodeText(value) ?? this.corrupt(`attribute ${key} is no string`);
  }

  strings(key: string): string[] {
    const list = this.#list(key, 's');
    return list.map((value) => decodeText(value) ?? this.corrupt(`attribute ${key} is no list of strings`));
  }

  bool(key: string, fallback: boolean): boolean {
    const value = this.#field(key, 'b');
    if (value === undefined) return this.#attrs[key] === undefined ? fallback : false;
    if (typeof value !== 'boolean') return this.corrupt(`attribute ${key} is no boolean`);
    return value;
  }

  float(key: string, fallback: number): number {
    const value = this.#field(key, 'f');
    if (value === undefined) return fallback;
    if (typeof value !== 'number' || !Number.isFinite(value)) return this.corrupt(`attribute ${key} is no number`);
    return value;
  }

  int(key: string, fallback: number): number {
    const value = this.#field(key, 'i');
    return value === undefined ? fallback : this.#toInt(key, value);
  }

  /** 64-bit integers are strings in protobuf's JSON. */
  ints(key: string): number[] {
    return this.#list(key, 'i').map((value) => this.#toInt(key, value));
  }

  /** Dimensions of a shape attribute, −1 where unknown; undefined when there is none or its rank is unknown. */
  shape(key: string): number[] | undefined {
    const shape = this.#field(key, 'shape');
    return isObject(shape) ? parseShape(shape) : undefined;
  }

  #field(key: string, kind: string): Json | undefined {
    const attr = own(this.#attrs, key);
    return isObject(attr) ? own(attr, kind) : undefined;
  }

  #list(key: string, kind: string): readonly Json[] {
    const list = this.#field(key, 'list');
    const values = isObject(list) ? own(list, kind) : undefined;
    return Array.isArray(values) ? (values as readonly Json[]) : [];
  }

  #toInt(key: string, value: Json): number {
    const n = typeof value === 'string' ? Number(value) : value;
    if (typeof n !== 'number' || !Number.isSafeInteger(n)) return this.corrupt(`attribute ${key} is no integer`);
    return n;
  }
}

/** Dimensions of a TensorShapeProto; undefined when its rank is unknown. */
export function parseShape(shape: JsonObject): number[] | undefined {
  if (own(shape, 'unknownRank') === true) return undefined;
  const dims = own(shape, 'dim') ?? [];
  if (!Array.isArray(dims)) return undefined;
  return (dims as readonly Json[]).map((dim) => {
    const size = isObject(dim) ? Number(own(dim, 'size') ?? -1) : -1;
    return Number.isSafeInteger(size) ? size : -1;
  });
}

function decodeText(value: Json): string | undefined {
  if (Array.isArray(value)) return String.fromCharCode(...(value as number[]).slice(0, 1000));
  return typeof value === 'string' ? Buffer.from(value, 'base64').toString('latin1') : undefined;
}

const MAX_NODES = 200_000;

/** Nodes by name, in the file's order. @throws IsplitError E_MODEL_CORRUPT, E_MODEL_TOO_LARGE */
export function parseGraphDef(topology: JsonObject, file: string): Map<string, GraphNode> {
  const corrupt = (why: string): never => fail('E_MODEL_CORRUPT', `${file}: the graph is broken: ${why}`, { file });
  const list = own(topology, 'node');
  if (!Array.isArray(list)) return corrupt('it has no list of nodes');
  if (list.length > MAX_NODES) fail('E_MODEL_TOO_LARGE', `${file}: the graph has ${list.length} nodes`, { file });
  const nodes = new Map<string, GraphNode>();
  for (const json of list as readonly Json[]) {
    if (!isObject(json)) return corrupt('a node is no object');
    const name = own(json, 'name');
    const op = own(json, 'op');
    const inputs = own(json, 'input') ?? [];
    const attrs = own(json, 'attr') ?? {};
    if (typeof name !== 'string' || typeof op !== 'string') return corrupt('a node lacks name or op');
    if (!Array.isArray(inputs) || !isObject(attrs)) return corrupt(`node "${name}" has broken inputs or attributes`);
    if (nodes.has(name)) return corrupt(`two nodes are called "${name}"`);
    const refs = (inputs as readonly Json[]).flatMap((input) => {
      if (typeof input !== 'string' || input === '') return corrupt(`node "${name}" has an input that is no name`);
      return input.startsWith('^') ? [] : [parseRef(input)];
    });
    nodes.set(name, new GraphNode(name, op, refs, attrs));
  }
  for (const node of nodes.values()) {
    for (const ref of node.inputs) {
      if (!nodes.has(ref.name)) node.corrupt(`its input "${ref.name}" does not exist`);
    }
  }
  return nodes;
}

/** `name` or `name:1`. */
export function parseRef(text: string): NodeRef {
  const match = /^(.*):(\d{1,6})$/.exec(text);
  return match ? { name: match[1] as string, index: Number(match[2]) } : { name: text, index: 0 };
}

/** Nodes that the targets need, each after its inputs. @throws IsplitError E_MODEL_CORRUPT when they form a circle */
export function sortNodes(nodes: ReadonlyMap<string, GraphNode>, targets: readonly string[]): GraphNode[] {
  const state = new Map<string, 'open' | 'done'>();
  const order: GraphNode[] = [];
  for (const target of targets) {
    const stack: { node: GraphNode; next: number }[] = [];
    const open = (name: string): void => {
      if (state.get(name) === 'done') return;
      const node = nodes.get(name) as GraphNode;
      if (state.get(name) === 'open') {
        node.corrupt(
          `nodes wait for each other in a circle: ${stack
            .map((f) => f.node.name)
            .join(' ← ')
            .slice(-300)}`,
        );
      }
      state.set(name, 'open');
      stack.push({ node, next: 0 });
    };
    open(target);
    while (stack.length > 0) {
      const top = stack.at(-1) as { node: GraphNode; next: number };
      const ref = top.node.inputs[top.next++];
      if (ref) open(ref.name);
      else {
        state.set(top.node.name, 'done');
        order.push(top.node);
        stack.pop();
      }
    }
  }
  return order;
}
