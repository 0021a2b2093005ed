/** The library and how its sessions are set up. */
import { availableParallelism } from 'node:os';
import type { InferenceSession } from 'onnxruntime-node';
import { fail } from '../core/errors.js';

export type Ort = typeof import('onnxruntime-node');

/** onnxruntime-node, loaded when it is first needed. @throws IsplitError E_ENGINE_MISSING */
export async function loadOnnxruntime(): Promise<Ort> {
  try {
    const loaded = await import('onnxruntime-node');
    return (loaded as { default?: Ort }).default ?? loaded;
  } catch (cause) {
    fail(
      'E_ENGINE_MISSING',
      `onnxruntime-node cannot be loaded: ${cause instanceof Error ? cause.message.split('\n')[0] : String(cause)}`,
      { engine: 'onnx' },
      'Set ONNXRUNTIME_NODE_INSTALL=skip and run npm install again, or use --engine tfjs.',
    );
  }
}

/** How sessions run; results are the same for every graph of a process. */
export function sessionOptions(threads: number | undefined, optimise = true): InferenceSession.SessionOptions {
  return {
    graphOptimizationLevel: optimise ? 'all' : 'basic',
    intraOpNumThreads: threads ?? availableParallelism(),
    interOpNumThreads: 1,
    executionMode: 'sequential',
    // Waiting threads sleep: spinning ones take the cores from other programs and, on a busy machine, from each other.
    extra: { session: { intra_op: { allow_spinning: '0' } } },
    logSeverityLevel: 3,
  };
}
