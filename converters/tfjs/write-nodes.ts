/** Nodes and weights of a TF.js graph-model under construction. */
import { fail } from '../../src/core/errors.js';
import { type Graph, type Node, type Shape, tensorOf } from '../../src/ir/graph.js';
import { TensorIds } from '../../src/ir/tensor-id.js';
import type { TfAttr, TfjsGraphEmitter } from '../../src/ops/op-def.js';
import { NodeOperands } from '../node-operands.js';

/** A node of a GraphDef in protobuf's JSON form. */
export interface NodeDefJson {
  name: string;
  readonly op: string;
  readonly input: string[];
  readonly attr: Readonly<Record<string, unknown>>;
}

export interface WeightJson {
  readonly name: string;
  readonly shape: readonly number[];
  readonly dtype: 'float32' | 'int32';
}

const DT = { float32: 'DT_FLOAT', int32: 'DT_INT32' } as const;

/** Shape of a GraphDef; −1 where open. */
export function shapeJson(shape: readonly number[]): { dim: { size: string }[] } {
  return { dim: shape.map((size) => ({ size: String(size) })) };
}

/** protobuf's JSON: 64-bit integers are text, bytes are base64. */
function attrJson(attr: TfAttr): unknown {
  if ('int' in attr) return { i: String(attr.int) };
  if ('ints' in attr) return { list: { i: attr.ints.map(String) } };
  if ('float' in attr) return { f: attr.float };
  if ('bool' in attr) return { b: attr.bool };
  if ('type' in attr) return { type: attr.type };
  return { s: btoa(attr.string) };
}

/**
 * Key of an input or output in the signature: its id, a mere number with a `t` in front. TF.js takes inputs in the order of
 * these keys, and JavaScript sorts keys that are numbers.
 */
export function signatureKey(id: string): string {
  return /^\d+$/.test(id) ? `t${id}` : id;
}

/** Letters, digits and `_ . / -`, beginning with a letter, digit or dot: what TensorFlow takes as the name of a node. */
function nodeName(id: string): string {
  const cleaned = signatureKey(id).replace(/[^A-Za-z0-9_./-]/g, '_');
  return /^[A-Za-z0-9.]/.test(cleaned) ? cleaned : `t${cleaned}`;
}

export class TfGraphSink {
  readonly nodes: NodeDefJson[] = [];
  readonly weights: WeightJson[] = [];
  readonly #bytes: Uint8Array[] = [];
  readonly #graph: Graph;
  /** Node name of each of our tensors; inputs and outputs of ops get theirs before anything else takes it. */
  readonly #names = new Map<string, string>();
  readonly #written = new Set<string>();
  readonly #taken = new TensorIds();

  constructor(graph: Graph) {
    this.#graph = graph;
    const ids = [...graph.inputs, ...graph.nodes.flatMap((node) => node.outputs)];
    for (const id of ids) this.#names.set(id, this.#taken.unique(nodeName(id)));
  }

  /** Node name of an activation. */
  name(id: string): string {
    const name = this.#names.get(id);
    if (name === undefined) throw new Error(`"${id}" is no activation of the graph`);
    return name;
  }

  placeholder(id: string, shape: readonly number[]): void {
    const attr = { dtype: { type: 'DT_INT32' }, shape: { shape: shapeJson(shape) } };
    this.nodes.push({ name: this.name(id), op: 'Placeholder', input: [], attr });
  }

  add(name: string, op: string, inputs: readonly string[], attrs: Readonly<Record<string, TfAttr>> = {}): string {
    const fresh = this.#taken.unique(name);
    const attr: Record<string, unknown> = { T: { type: 'DT_FLOAT' } };
    for (const [key, value] of Object.entries(attrs)) attr[key] = attrJson(value);
    this.nodes.push({ name: fresh, op, input: [...inputs], attr });
    return fresh;
  }

  constant(wish: string, shape: Shape, data: Float32Array | Int32Array): string {
    const name = this.#taken.unique(nodeName(wish));
    const dtype = data instanceof Float32Array ? 'float32' : 'int32';
    const tensor = { dtype: DT[dtype], tensorShape: shapeJson(shape) };
    this.nodes.push({ name, op: 'Const', input: [], attr: { dtype: { type: DT[dtype] }, value: { tensor } } });
    this.weights.push({ name, shape: [...shape], dtype });
    this.#bytes.push(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
    return name;
  }

  /** Node name of any tensor; constants are written when first asked for. */
  value(id: string): string {
    const known = this.#names.get(id);
    if (known !== undefined) return known;
    const { shape, data } = tensorOf(this.#graph, id);
    if (!(data instanceof Float32Array)) throw new Error(`tensor "${id}" is no float32 constant`);
    const name = this.constant(id, shape, data);
    this.#names.set(id, name);
    return name;
  }

  /**
   * Gives what an op returned the name of its output: the node takes it over when this op added it, else it gets an Identity.
   * @param from number of nodes before the op added its own
   */
  rename(value: string, id: string, from: number): void {
    const name = this.name(id);
    const own = this.nodes.slice(from);
    const made = own.find((node) => node.name === value);
    if (!made || made.op === 'Const' || this.#written.has(value)) {
      this.nodes.push({ name, op: 'Identity', input: [value], attr: { T: { type: 'DT_FLOAT' } } });
    } else {
      for (const node of own) {
        node.input.forEach((input, i) => {
          if (input === value) node.input[i] = name;
        });
      }
      made.name = name;
    }
    this.#written.add(name);
  }

  /** All weights in the order of `weights`. */
  weightBytes(): Uint8Array {
    const bytes = new Uint8Array(this.#bytes.reduce((n, part) => n + part.length, 0));
    let at = 0;
    for (const part of this.#bytes) {
      bytes.set(part, at);
      at += part.length;
    }
    return bytes;
  }
}

/** The emitter that one op's `toTfjsGraph` hook sees. Its inner nodes are called `<output>/<op>`. */
export class TfNodeEmitter extends NodeOperands implements TfjsGraphEmitter {
  readonly #sink: TfGraphSink;
  readonly #node: Node;
  readonly #prefix: string;

  constructor(sink: TfGraphSink, graph: Graph, node: Node) {
    super((id) => sink.value(id), graph, node);
    this.#sink = sink;
    this.#node = node;
    this.#prefix = sink.name(node.outputs[0] as string);
  }

  add(op: string, inputs: readonly string[], attrs?: Readonly<Record<string, TfAttr>>): string {
    return this.#sink.add(`${this.#prefix}/${op}`, op, inputs, attrs);
  }

  floats(suffix: string, shape: Shape, data: Float32Array): string {
    return this.#sink.constant(`${this.#prefix}/${suffix}`, shape, data);
  }

  int32s(suffix: string, shape: Shape, values: readonly number[]): string {
    return this.#sink.constant(`${this.#prefix}/${suffix}`, shape, Int32Array.from(values));
  }

  refuse(why: string): never {
    fail('E_HOOK_UNSUPPORTED', `"${this.#node.id}" (${this.#node.kind}) cannot be written for TF.js: ${why}`, {
      node: this.#node.id,
      kind: this.#node.kind,
    });
  }
}
