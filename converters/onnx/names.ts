/** Ids of our tensors from the names in an ONNX file. */
import { cleanTensorId } from '../../src/ir/tensor-id.js';
import type { NodeEntry } from './parse.js';

/** Names that exporters number through: nothing a person could recognise. */
const MEANINGLESS = /^(\d+|input\.\d+|onnx::\w+|\w+_output_\d+__\d+)$/;

/**
 * Readable, deterministic id: the value's name without a leading `/`, a trailing `_output_0` (PyTorch) or `:0` (TensorFlow).
 * Values that were merely numbered take the name of their node, and without one the operator and its position.
 */
export function activationId(value: string, node: NodeEntry, index: number): string {
  const wish = MEANINGLESS.test(value) ? node.name || `${node.opType.toLowerCase()}_${index}` : value;
  return tidy(wish, `${node.opType.toLowerCase()}_${index}`);
}

export function tidy(name: string, fallback: string): string {
  return cleanTensorId(name.replace(/^\/+/, '').replace(/(_output_0|:0)$/, ''), fallback);
}
