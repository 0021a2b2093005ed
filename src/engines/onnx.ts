import type { InferenceSession, Tensor as OrtTensor } from 'onnxruntime-node';
import { outputName, writeOnnx } from '../../converters/onnx/write.js';
import { fail } from '../core/errors.js';
import { type Graph, tensorOf } from '../ir/graph.js';
import { type CompiledGraph, type CompileOptions, checkRunArrays, type Engine, type Values } from './engine.js';
import { compileApart } from './onnx-apart.js';
import { loadOnnxruntime, type Ort, sessionOptions } from './onnxruntime.js';

/**
 * The default engine: the whole graph as one onnxruntime session.
 * @throws IsplitError E_ENGINE_MISSING when onnxruntime-node cannot be loaded
 */
export async function createOnnxEngine(): Promise<Engine> {
  const ort = await loadOnnxruntime();
  const version = (ort.env as { versions?: { node?: string } }).versions?.node ?? '';
  return {
    id: 'onnx',
    description: `onnxruntime-node ${version}`.trim(),
    compile: (graph, options) => compileOnnx(ort, graph, options),
    compileApart,
  };
}

async function compileOnnx(ort: Ort, graph: Graph, options: CompileOptions = {}): Promise<CompiledGraph> {
  let session: InferenceSession;
  try {
    session = await ort.InferenceSession.create(writeOnnx(graph), sessionOptions(options.threads, options.optimise));
  } catch (cause) {
    if (cause instanceof Error && cause.name === 'IsplitError') throw cause;
    fail('E_ENGINE', `onnxruntime cannot load the graph "${graph.name}": ${messageOf(cause)}`, {
      engine: 'onnx',
      graph: graph.name,
    });
  }
  return {
    async run(feeds: Values, into: Values = {}): Promise<Values> {
      checkRunArrays(graph, feeds, into);
      const tensor = (id: string, data: Float32Array): OrtTensor =>
        new ort.Tensor('float32', data, [...tensorOf(graph, id).shape]);
      const inputs: Record<string, OrtTensor> = {};
      for (const id of graph.inputs) inputs[id] = tensor(id, feeds[id] as Float32Array);
      const fetches: Record<string, OrtTensor | null> = {};
      for (const id of graph.outputs) {
        const data = into[id];
        fetches[outputName(graph, id)] = data ? tensor(id, data) : null;
      }
      const result = await session.run(inputs, fetches).catch((cause: unknown) =>
        fail('E_ENGINE', `onnxruntime failed on "${graph.name}": ${messageOf(cause)}`, {
          engine: 'onnx',
          graph: graph.name,
        }),
      );
      const values: Record<string, Float32Array> = {};
      for (const id of graph.outputs)
        values[id] = into[id] ?? ((result[outputName(graph, id)] as OrtTensor).data as Float32Array);
      return values;
    },
    dispose: () => session.release(),
  };
}

function messageOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}
