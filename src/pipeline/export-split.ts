import { createHash } from 'node:crypto';
import { writeModelData } from '../../converters/c/model-data.js';
import { writeTailOnnx } from '../../converters/onnx/tail.js';
import { writeTfjsGraphModel } from '../../converters/tfjs/write.js';
import type { WireTensor } from '../artifact/manifest.js';
import { encodeSelfTest, SELFTEST_FILE } from '../artifact/selftest.js';
import { computeSplitId } from '../artifact/split-id.js';
import type { RunContext } from '../core/context.js';
import type { Graph } from '../ir/graph.js';
import { emitPreprocessC } from '../preprocess/emit-c.js';
import { type InputQuantization, makeInt8Map } from '../preprocess/normalise.js';
import type { PreprocessSpec } from '../preprocess/spec.js';
import { runRecords } from '../quantize/run-records.js';
import { emitEncoderC } from '../wire/codecs/emit-encoder-c.js';
import type { BuiltHead } from './build-head.js';

export interface ExportRequest {
  /** undefined when the input itself is sent. */
  readonly head: BuiltHead | undefined;
  /** float32, batch 1. */
  readonly tail: Graph;
  readonly wire: readonly WireTensor[];
  readonly classNames: readonly string[];
  readonly preprocessing: PreprocessSpec;
  readonly input: InputQuantization;
  /** Samples are bytes: then their way to int8 is written as C as well. */
  readonly pictures: boolean;
  /** `count` int8 inputs, one after the other, for a board to prove itself on. */
  readonly selftest: { readonly inputs: Int8Array; readonly count: number } | undefined;
}

export interface Exported {
  readonly splitId: string;
  /** Contents by path. */
  readonly files: Readonly<Record<string, string | Uint8Array>>;
}

/** C names of a head begin with it, and so do the files. */
const C_PREFIX = 'head';

/**
 * Head and tail in every format. What stands on the device carries the splitId.
 * @throws IsplitError E_HOOK_UNSUPPORTED, E_SHAPE when the tail cannot be written, E_INT8_UNSUPPORTED, E_INTERRUPTED
 */
export async function exportSplit(request: ExportRequest, ctx: RunContext): Promise<Exported> {
  const { head, tail, wire, classNames, preprocessing } = request;
  const files: Record<string, string | Uint8Array> = {};
  const tailOnnx = writeTailOnnx(tail, wire, { classNames });
  const headSha256 = head ? sha256(head.bytes) : null;
  const splitId = computeSplitId({
    headSha256,
    tailSha256: sha256(tailOnnx),
    wire,
    classes: classNames,
    preprocessing,
  });
  if (head && headSha256) {
    const data = writeModelData(head.bytes, { symbol: `${C_PREFIX}_model_data`, splitId, sha256: headSha256 });
    files['head.tflite'] = head.bytes;
    files[`${C_PREFIX}_model_data.c`] = data.source;
    files[`${C_PREFIX}_model_data.h`] = data.header;
  }
  if (request.pictures) {
    const code = emitPreprocessC(preprocessing, makeInt8Map(preprocessing, request.input), { prefix: C_PREFIX });
    files[`${C_PREFIX}_preprocess.c`] = code.source;
    files[`${C_PREFIX}_preprocess.h`] = code.header;
  }
  const encoder = emitEncoderC(wire, { prefix: C_PREFIX });
  files[`${C_PREFIX}_encode.c`] = encoder.source;
  files[`${C_PREFIX}_encode.h`] = encoder.header;
  if (head && request.selftest) {
    const { inputs, count } = request.selftest;
    const outputs = await runRecords(head.graph, inputs, count, { ctx });
    files[SELFTEST_FILE] = encodeSelfTest(splitId, count, inputs, outputs);
  }
  files['tail.onnx'] = tailOnnx;
  for (const [name, content] of Object.entries(writeTfjsGraphModel(tail, wire, { classNames }))) {
    files[`tail-tfjs/${name}`] = content;
  }
  return { splitId, files };
}

function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}
