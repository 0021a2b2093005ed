/** Class names that TFLite metadata carries: a text file in a zip archive appended to the FlatBuffer. */
import { unzipSync } from 'fflate';
import { type Graph, tensorOf } from '../../src/ir/graph.js';

const MAX_LABEL_BYTES = 1 << 20;
const MAX_ARCHIVE_FILES = 16;

/** One name a line, as many as the output has values; anything else is ignored with a warning. */
export function readClassNames(bytes: Uint8Array, graph: Graph, warnings: string[]): string[] | undefined {
  const classes = tensorOf(graph, graph.outputs[0] as string).shape.at(-1);
  let seen = 0;
  let files: Record<string, Uint8Array>;
  try {
    files = unzipSync(bytes, {
      filter: (file) =>
        ++seen <= MAX_ARCHIVE_FILES && /\.txt$/i.test(file.name) && file.originalSize <= MAX_LABEL_BYTES,
    });
  } catch {
    // Metadata need not have associated files: then no archive follows.
    return undefined;
  }
  for (const name of Object.keys(files).sort()) {
    const lines = new TextDecoder().decode(files[name]).trimEnd().split(/\r?\n/);
    if (lines.length === classes) return lines.map((line) => line.trim());
    warnings.push(`the label file "${name}" has ${lines.length} lines for ${classes} outputs and was ignored`);
  }
  return undefined;
}
