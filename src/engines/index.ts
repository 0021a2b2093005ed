import type { Engine } from './engine.js';
import { createOnnxEngine } from './onnx.js';
import { createTfjsEngine } from './tfjs.js';

export const ENGINE_CHOICES = ['onnx', 'tfjs', 'tfjs-node', 'tfjs-wasm', 'tfjs-cpu'] as const;
export type EngineChoice = (typeof ENGINE_CHOICES)[number];

/** @throws IsplitError E_ENGINE_MISSING when the engine asked for is not installed */
export function createEngine(choice: EngineChoice): Promise<Engine> {
  return choice === 'onnx' ? createOnnxEngine() : createTfjsEngine(choice);
}
