import type { Engine } from '../../../src/engines/engine.js';
import type { Graph } from '../../../src/ir/graph.js';

/** What a graph with one input and one output gives, as it stands. */
export async function runGraph(engine: Engine, graph: Graph, values: Float32Array): Promise<Float32Array> {
  const compiled = await engine.compile(graph, { optimise: false });
  try {
    return (await compiled.run({ [graph.inputs[0] as string]: values }))[graph.outputs[0] as string] as Float32Array;
  } finally {
    await compiled.dispose();
  }
}
