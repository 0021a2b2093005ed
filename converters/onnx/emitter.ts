import type { onnx } from 'onnx-proto';
import { elementCount, type Graph, type Node, type Shape, type TypedArray, tensorOf } from '../../src/ir/graph.js';
import type { OnnxAttr, OnnxEmitter } from '../../src/ops/op-def.js';
import { NodeOperands } from '../node-operands.js';

/** ONNX TensorProto.DataType codes. */
const FLOAT = 1;
const INT64 = 7;

/** Physical layout of rank 4: [0, 3, 1, 2] of the graph's. */
const TO_PHYSICAL = [0, 3, 1, 2] as const;
const TO_GRAPH = [0, 2, 3, 1] as const;

/** Shape as stored. */
export function physicalShape(shape: Shape): number[] {
  return shape.length === 4 ? TO_PHYSICAL.map((a) => shape[a] as number) : [...shape];
}

/** Data as stored; the same array when nothing moves. */
export function toPhysicalData(shape: Shape, data: Float32Array): Float32Array {
  if (shape.length !== 4) return data;
  const [n, h, w, c] = shape as [number, number, number, number];
  if (c === 1 || h * w === 1) return data;
  const out = new Float32Array(data.length);
  const plane = h * w;
  for (let b = 0; b < n; b++) {
    const base = b * plane * c;
    for (let p = 0; p < plane; p++) {
      const from = base + p * c;
      for (let k = 0; k < c; k++) out[base + k * plane + p] = data[from + k] as number;
    }
  }
  return out;
}

/** Whether moving between the layouts moves no element: one channel, or one pixel. */
function layoutIsTrivial(shape: Shape): boolean {
  return shape[3] === 1 || (shape[1] as number) * (shape[2] as number) === 1;
}

function attribute(name: string, attr: OnnxAttr): onnx.IAttributeProto {
  if ('int' in attr) return { name, type: 2, i: attr.int };
  if ('ints' in attr) return { name, type: 7, ints: [...attr.ints] };
  if ('float' in attr) return { name, type: 1, f: attr.float };
  if ('floats' in attr) return { name, type: 6, floats: [...attr.floats] };
  return { name, type: 3, s: new TextEncoder().encode(attr.string) };
}

/** Collects the nodes and initializers of one ONNX graph. */
export class OnnxGraphSink {
  readonly nodes: onnx.INodeProto[] = [];
  readonly initializers: onnx.ITensorProto[] = [];
  /** Physical value name of each of our tensors. */
  readonly values = new Map<string, string>();
  readonly #graph: Graph;
  readonly #int64s = new Map<string, string>();
  readonly #floats = new Map<string, string>();
  readonly #taken = new Set<string>();
  #next = 0;

  constructor(graph: Graph) {
    this.#graph = graph;
    for (const id of graph.inputs) this.#taken.add(id);
    for (const id of graph.outputs) this.#taken.add(id);
  }

  fresh(prefix: string): string {
    let name: string;
    do name = `${prefix}#${this.#next++}`;
    while (this.#taken.has(name));
    return name;
  }

  node(
    opType: string,
    inputs: readonly string[],
    outputs: readonly string[],
    attrs: Readonly<Record<string, OnnxAttr>> = {},
  ): void {
    this.nodes.push({
      opType,
      name: this.fresh(opType),
      input: [...inputs],
      output: [...outputs],
      attribute: Object.entries(attrs).map(([name, attr]) => attribute(name, attr)),
    });
  }

  add(opType: string, inputs: readonly string[], attrs: Readonly<Record<string, OnnxAttr>> = {}): string {
    const output = this.fresh('v');
    this.node(opType, inputs, [output], attrs);
    return output;
  }

  floats(dims: Shape, data: Float32Array): string {
    const name = this.fresh('c');
    const raw = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
    this.initializers.push({ name, dataType: FLOAT, dims: [...dims], rawData: raw });
    return name;
  }

  sharedFloats(dims: Shape, data: Float32Array): string {
    const key = `${dims}:${data.join()}`;
    const name = this.#floats.get(key) ?? this.floats(dims, data);
    this.#floats.set(key, name);
    return name;
  }

  int64s(values: readonly number[]): string {
    const key = values.join(',');
    let name = this.#int64s.get(key);
    if (name === undefined) {
      name = this.fresh('i');
      const data = BigInt64Array.from(values, (v) => BigInt(v));
      this.initializers.push({ name, dataType: INT64, dims: [values.length], rawData: new Uint8Array(data.buffer) });
      this.#int64s.set(key, name);
    }
    return name;
  }

  /** Physical value of a tensor; constants become initializers when first used. */
  value(id: string): string {
    let name = this.values.get(id);
    if (name === undefined) {
      const tensor = tensorOf(this.#graph, id);
      if (!(tensor.data instanceof Float32Array)) throw new Error(`tensor "${id}" is used before it is emitted`);
      name = this.floats(physicalShape(tensor.shape), toPhysicalData(tensor.shape, tensor.data));
      this.values.set(id, name);
    }
    return name;
  }

  /** Adds the layout change of a rank-4 value; `shape` is the graph's. */
  relayout(value: string, shape: Shape, direction: 'toGraph' | 'toPhysical', output?: string): string {
    const out = output ?? this.fresh('v');
    if (layoutIsTrivial(shape)) {
      // 0 keeps the input's own dimension: the batch may be open.
      const [, ...dims] = direction === 'toGraph' ? shape : physicalShape(shape);
      this.node('Reshape', [value, this.int64s([0, ...dims])], [out]);
    } else {
      this.node('Transpose', [value], [out], { perm: { ints: direction === 'toGraph' ? TO_GRAPH : TO_PHYSICAL } });
    }
    return out;
  }
}

/** The emitter one op's `toOnnx` hook sees. */
export class NodeEmitter extends NodeOperands implements OnnxEmitter {
  readonly #sink: OnnxGraphSink;

  constructor(sink: OnnxGraphSink, graph: Graph, node: Node) {
    super((id) => sink.value(id), graph, node);
    this.#sink = sink;
  }

  constant(i: number): TypedArray | undefined {
    return this.inputType(i).data;
  }

  add(opType: string, inputs: readonly string[], attrs?: Readonly<Record<string, OnnxAttr>>): string {
    return this.#sink.add(opType, inputs, attrs);
  }

  addMulti(
    opType: string,
    inputs: readonly string[],
    outputCount: number,
    attrs?: Readonly<Record<string, OnnxAttr>>,
  ): string[] {
    const outputs = Array.from({ length: outputCount }, () => this.#sink.fresh('v'));
    this.#sink.node(opType, inputs, outputs, attrs);
    return outputs;
  }

  floats(dims: Shape, data: Float32Array): string {
    return this.#sink.floats(dims, data);
  }

  sharedFloats(dims: Shape, data: Float32Array): string {
    return this.#sink.sharedFloats(dims, data);
  }

  int64s(values: readonly number[]): string {
    return this.#sink.int64s(values);
  }

  axis(rank: number, axis: number): number {
    const a = axis < 0 ? axis + rank : axis;
    return rank === 4 ? TO_PHYSICAL.indexOf(a as 0) : a;
  }

  toGraphLayout(value: string, rank: number): string {
    return rank === 4 ? this.add('Transpose', [value], { perm: { ints: TO_GRAPH } }) : value;
  }

  toPhysicalLayout(value: string, rank: number): string {
    return rank === 4 ? this.add('Transpose', [value], { perm: { ints: TO_PHYSICAL } }) : value;
  }

  broadcastInput(i: number, rank: number): string {
    const tensor = this.inputType(i);
    const value = this.input(i);
    // Below rank 4 nothing was permuted, and numpy's rules align trailing axes by themselves.
    if (rank !== 4 || tensor.shape.length === 4 || elementCount(tensor.shape) === 1) return value;
    const full = [...new Array<number>(4 - tensor.shape.length).fill(1), ...tensor.shape];
    if (tensor.data instanceof Float32Array) return this.floats(physicalShape(full), toPhysicalData(full, tensor.data));
    return this.#sink.relayout(this.add('Reshape', [value, this.int64s(full)]), full, 'toPhysical');
  }
}
