import { writeTailOnnx } from '../../converters/onnx/tail.js';
import { writeTfjsGraphModel } from '../../converters/tfjs/write.js';
import type { WireTensor } from '../artifact/manifest.js';
import type { Graph } from '../ir/graph.js';
import type { InputQuantization } from '../preprocess/normalise.js';
import type { PreprocessSpec } from '../preprocess/spec.js';
import type { BuiltHead } from './build-head.js';

export interface ExportRequest {
  /** Base name of the model. */
  readonly name: string;
  readonly head: BuiltHead | undefined;
  /** float32, batch 1. */
  readonly tail: Graph;
  readonly wire: readonly WireTensor[];
  readonly classNames: readonly string[];
  readonly preprocessing: PreprocessSpec;
  readonly input: InputQuantization;
  /** int8 inputs for a board to prove itself on. */
  readonly selftest: { readonly inputs: Int8Array; readonly count: number } | undefined;
}

export type ExportedFiles = Readonly<Record<string, string | Uint8Array>>;

/** Head and tail in every format, by path. */
export async function exportSplit(request: ExportRequest): Promise<ExportedFiles> {
  const { head, tail, wire, classNames } = request;
  const files: Record<string, string | Uint8Array> = {};
  if (head) files['head.tflite'] = head.bytes;
  files['tail.onnx'] = writeTailOnnx(tail, wire, { classNames });
  for (const [name, content] of Object.entries(writeTfjsGraphModel(tail, wire, { classNames }))) {
    files[`tail-tfjs/${name}`] = content;
  }
  return files;
}
