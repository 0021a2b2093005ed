/** The TFLite writer: float32 and int8 graphs, one operator a node, through each op's own `tflite.encode`. */
import { IsplitError } from '../../src/core/errors.js';
import { type Graph, type Node, type Tensor, tensorOf } from '../../src/ir/graph.js';
import { TensorIds } from '../../src/ir/tensor-id.js';
import { opDef } from '../../src/ops/index.js';
import { isUnsupported, type TfliteEncoder, type TfliteOperatorSpec } from '../../src/ops/op-def.js';
import { describeRefusals, Refusal, type RefusedOperator } from '../refused-operators.js';
import { serialiseModel, type WrittenOperator } from './serialise.js';

export interface WriteTfliteOptions {
  /** Text of the model's description field. Default: none. */
  readonly description?: string;
  /** Names of the (first) output's classes: go along as TFLite metadata, a label file in a zip archive behind the model. */
  readonly classNames?: readonly string[];
}

/**
 * One graph as the bytes of a .tflite file: batch as in the graph, tensor names = tensor ids, constants at multiples of 16 bytes.
 * The same graph gives the same bytes.
 * @throws IsplitError E_HOOK_UNSUPPORTED with every node that has no single TFLite operator
 */
export function writeTflite(graph: Graph, options: WriteTfliteOptions = {}): Uint8Array {
  const writer = new GraphWriter(graph);
  writer.encodeNodes();
  return serialiseModel({
    name: graph.name,
    tensors: writer.tensors,
    operators: writer.operators,
    inputs: graph.inputs,
    outputs: graph.outputs,
    ...options,
  });
}

/** Collects the file's tensors and operators in the order in which they run. */
class GraphWriter {
  readonly operators: WrittenOperator[] = [];
  readonly #graph: Graph;
  readonly #tensors = new Map<string, Tensor>();
  readonly #ids = new TensorIds();
  /** Constants that encoders made, by content: equal ones are written once. */
  readonly #made = new Map<string, string>();
  readonly #refused: RefusedOperator[] = [];

  constructor(graph: Graph) {
    this.#graph = graph;
    for (const id of graph.tensors.keys()) this.#ids.unique(id);
    for (const id of graph.inputs) this.#use(id);
  }

  get tensors(): readonly Tensor[] {
    return [...this.#tensors.values()];
  }

  encodeNodes(): void {
    this.#graph.nodes.forEach((node, index) => {
      this.#encode(node, index);
    });
    for (const id of this.#graph.outputs) {
      if (tensorOf(this.#graph, id).data) this.#refuse('output', -1, id, 'it is a constant');
      else this.#use(id);
    }
    if (this.#refused.length > 0) {
      throw new IsplitError(describeRefusals(this.#graph.name, this.#refused, 'written as TFLite'));
    }
  }

  #encode(node: Node, index: number): void {
    const output = node.outputs[0] as string;
    const { encode } = opDef(node.kind).tflite;
    if (isUnsupported(encode)) {
      this.#refuse(node.kind, index, output, encode.unsupported);
      return;
    }
    const inputs = node.inputs.map((id) => tensorOf(this.#graph, id));
    const outputs = node.outputs.map((id) => tensorOf(this.#graph, id));
    const unquantized = [...inputs, ...outputs].find((t) => t.dtype === 'int8' && !t.quant);
    if (unquantized) {
      this.#refuse(node.kind, index, output, `"${unquantized.id}" is int8 without quantization`);
      return;
    }
    for (const id of node.inputs) this.#use(id);
    try {
      const spec = encode(this.#encoder(inputs, outputs), node.attrs);
      for (const id of node.outputs) this.#use(id);
      this.#add(spec, node.outputs);
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      this.#refuse(node.kind, index, output, error.message);
    }
  }

  #encoder(inputs: readonly Tensor[], outputs: readonly Tensor[]): TfliteEncoder {
    const base = (outputs[0] as Tensor).id;
    return {
      inputs,
      outputs,
      int32s: (suffix, shape, values) =>
        this.#constant(`${base}/${suffix}`, { shape, dtype: 'int32', data: Int32Array.from(values) }),
      constant: (suffix, value) => this.#constant(`${base}/${suffix}`, value),
      refuse: (why) => {
        throw new Refusal(why);
      },
    };
  }

  #add(spec: TfliteOperatorSpec, outputs: readonly string[]): void {
    this.operators.push({ ...spec, outputs });
  }

  #constant(id: string, value: Omit<Tensor, 'id'>): string {
    const { shape, dtype, data, quant } = value;
    const key = [dtype, shape, data, quant?.axis, quant?.scale, quant?.zeroPoint].join('|');
    const known = this.#made.get(key);
    if (known) return known;
    const name = this.#ids.unique(id);
    this.#made.set(key, name);
    this.#tensors.set(name, { id: name, ...value });
    return name;
  }

  #use(id: string): void {
    this.#tensors.set(id, tensorOf(this.#graph, id));
  }

  #refuse(op: string, index: number, output: string, why: string): void {
    this.#refused.push({ op, index, output, why });
  }
}
