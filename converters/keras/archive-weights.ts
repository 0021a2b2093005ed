import type { KerasLayer, KerasModel, KerasVariable, KerasWeights } from '../../src/passes/keras/index.js';
import type { H5Object } from './hdf5/file.js';

/** Folder of a model's layers: Keras 3 and the `.keras` files of Keras 2.12 to 2.15. */
const LAYER_FOLDERS = ['layers', '_layer_checkpoint_dependencies'];

/**
 * Variables in the layout of `model.weights.h5` inside a `.keras` archive: `layers/<folder>/vars/0…`, nested models below
 * their own folder. Folders are called after the class (`conv2d`, `conv2d_1`), in the order of the layers; Keras 3 also
 * writes the layer's name as an attribute, which is used when it is there.
 */
export class ArchiveWeights implements KerasWeights {
  readonly #root: H5Object;
  readonly #model: KerasModel;
  readonly #folders = new Map<KerasModel, ReadonlyMap<string, H5Object>>();

  constructor(root: H5Object, model: KerasModel) {
    this.#root = root;
    this.#model = model;
  }

  of(path: readonly string[]): readonly KerasVariable[] {
    let at: H5Object | undefined = this.#root;
    let model: KerasModel | undefined = this.#model;
    for (const name of path) {
      if (!at || !model) return [];
      const folders: ReadonlyMap<string, H5Object> = this.#foldersOf(model, at);
      at = folders.get(name);
      model = model.layers.find((layer) => layer.name === name)?.model;
    }
    const vars = at?.find('vars');
    if (!vars) return [];
    // Names are 0, 1, …, which the file's index sorts as text.
    const names = vars.names().filter((name) => /^\d+$/.test(name));
    names.sort((a, b) => Number(a) - Number(b));
    return names.flatMap((name) => {
      const dataset = vars.find(name);
      return dataset?.isDataset ? [{ name: '', shape: dataset.shape(), read: () => dataset.readFloats() }] : [];
    });
  }

  #foldersOf(model: KerasModel, at: H5Object): ReadonlyMap<string, H5Object> {
    const known = this.#folders.get(model);
    if (known) return known;
    const parent = LAYER_FOLDERS.map((name) => at.find(name)).find((group) => group !== undefined);
    const folders = new Map<string, H5Object>();
    if (parent) {
      const byName = new Map<string, H5Object>();
      const byFolder = new Map<string, H5Object>();
      for (const name of parent.names()) {
        const group = parent.find(name);
        if (!group) continue;
        byFolder.set(name, group);
        const layer = group.find('vars')?.strings('name')?.[0];
        if (layer !== undefined) byName.set(layer, group);
      }
      const folderOf = folderNames(model.layers);
      for (const layer of model.layers) {
        const group = byName.get(layer.name) ?? byFolder.get(folderOf.get(layer) ?? '');
        if (group) folders.set(layer.name, group);
      }
    }
    this.#folders.set(model, folders);
    return folders;
  }
}

/** Folder of each layer as Keras chooses it: snake-case class name, numbered from the second on. */
function folderNames(layers: readonly KerasLayer[]): Map<KerasLayer, string> {
  const used = new Map<string, number>();
  const names = new Map<KerasLayer, string>();
  for (const layer of layers) {
    if (/^keras\.src\.(ops|activations)(\.|$)/.test(layer.module)) continue; // operations are no layers
    const base = snakeCase(layer.className);
    const n = used.get(base) ?? 0;
    used.set(base, n + 1);
    names.set(layer, n === 0 ? base : `${base}_${n}`);
  }
  return names;
}

/** `DepthwiseConv2D` → `depthwise_conv2d`, `ReLU` → `re_lu`. Source: keras.utils.naming.to_snake_case. */
export function snakeCase(name: string): string {
  return name
    .replace(/\W+/g, '')
    .replace(/(.)([A-Z][a-z]+)/g, '$1_$2')
    .replace(/([a-z])([A-Z])/g, '$1_$2')
    .toLowerCase();
}
