/** Seeds for running mutants: the .tflite files among the readers' seeds, and a whole int8 network as our writer writes it. */
import { writeTflite } from '../../converters/tflite/write.js';
import { quantizeRoughly } from '../../evidence/arena.js';
import { dsCnn } from '../../models/ds-cnn/build.js';
import { normaliseGraph } from '../../src/passes/normalise.js';
import type { FuzzFile } from './fuzz-file.js';
import { listSeeds, type Seed } from './seeds.js';

export function listRunSeeds(): readonly Seed[] {
  const read = listSeeds().filter((seed) => seed.reader === 'tflite');
  const [first] = read;
  if (!first) throw new Error('there are no .tflite seeds');
  let written: FuzzFile | undefined;
  const load = (): FuzzFile => {
    written ??= { bytes: writeNetwork(), siblings: {} };
    return written;
  };
  return [{ ...first, name: 'written-int8.tflite', fileName: 'written-int8.tflite', shared: false, load }, ...read];
}

/** Convolution, depthwise, pooling or mean, fully connected, softmax. */
function writeNetwork(): Uint8Array {
  const graph = dsCnn.build({ inputShape: [12, 10, 1], classes: 4, seed: 0 });
  return writeTflite(quantizeRoughly(normaliseGraph(graph)));
}
