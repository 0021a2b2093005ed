/** Keras files that are well-formed and meant to harm: small on disk, large in memory, slow to walk. */
import { zipSync } from 'fflate';
import { describe, expect, it } from 'vitest';
import { readModel } from '../../converters/index.js';
import { Hdf5Writer, stringAttribute } from './hdf5-file.js';
import { memoryFile, readError } from './model-file.js';

const UNITS = 1000;

/** A chain of dense layers; every kernel is a link to one compressed dataset of zeros. */
function denseChain(layers: number): Uint8Array {
  const h5 = new Hdf5Writer();
  const names = Array.from({ length: layers }, (_, i) => `d${i}`);
  const kernel = h5.zeros([UNITS, UNITS]);
  const members = Object.fromEntries(
    names.map((name) => [name, h5.group({ kernel }, [stringAttribute('weight_names', ['kernel'])])]),
  );
  const config = {
    class_name: 'Sequential',
    config: {
      name: 'chain',
      layers: names.map((name, i) => ({
        class_name: 'Dense',
        config: { name, units: UNITS, use_bias: false, ...(i === 0 ? { batch_input_shape: [null, UNITS] } : {}) },
      })),
    },
  };
  const root = h5.group({ model_weights: h5.group(members) }, [
    stringAttribute('model_config', JSON.stringify(config)),
    stringAttribute('keras_version', '2.15.0'),
  ]);
  return h5.finish(root);
}

describe('Keras files meant to harm', () => {
  it('one dataset under two names is read', async () => {
    const { graph } = await readModel(memoryFile(denseChain(2), 'chain.h5'));
    expect(graph.nodes.map((node) => node.kind)).toEqual(['dense', 'dense']);
  });

  it('one compressed dataset under many names does not fill the memory', async () => {
    const bytes = denseChain(300);
    expect(bytes.length).toBeLessThan(120_000);
    const before = process.memoryUsage().rss;
    const error = await readError(memoryFile(bytes, 'chain.h5'));
    expect(error.code).toBe('E_MODEL_TOO_LARGE');
    expect(error.message).toMatch(/honestly hold/);
    expect(process.memoryUsage().rss - before).toBeLessThan(600 * 2 ** 20);
  });

  it('an archive that unpacks to far more than its size', async () => {
    const zeros = new Uint8Array(160 * 2 ** 20);
    const archive = zipSync({ 'config.json': new TextEncoder().encode('{}'), 'model.weights.h5': zeros }, { level: 9 });
    expect(archive.length).toBeLessThan(200_000);
    const error = await readError(memoryFile(archive, 'bomb.keras'));
    expect(error.code).toBe('E_MODEL_TOO_LARGE');
  });

  it('a group of thousands is not parsed again for each of its members', async () => {
    const h5 = new Hdf5Writer();
    const bias = h5.zeros([1]);
    const names = Array.from({ length: 3000 }, (_, i) => `a/w${i}`);
    const inner = h5.group(Object.fromEntries(names.map((name) => [name.slice(2), bias])));
    // The names of one attribute fill at most 64 KiB.
    const group = h5.group({ a: inner }, [stringAttribute('weight_names', names)]);
    const layers = [{ class_name: 'Dense', config: { name: 'd', units: 1, batch_input_shape: [null, 1] } }];
    const config = { class_name: 'Sequential', config: { name: 's', layers } };
    const root = h5.group({ model_weights: h5.group({ d: group }) }, [
      stringAttribute('model_config', JSON.stringify(config)),
    ]);
    const startedAt = performance.now();
    const error = await readError(memoryFile(h5.finish(root), 'wide.h5'));
    expect(error.code).toBe('E_MODEL_CORRUPT');
    expect(performance.now() - startedAt).toBeLessThan(3000);
  });
});
