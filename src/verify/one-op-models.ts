/** Each node of an int8 graph as a model of its own, with the inputs it has in our executor: kernels compared one by one. */
import { writeTflite } from '../../converters/tflite/write.js';
import { type Graph, isConstant, type Node, type TypedArray, tensorOf } from '../ir/graph.js';
import { bytesOf, outputLayout, type TensorLayout, tensorBytes } from './tensor-bytes.js';

export interface OneOpModel {
  readonly node: Node;
  /** Tensor ids, without constants, each once. */
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly model: Uint8Array;
  readonly layout: readonly TensorLayout[];
  /** More than it needs. */
  readonly arenaBytes: number;
}

/** Values of all tensors over some samples: one record of each tensor after the other, by tensor id. */
export type TracedRecords = ReadonlyMap<string, readonly Uint8Array[]>;

export function buildOneOpModels(graph: Graph): readonly OneOpModel[] {
  return graph.nodes.map((node) => {
    const inputs = [...new Set(node.inputs.filter((id) => !isConstant(graph, id)))];
    const ids = new Set([...node.inputs, ...node.outputs]);
    const alone: Graph = {
      name: node.id,
      inputs,
      outputs: node.outputs,
      nodes: [node],
      tensors: new Map([...ids].map((id) => [id, tensorOf(graph, id)])),
    };
    return {
      node,
      inputs,
      outputs: node.outputs,
      model: writeTflite(alone),
      layout: outputLayout(alone),
      arenaBytes: generousArenaBytes(alone),
    };
  });
}

/** An arena that no kernel's scratch buffers outgrow: on a host it costs address space only. */
export function generousArenaBytes(graph: Graph): number {
  let activations = 0;
  for (const tensor of graph.tensors.values()) if (!tensor.data) activations += tensorBytes(tensor);
  return 4 * 1024 * 1024 + 4 * activations;
}

/** Takes the values out of a trace whose arrays the next run overwrites. */
export function appendTrace(records: Map<string, Uint8Array[]>, trace: ReadonlyMap<string, TypedArray>): void {
  for (const [id, values] of trace) {
    const bytes = bytesOf(values).slice();
    const known = records.get(id);
    if (known) known.push(bytes);
    else records.set(id, [bytes]);
  }
}

/** The given tensors of every record, one after the other: what a runtime gets and what it must give. */
export function joinRecords(records: TracedRecords, ids: readonly string[], count: number): Uint8Array {
  const parts: Uint8Array[] = [];
  for (let record = 0; record < count; record++) {
    for (const id of ids) {
      const part = records.get(id)?.[record];
      if (!part) throw new Error(`the trace has no record ${record} of "${id}"`);
      parts.push(part);
    }
  }
  const joined = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    joined.set(part, at);
    at += part.length;
  }
  return joined;
}
