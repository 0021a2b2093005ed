import {
  groupByLayer,
  type KerasVariable,
  type KerasWeights,
  type ScopedVariable,
  scopeParts,
  variablesInScope,
} from '../../src/passes/keras/index.js';
import type { H5Object } from './hdf5/file.js';

function variableOf(dataset: H5Object, name: string): KerasVariable {
  return { name, shape: dataset.shape(), read: () => dataset.readFloats() };
}

/** Values of an attribute that h5py cut into `name0`, `name1`, … because it was longer than 64 KiB. */
export function chunkedStrings(object: H5Object, name: string): string[] | undefined {
  const whole = object.strings(name);
  if (whole) return whole;
  if (!object.hasAttribute(`${name}0`)) return undefined;
  const parts: string[] = [];
  for (let i = 0; object.hasAttribute(`${name}${i}`); i++) parts.push(...(object.strings(`${name}${i}`) ?? []));
  return parts;
}

/**
 * Variables in the layout of `model.save('x.h5')`, Keras 2 and 3: group `model_weights` has one group a top-level layer with the attribute
 * `weight_names`; names look like `conv1/kernel:0`, with the names of models around the layer in front.
 */
export class LegacyH5Weights implements KerasWeights {
  readonly #root: H5Object;
  readonly #groups = new Map<string, readonly ScopedVariable[]>();

  readonly #byLayer = new Map<readonly ScopedVariable[], ReadonlyMap<string, readonly ScopedVariable[]>>();

  /** @param root the group `model_weights` */
  constructor(root: H5Object) {
    this.#root = root;
  }

  of(path: readonly string[]): readonly KerasVariable[] {
    const [top, ...inner] = path;
    const all = this.#group(top as string);
    // The whole group of a top-level layer is its own, whatever scope the variables were made in.
    if (inner.length === 0) return all.map((v) => v.variable);
    const byLayer = this.#byLayer.get(all) ?? groupByLayer(all);
    this.#byLayer.set(all, byLayer);
    return variablesInScope(byLayer.get(path.at(-1) ?? '') ?? [], path);
  }

  #group(layer: string): readonly ScopedVariable[] {
    let variables = this.#groups.get(layer);
    if (!variables) {
      const group = this.#root.find(layer);
      variables = (group && chunkedStrings(group, 'weight_names'))?.flatMap((name) => {
        const dataset = group?.find(name);
        if (!dataset?.isDataset) return [];
        const parts = scopeParts(name);
        return [{ parts, variable: variableOf(dataset, parts.at(-1) ?? '') }];
      });
      this.#groups.set(layer, variables ?? []);
    }
    return variables ?? [];
  }
}
