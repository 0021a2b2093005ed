import {
  buildKerasGraph,
  groupByLayer,
  isObject,
  type JsonObject,
  type KerasGraph,
  type KerasWeights,
  own,
  parseKerasModel,
  scopeParts,
  variablesInScope,
} from '../../src/passes/keras/index.js';
import type { TfjsWeight } from './manifest.js';

/**
 * A layers-model: the Keras configuration, as TF.js writes it or as the converter copied it from Keras
 * (`modelTopology.model_config`), with weights called `layer/kernel`.
 */
export function readLayersModel(topology: JsonObject, weights: ReadonlyMap<string, TfjsWeight>): KerasGraph {
  const copied = own(topology, 'model_config');
  const model = parseKerasModel(isObject(copied) ? copied : topology);
  const scoped = [...weights.values()].map((weight) => {
    const parts = scopeParts(weight.name);
    const variable = { name: parts.at(-1) ?? '', shape: weight.shape, read: () => weight.read() };
    return { parts, variable };
  });
  const byLayer = groupByLayer(scoped);
  const source: KerasWeights = { of: (path) => variablesInScope(byLayer.get(path.at(-1) ?? '') ?? [], path) };
  // TF.js resizes with corner-aligned samples and clips hard_sigmoid as Keras 2 does.
  return buildKerasGraph(model, source, { kerasMajor: 2, bilinearHalfPixel: false });
}
