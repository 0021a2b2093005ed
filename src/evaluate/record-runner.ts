import type { RunContext } from '../core/context.js';
import type { Engine } from '../engines/engine.js';
import { bytesPerElement, elementCount, type Graph, tensorOf } from '../ir/graph.js';
import { dequantizeGraph } from '../passes/dequantize-graph.js';
import { runRecords } from '../quantize/run-records.js';
import { BatchRunner } from './batch-runner.js';

/** Runs a network over records of raw tensor bytes, little-endian, tensors in the order of the file. */
export interface RecordRunner {
  /** Bytes of one record. */
  readonly inputBytes: number;
  readonly outputBytes: number;
  /** `int8 executor`, or the engine's library and version. */
  readonly by: string;
  /**
   * @param records `count` records, one after the other
   * @returns `count` records
   * @throws IsplitError E_INT8_UNSUPPORTED, E_ENGINE, E_INTERRUPTED
   */
  run(records: Uint8Array, count: number, ctx: RunContext): Promise<Uint8Array>;
  dispose(): Promise<void>;
}

export interface RecordRunnerOptions {
  /** Called for float networks only: engines take time to load. */
  readonly engine: () => Promise<Engine>;
  readonly threads?: number;
}

/** Whether a network's activations are integers. Weights alone may be quantized in a float network. */
export function hasIntegerActivations(graph: Graph): boolean {
  return [...graph.tensors.values()].some(({ data, dtype }) => data === undefined && dtype !== 'float32');
}

/**
 * A network with integer activations runs in the int8 executor, bit by bit as TensorFlow Lite Micro's reference kernels do it; a
 * float one in the engine.
 * @throws IsplitError E_HOOK_UNSUPPORTED naming every operator of a float network that the engine cannot run, E_ENGINE,
 * E_ENGINE_MISSING; operators of an integer network that cannot run are named by the first run
 */
export async function createRecordRunner(graph: Graph, options: RecordRunnerOptions): Promise<RecordRunner> {
  const bytesOf = (ids: readonly string[]): number =>
    ids.reduce((sum, id) => {
      const { shape, dtype } = tensorOf(graph, id);
      return sum + elementCount(shape) * bytesPerElement(dtype);
    }, 0);
  const sizes = { inputBytes: bytesOf(graph.inputs), outputBytes: bytesOf(graph.outputs) };
  const threads = options.threads === undefined ? {} : { threads: options.threads };
  if (hasIntegerActivations(graph)) {
    return {
      ...sizes,
      by: 'int8 executor',
      async run(records, count, ctx) {
        const bytes = new Int8Array(records.buffer, records.byteOffset, records.byteLength);
        const results = await runRecords(graph, bytes, count, { ...threads, ctx });
        return new Uint8Array(results.buffer, results.byteOffset, results.byteLength);
      },
      dispose: () => Promise.resolve(),
    };
  }
  const engine = await options.engine();
  const runner = await BatchRunner.create(engine, dequantizeGraph(graph), threads);
  return {
    ...sizes,
    by: engine.description,
    async run(records, count) {
      const inputs = deinterleave(floatsOf(records), count, runner.inputSizes);
      return bytesOfFloats(interleave(await runner.run(inputs, count), count, runner.outputSizes));
    },
    dispose: () => runner.dispose(),
  };
}

/** The same on machines of either byte order; bytes need not be aligned. */
function floatsOf(bytes: Uint8Array): Float32Array {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return Float32Array.from({ length: bytes.length / 4 }, (_, i) => view.getFloat32(4 * i, true));
}

function bytesOfFloats(values: Float32Array): Uint8Array {
  const view = new DataView(new ArrayBuffer(4 * values.length));
  values.forEach((value, i) => {
    view.setFloat32(4 * i, value, true);
  });
  return new Uint8Array(view.buffer);
}

/** Records of several tensors → per tensor all records. */
function deinterleave(values: Float32Array, count: number, sizes: readonly number[]): Float32Array[] {
  const record = sizes.reduce((sum, size) => sum + size, 0);
  let start = 0;
  return sizes.map((size) => {
    const own = new Float32Array(count * size);
    for (let i = 0; i < count; i++) own.set(values.subarray(i * record + start, i * record + start + size), i * size);
    start += size;
    return own;
  });
}

/** Inverse of deinterleave. */
function interleave(parts: readonly Float32Array[], count: number, sizes: readonly number[]): Float32Array {
  const record = sizes.reduce((sum, size) => sum + size, 0);
  const values = new Float32Array(count * record);
  let start = 0;
  sizes.forEach((size, t) => {
    for (let i = 0; i < count; i++) {
      values.set((parts[t] as Float32Array).subarray(i * size, (i + 1) * size), i * record + start);
    }
    start += size;
  });
  return values;
}
