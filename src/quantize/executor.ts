/** Runs int8 networks bit by bit as TensorFlow Lite Micro's reference kernels do: the ops' `int8` hooks, one after the other. */
import { fail, Problems } from '../core/errors.js';
import {
  bytesPerElement,
  type DType,
  elementCount,
  formatShape,
  type Graph,
  type Tensor,
  type TypedArray,
  tensorOf,
} from '../ir/graph.js';
import { opDef } from '../ops/index.js';
import { type Int8Kernel, isUnsupported } from '../ops/op-def.js';
import { fuseActivation } from '../passes/fuse-activation.js';

/** A network ready to run. Buffers are made once: one program, one run at a time. */
export interface Int8Program {
  /** In the order in which `run` takes and gives them. */
  readonly inputs: readonly Tensor[];
  readonly outputs: readonly Tensor[];
  /**
   * @param inputs one array an input, of the input's dtype and size
   * @returns one array an output; the next run overwrites them
   */
  run(inputs: readonly TypedArray[]): readonly TypedArray[];
  /**
   * Runs and shows every activation (inputs and outputs included) by id, as the next run will overwrite them. Values before a
   * fused activation (`…/linear` of a file's reader) do not exist.
   */
  trace(inputs: readonly TypedArray[]): ReadonlyMap<string, TypedArray>;
}

/** Activations of networks for microcontrollers are far smaller; files may state any shape. */
const LARGEST_ACTIVATIONS_BYTES = 2 ** 28;

const ARRAYS: Readonly<Record<DType, new (length: number) => TypedArray>> = {
  float32: Float32Array,
  int8: Int8Array,
  uint8: Uint8Array,
  bool: Uint8Array,
  int16: Int16Array,
  int32: Int32Array,
};

/**
 * Prepares a graph with int8 activations: multipliers, tables, packed weights, buffers. Works on what the TFLite reader and the
 * quantizer give.
 * @throws IsplitError E_INT8_UNSUPPORTED naming every node that cannot run and why
 */
export function prepareInt8(graph: Graph): Int8Program {
  const fused = fuseActivation(graph);
  checkSize(fused);
  const kernels = prepareKernels(fused);
  const buffers = makeBuffers(fused);
  const bufferOf = (id: string): TypedArray => buffers.get(id) ?? (tensorOf(fused, id).data as TypedArray);
  const steps = fused.nodes.map((node, i) => ({
    kernel: kernels[i] as Int8Kernel,
    inputs: node.inputs.map(bufferOf),
    outputs: node.outputs.map(bufferOf),
  }));
  const inputs = fused.inputs.map((id) => tensorOf(fused, id));
  const inputBuffers = fused.inputs.map(bufferOf);
  const outputBuffers = fused.outputs.map(bufferOf);

  const run = (values: readonly TypedArray[]): readonly TypedArray[] => {
    for (let i = 0; i < inputBuffers.length; i++) {
      const buffer = inputBuffers[i] as TypedArray;
      const value = values[i];
      if (value?.length !== buffer.length || value.constructor !== buffer.constructor) {
        const { id, dtype } = inputs[i] as Tensor;
        throw new RangeError(`input "${id}" takes ${buffer.length} values of ${dtype}, got ${value?.length ?? 'none'}`);
      }
      buffer.set(value);
    }
    for (let i = 0; i < steps.length; i++) {
      const step = steps[i] as (typeof steps)[number];
      step.kernel(step.inputs, step.outputs);
    }
    return outputBuffers;
  };
  return {
    inputs,
    outputs: fused.outputs.map((id) => tensorOf(fused, id)),
    run,
    trace(values) {
      run(values);
      return buffers;
    },
  };
}

function prepareKernels(graph: Graph): Int8Kernel[] {
  const problems = new Problems();
  const kernels = graph.nodes.map((node): Int8Kernel | undefined => {
    const { int8 } = opDef(node.kind);
    const subject = `"${node.id}" (${node.kind})`;
    if (isUnsupported(int8)) {
      problems.add('E_INT8_UNSUPPORTED', `${subject}: ${int8.unsupported}`, { node: node.id, kind: node.kind });
      return undefined;
    }
    const operands = {
      inputs: node.inputs.map((id) => tensorOf(graph, id)),
      outputs: node.outputs.map((id) => tensorOf(graph, id)),
      attrs: node.attrs,
    };
    const found = new Problems();
    try {
      return int8.prepare(operands);
    } catch (error) {
      found.addCaught(error);
      for (const { code, message, context } of found.list) {
        problems.add(code, `${subject}: ${message}`, { ...context, node: node.id, kind: node.kind });
      }
      return undefined;
    }
  });
  problems.throwIfAny();
  return kernels as Int8Kernel[];
}

function activationsOf(graph: Graph): Tensor[] {
  return [...graph.tensors.values()].filter(({ data }) => data === undefined);
}

/** Before anything is allocated. */
function checkSize(graph: Graph): void {
  const activations = activationsOf(graph);
  let bytes = 0;
  for (const { shape, dtype } of activations) bytes += elementCount(shape) * bytesPerElement(dtype);
  if (bytes > LARGEST_ACTIVATIONS_BYTES) {
    const largest = activations.toSorted((a, b) => elementCount(b.shape) - elementCount(a.shape))[0] as Tensor;
    fail(
      'E_INT8_UNSUPPORTED',
      `the activations take ${bytes} B, more than ${LARGEST_ACTIVATIONS_BYTES} B ("${largest.id}" alone is ${formatShape(largest.shape)})`,
      { bytes, limit: LARGEST_ACTIVATIONS_BYTES },
    );
  }
}

function makeBuffers(graph: Graph): Map<string, TypedArray> {
  return new Map(activationsOf(graph).map(({ id, shape, dtype }) => [id, new ARRAYS[dtype](elementCount(shape))]));
}
