import {
  type Attrs,
  type DType,
  elementCount,
  type Graph,
  type Node,
  type QuantParams,
  type Shape,
  type Tensor,
  type TensorType,
  type TypedArray,
} from './graph.js';

/** The part of the op registry that building and verifying need; `src/ops` implements it. */
export interface ShapeTable {
  has(kind: string): boolean;
  /** @throws IsplitError E_SHAPE when inputs and attributes do not fit */
  inferShape(kind: string, inputs: readonly TensorType[], attrs: Attrs): readonly TensorType[];
}

export interface AddOptions {
  /** Id of the (first) output tensor; made unique when taken. Default: the node's kind with a number. */
  readonly id?: string;
  /** Quantization of the output tensor. */
  readonly quant?: QuantParams;
  /** Types to use instead of the inferred ones (readers that verify afterwards). */
  readonly outputs?: readonly TensorType[];
}

/** Builds a Graph node by node; shapes are inferred as nodes are added. */
export class GraphBuilder {
  readonly #name: string;
  readonly #table: ShapeTable;
  readonly #inputs: string[] = [];
  readonly #nodes: Node[] = [];
  readonly #tensors = new Map<string, Tensor>();
  readonly #counters = new Map<string, number>();

  /** @param from graph to continue: its tensors, nodes and inputs are taken over, outputs are not */
  constructor(name: string, table: ShapeTable, from?: Graph) {
    this.#name = name;
    this.#table = table;
    if (from) {
      this.#inputs.push(...from.inputs);
      this.#nodes.push(...from.nodes);
      for (const [id, tensor] of from.tensors) this.#tensors.set(id, tensor);
    }
  }

  /** `wish` if it is free, else `wish_1`, `wish_2`, … */
  freshId(wish: string): string {
    if (!this.#tensors.has(wish)) return wish;
    let n = this.#counters.get(wish) ?? 0;
    let id: string;
    do id = `${wish}_${++n}`;
    while (this.#tensors.has(id));
    this.#counters.set(wish, n);
    return id;
  }

  input(id: string, shape: Shape, dtype: DType = 'float32', quant?: QuantParams): string {
    const name = this.freshId(id);
    this.#tensors.set(name, quant ? { id: name, shape, dtype, quant } : { id: name, shape, dtype });
    this.#inputs.push(name);
    return name;
  }

  constant(id: string, shape: Shape, data: TypedArray, dtype: DType = 'float32', quant?: QuantParams): string {
    if (data.length !== elementCount(shape)) {
      throw new RangeError(`constant "${id}" has ${data.length} values for shape [${shape}]`);
    }
    const name = this.freshId(id);
    this.#tensors.set(name, quant ? { id: name, shape, dtype, data, quant } : { id: name, shape, dtype, data });
    return name;
  }

  /** Constant scalar-like float32 tensor of shape []. */
  scalar(value: number): string {
    return this.constant('scalar', [], Float32Array.of(value));
  }

  type(id: string): Tensor {
    const tensor = this.#tensors.get(id);
    if (!tensor) throw new Error(`builder has no tensor "${id}"`);
    return tensor;
  }

  /** Adds a node and returns the ids of its outputs. */
  addNode(kind: string, inputs: readonly string[], attrs: Attrs = {}, options: AddOptions = {}): string[] {
    const types =
      options.outputs ??
      this.#table.inferShape(
        kind,
        inputs.map((id) => this.type(id)),
        attrs,
      );
    const outputs = types.map((type, i) => {
      const id = this.freshId(i === 0 ? (options.id ?? kind) : `${options.id ?? kind}:${i}`);
      const quant = options.quant;
      this.#tensors.set(id, { id, shape: type.shape, dtype: type.dtype, ...(quant ? { quant } : {}) });
      return id;
    });
    this.#nodes.push({ id: outputs[0] as string, kind, inputs: [...inputs], outputs, attrs });
    return outputs;
  }

  /** Adds a node with one output and returns that output's id. */
  op(kind: string, inputs: readonly string[], attrs: Attrs = {}, options: AddOptions = {}): string {
    return this.addNode(kind, inputs, attrs, options)[0] as string;
  }

  build(outputs: readonly string[]): Graph {
    for (const id of outputs) this.type(id);
    return {
      name: this.#name,
      inputs: [...this.#inputs],
      outputs: [...outputs],
      nodes: [...this.#nodes],
      tensors: new Map(this.#tensors),
    };
  }
}
