/** The readers, one line a format; the only place that knows them all. */
import { type RunContext, throwIfAborted } from '../src/core/context.js';
import { fail } from '../src/core/errors.js';
import type { FormatReader, ModelFile, ReadModel } from './format.js';
import { kerasReader } from './keras/index.js';
import { onnxReader } from './onnx/index.js';
import { tfjsReader } from './tfjs/index.js';
import { tfliteReader } from './tflite/index.js';

/** In the order in which they are asked: unmistakable signatures first. */
export const READERS: readonly FormatReader[] = [kerasReader, tfliteReader, tfjsReader, onnxReader];

export type { FormatReader, ModelFile, ReadModel } from './format.js';

/** The reader that recognises the content of a file. @throws IsplitError E_MODEL_FORMAT */
export function readerFor(file: ModelFile): FormatReader {
  const reader = READERS.find((r) => r.claims(file));
  if (!reader) {
    const first = Array.from(file.bytes.subarray(0, 8), (b) => b.toString(16).padStart(2, '0')).join(' ');
    fail(
      'E_MODEL_FORMAT',
      `${file.name} is in no known format (${file.bytes.length} bytes, begins with ${first || 'nothing'})`,
      {
        file: file.name,
        bytes: file.bytes.length,
        formats: READERS.map((r) => r.label),
      },
    );
  }
  return reader;
}

/**
 * Reads a model of any known format.
 * @throws IsplitError E_MODEL_FORMAT, and what the format's reader throws
 */
export async function readModel(
  file: ModelFile,
  ctx: RunContext = {},
): Promise<ReadModel & { readonly format: FormatReader['id'] }> {
  throwIfAborted(ctx);
  const reader = readerFor(file);
  const model = await reader.read(file, ctx);
  return { ...model, format: reader.id };
}
