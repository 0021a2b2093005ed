import { type Graph, type Node, type Tensor, tensorOf } from '../src/ir/graph.js';

/** What every emitter tells an op's hook about its node: the written values of its inputs, and the types. */
export class NodeOperands {
  readonly #written: (id: string) => string;
  readonly #graph: Graph;
  readonly #node: Node;

  /** @param written name under which a tensor was written */
  constructor(written: (id: string) => string, graph: Graph, node: Node) {
    this.#written = written;
    this.#graph = graph;
    this.#node = node;
  }

  get inputCount(): number {
    return this.#node.inputs.length;
  }

  input(i: number): string {
    return this.#written(this.#inputId(i));
  }

  inputType(i: number): Tensor {
    return tensorOf(this.#graph, this.#inputId(i));
  }

  outputType(i: number): Tensor {
    return tensorOf(this.#graph, this.#node.outputs[i] as string);
  }

  #inputId(i: number): string {
    const id = this.#node.inputs[i];
    if (id === undefined) throw new RangeError(`${this.#node.kind} has no input ${i}`);
    return id;
  }
}
