/** Keras layer configurations → Graph: what the keras reader and the tfjs layers-model reader share. */
export { buildKerasGraph, type KerasGraph } from './build-graph.js';
export type { Dialect } from './layer-call.js';
export { isObject, type Json, type JsonObject, own } from './layer-config.js';
export { SUPPORTED_LAYERS } from './layers/index.js';
export { type KerasLayer, type KerasModel, parseKerasModel } from './model-config.js';
export { hwioToOhwi, hwoiToOhwi, transposeMatrix } from './weight-layout.js';
export {
  groupByLayer,
  type KerasVariable,
  type KerasWeights,
  type ScopedVariable,
  scopeParts,
  variablesInScope,
} from './weights.js';
