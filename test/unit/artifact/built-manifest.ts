import { createHash } from 'node:crypto';
import type { ArtifactManifest } from '../../../src/artifact/manifest.js';
import { serialiseManifest, splitFacts } from '../../../src/artifact/parse-manifest.js';
import { computeSplitId } from '../../../src/artifact/split-id.js';

export const sha256 = (content: string | Uint8Array): string => createHash('sha256').update(content).digest('hex');

/** Files of a small build: contents are not what their names say, only their hashes matter here. */
export const FILES: Readonly<Record<string, string>> = {
  'head.tflite': 'head',
  'plan.json': '{}',
  'tail-tfjs/model.json': '{"format":"graph-model"}',
  'tail.onnx': 'tail',
};

/** A valid manifest of FILES. */
export function exampleManifest(change: Partial<ArtifactManifest> = {}): ArtifactManifest {
  const draft: Omit<ArtifactManifest, 'splitId'> = {
    schemaVersion: 1,
    tool: { name: 'isplit-edge', version: '0.0.0' },
    seed: 0,
    model: { name: 'net.h5', format: 'keras', description: 'Keras', sha256: sha256('model') },
    cut: 'pool1',
    bottleneck: null,
    classes: ['cat', 'dog'],
    preprocessing: {
      version: 1,
      crop: { kind: 'none' },
      resize: 'none',
      colour: 'grey',
      height: 8,
      width: 8,
      channels: 1,
      mean: [0],
      std: [255],
    },
    input: { shape: [8, 8, 1], scale: 1 / 255, zeroPoint: -128 },
    wire: [
      {
        id: 'pool1',
        shape: [2, 2, 3],
        dtype: 'int8',
        scale: 0.0625,
        zeroPoint: -128,
        codec: { id: 'raw' },
        bits: 8,
        bytes: 12,
      },
    ],
    device: { id: 'esp32-s3', link: 'wifi-mqtt', template: 'esp-idf', kernelLibrary: 'esp-nn' },
    budgets: { asked: { totalBytes: 300_000 }, met: { flashBytes: 100, ramBytes: 200 } },
    arena: { plannedBytes: 128, tfliteMicroBytes: [256, 512] },
    operators: ['CONV_2D', 'MAX_POOL_2D'],
    accuracy: {
      full: 0.9,
      splitFloat: 0.9,
      splitInt8: 0.89,
      intervals: { full: [0.8, 0.95], splitFloat: [0.8, 0.95], splitInt8: [0.79, 0.94] },
      samples: 100,
      on: 'held-out',
      data: { name: 'samples', sha256: sha256('data') },
    },
    calibration: { samples: 64, data: { name: 'samples', sha256: sha256('data') } },
    files: Object.fromEntries(Object.entries(FILES).map(([name, content]) => [name, sha256(content)])),
    ...change,
  };
  return { splitId: computeSplitId(splitFacts(draft)), ...draft };
}

/** All files of the small build. */
export function exampleBuild(change: Partial<ArtifactManifest> = {}): Record<string, string> {
  return { ...FILES, 'manifest.json': serialiseManifest(exampleManifest(change)) };
}
