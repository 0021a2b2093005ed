/**
 * What is checked of a GraphDef in protobuf's JSON form before TensorFlow.js's converter sees it: the converter trusts its
 * input (it looks names up in plain objects, reads attributes without a check of their types, and follows references).
 */
import { fail } from '../../src/core/errors.js';
import { isObject, type Json, type JsonObject, own } from '../../src/passes/keras/index.js';

/** A node as the converter gets it: references resolve, control dependencies are left out. */
export interface NodeDef {
  readonly name: string;
  readonly op: string;
  readonly input: readonly string[];
  readonly attr: JsonObject;
}

/** A tensor of the signature; its node exists. */
export interface SignatureEntry {
  readonly name: string;
  /** −1 where unknown. */
  readonly shape?: readonly number[];
}

export interface GraphDef {
  readonly nodes: readonly NodeDef[];
  readonly inputs: Readonly<Record<string, SignatureEntry>>;
  readonly outputs: Readonly<Record<string, SignatureEntry>>;
}

/** Output `index` of node `name`. */
export interface NodeRef {
  readonly name: string;
  readonly index: number;
}

const MAX_NODES = 200_000;
/** A text written as a list of character codes; attributes are words. */
const MAX_TEXT = 1000;

/**
 * @param signature `signature` of model.json: names inputs and outputs; entries without a name are ignored
 * @throws IsplitError E_MODEL_CORRUPT, E_MODEL_TOO_LARGE, E_OP_UNSUPPORTED (an output that is not the first of its node)
 */
export function checkGraphDef(topology: JsonObject, signature: Json | undefined, file: string): GraphDef {
  const corrupt = (why: string): never => fail('E_MODEL_CORRUPT', `${file}: the graph is broken: ${why}`, { file });
  const list = own(topology, 'node');
  if (!Array.isArray(list)) return corrupt('it has no list of nodes');
  if (list.length > MAX_NODES) fail('E_MODEL_TOO_LARGE', `${file}: the graph has ${list.length} nodes`, { file });
  const nodes = new Map<string, NodeDef>();
  for (const json of list as readonly Json[]) {
    const node = checkNode(json, corrupt);
    if (nodes.has(node.name)) return corrupt(`two nodes are called "${node.name}"`);
    nodes.set(node.name, node);
  }
  const inputsOf = (node: NodeDef): NodeDef[] =>
    node.input.map((text) => {
      const { name } = parseRef(text);
      return nodes.get(name) ?? corrupt(`node "${node.name}" (${node.op}): its input "${name}" does not exist`);
    });
  sortAfterInputs(nodes.values(), inputsOf, (names) =>
    corrupt(`nodes wait for each other in a circle: ${names.join(' ← ').slice(-300)}`),
  );
  const inputs = signatureEntries(signature, 'inputs').filter(([, entry]) => nodes.has(parseRef(entry.name).name));
  const outputs = signatureEntries(signature, 'outputs');
  for (const [, { name }] of outputs) {
    const ref = parseRef(name);
    if (!nodes.has(ref.name)) fail('E_MODEL_CORRUPT', `${file}: output "${ref.name}" does not exist`, { file });
    if (ref.index !== 0) {
      fail('E_OP_UNSUPPORTED', `${file}: output "${name}" is not the first of its node`, { file, output: name });
    }
  }
  return {
    nodes: [...nodes.values()],
    inputs: Object.fromEntries(inputs),
    outputs: Object.fromEntries(outputs),
  };
}

type Corrupt = (why: string) => never;

function checkNode(json: Json, corrupt: Corrupt): NodeDef {
  if (!isObject(json)) return corrupt('a node is no object');
  const name = own(json, 'name');
  const op = own(json, 'op');
  const inputs = own(json, 'input') ?? [];
  const attr = own(json, 'attr') ?? {};
  if (typeof name !== 'string' || typeof op !== 'string') return corrupt('a node lacks name or op');
  // A colon separates the name from the number of an output; the last is no name but the prototype of an object.
  if (name === '' || name.includes(':') || name === '__proto__') return corrupt(`a node is called "${name}"`);
  if (!Array.isArray(inputs) || !isObject(attr)) return corrupt(`node "${name}" has broken inputs or attributes`);
  const input = (inputs as readonly Json[]).flatMap((text) => {
    if (typeof text !== 'string' || text === '') return corrupt(`node "${name}" has an input that is no name`);
    return text.startsWith('^') ? [] : [text];
  });
  for (const [key, value] of Object.entries(attr)) {
    if (!isAttribute(value)) corrupt(`attribute ${key} of node "${name}" is not of any type that attributes have`);
  }
  return { name, op, input, attr };
}

const isInteger = (value: Json): boolean =>
  Number.isSafeInteger(value) || (typeof value === 'string' && /^-?\d{1,19}$/.test(value));

const isShape = (value: Json): boolean => {
  if (!isObject(value)) return false;
  const dims = own(value, 'dim') ?? [];
  return Array.isArray(dims) && dims.every((dim) => isObject(dim) && isInteger(own(dim, 'size') ?? -1));
};

/** Values of an AttrValue by field, in protobuf's JSON: 64-bit integers and bytes are text, and so are NaN and infinity. */
const FIELDS: Readonly<Record<string, (value: Json) => boolean>> = {
  s: (value) =>
    typeof value === 'string' || (Array.isArray(value) && value.length <= MAX_TEXT && value.every(isInteger)),
  i: isInteger,
  f: (value) => typeof value === 'number' || typeof value === 'string',
  b: (value) => typeof value === 'boolean',
  type: (value) => typeof value === 'string' || typeof value === 'number',
  shape: isShape,
};

/** Fields that are not read (constants in the graph, functions) may hold anything. */
function isAttribute(value: Json): boolean {
  if (!isObject(value)) return false;
  const list = own(value, 'list') ?? {};
  if (!isObject(list)) return false;
  return Object.entries(FIELDS).every(([field, holds]) => {
    const one = own(value, field);
    const many = own(list, field) ?? [];
    return (one === undefined || holds(one)) && Array.isArray(many) && many.every(holds);
  });
}

/** `name` or `name:1`. */
export function parseRef(text: string): NodeRef {
  const match = /^(.*):(\d{1,6})$/s.exec(text);
  return match ? { name: match[1] as string, index: Number(match[2]) } : { name: text, index: 0 };
}

function signatureEntries(signature: Json | undefined, part: 'inputs' | 'outputs'): [string, SignatureEntry][] {
  const entries = isObject(signature) ? own(signature, part) : undefined;
  if (!isObject(entries)) return [];
  return Object.entries(entries).flatMap(([key, entry]): [string, SignatureEntry][] => {
    const name = isObject(entry) ? own(entry, 'name') : undefined;
    if (typeof name !== 'string') return [];
    const shape = isObject(entry) ? own(entry, 'tensorShape') : undefined;
    const dims =
      isObject(shape) && own(shape, 'unknownRank') !== true && isShape(shape) ? own(shape, 'dim') : undefined;
    if (!Array.isArray(dims)) return [[key, { name }]];
    const sizes = (dims as readonly JsonObject[]).map((dim) => Number(own(dim, 'size') ?? -1));
    return [[key, { name, shape: sizes }]];
  });
}

/**
 * The targets and all that they need, each after its inputs.
 * @param onCircle called with the names that wait for each other
 */
export function sortAfterInputs<T extends { readonly name: string }>(
  targets: Iterable<T>,
  inputsOf: (node: T) => readonly T[],
  onCircle: (names: readonly string[]) => never,
): T[] {
  const state = new Map<T, 'open' | 'done'>();
  const order: T[] = [];
  for (const target of targets) {
    const stack: { readonly node: T; readonly inputs: readonly T[]; next: number }[] = [];
    const open = (node: T): void => {
      if (state.get(node) === 'done') return;
      if (state.get(node) === 'open') onCircle(stack.map((waiting) => waiting.node.name));
      state.set(node, 'open');
      stack.push({ node, inputs: inputsOf(node), next: 0 });
    };
    open(target);
    for (let top = stack.at(-1); top; top = stack.at(-1)) {
      const input = top.inputs[top.next++];
      if (input) open(input);
      else {
        state.set(top.node, 'done');
        order.push(top.node);
        stack.pop();
      }
    }
  }
  return order;
}
