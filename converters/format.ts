/** What every format's reader implements. Readers never import one another; they meet in converters/index.ts. */
import type { RunContext } from '../src/core/context.js';
import type { Graph } from '../src/ir/graph.js';

/** A model as it lies on disk, opened by the caller: readers touch no file system. */
export interface ModelFile {
  /** Base name, for messages. */
  readonly name: string;
  readonly bytes: Uint8Array;
  /**
   * Bytes of a file in the same folder (weight shards, external data). The name is checked by the implementation: base
   * names only, bounded size. @throws IsplitError E_MODEL_READ
   */
  sibling(name: string): Promise<Uint8Array>;
}

export interface ReadModel {
  /**
   * NHWC graph with batch size 1, activations as nodes of their own, tensor ids as described in ir/graph.ts, verified.
   * Reshapes write the batch dimension as −1, so that another batch size can be set.
   */
  readonly graph: Graph;
  /** For people: `Keras 2.4.0 h5`, `ONNX opset 17 (pytorch 2.1)`, `TFLite 3`. */
  readonly description: string;
  /** Class names the file itself carries, in output order. */
  readonly classNames?: readonly string[];
  /** Things the user should know (ignored optimizer state, dropped training-only layers). */
  readonly warnings: readonly string[];
}

export interface FormatReader {
  readonly id: 'keras' | 'tfjs' | 'onnx' | 'tflite';
  readonly label: string;
  /** Decides by content (magic bytes, JSON keys), cheaply, never by name, and never throws. */
  claims(file: ModelFile): boolean;
  /** @throws IsplitError E_MODEL_CORRUPT, E_MODEL_TOO_LARGE, E_OP_UNSUPPORTED (all unsupported ops and where), E_SHAPE, E_GRAPH_INVALID */
  read(file: ModelFile, ctx: RunContext): Promise<ReadModel>;
}
