import type { CompiledGraph, Engine } from '../../../src/engines/engine.js';
import { runReference } from '../../../src/ops/reference.js';

/** Runs graphs with the ops' own float64 loops: quick to start, and no engine to doubt. */
export const referenceEngine: Engine = {
  id: 'onnx',
  description: 'reference loops',
  compile: async (graph): Promise<CompiledGraph> => ({
    run: async (feeds) => {
      const values = runReference(graph, feeds);
      return Object.fromEntries(graph.outputs.map((id) => [id, Float32Array.from(values[id] ?? [])]));
    },
    dispose: async () => {},
  }),
};
