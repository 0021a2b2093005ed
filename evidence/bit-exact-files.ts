import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { decodeTflite } from '../converters/tflite/decode.js';
import { parseTflite, type TfliteModel } from '../converters/tflite/parse.js';
import { createRandom } from '../src/core/random.js';
import { elementCount } from '../src/ir/graph.js';
import { runRecords } from '../src/quantize/run-records.js';
import { oraclePython, repositoryRoot } from '../test/support/shared-data.js';
import { askTflm } from '../test/support/tflm-records.js';
import type { Evidence } from './evidence.js';
import { missingSharedData, sharedData } from './shared-data.js';

/** One file in our executor and in TensorFlow Lite Micro. */
export type FileComparison =
  | { readonly name: string; readonly records: number; readonly bytes: number; readonly differing: number }
  /** TensorFlow Lite Micro does not run it, so there is nothing to compare with. */
  | { readonly name: string; readonly refused: string };

export interface BitExactEvidence {
  readonly runtime: string;
  /** Outputs recorded from TensorFlow Lite Micro's C++ sources. */
  readonly goldens: readonly FileComparison[];
  /** Every int8 file, on random records, against its PyPI wheel. */
  readonly files: readonly FileComparison[];
}

const GOLDENS: Readonly<Record<string, string>> = {
  ic_resnet8_int8: 'mlperf-tiny/ic_resnet8_int8.tflite',
  person_detect: 'tflm/person_detect.tflite',
  hello_world_int8: 'tflm/hello_world_int8.tflite',
};

/** Signal-processing operators on int16 and strings of state: no network. */
const NO_NETWORK = 'tflm/audio_preprocessor_int8.tflite';

async function runOurs(file: Uint8Array, name: string, records: Uint8Array, count: number): Promise<Uint8Array> {
  const graph = decodeTflite(parseTflite(file), name, file.length);
  const outputs = await runRecords(graph, new Int8Array(records.buffer, records.byteOffset, records.length), count);
  return new Uint8Array(outputs.buffer, outputs.byteOffset, outputs.length);
}

function compare(name: string, records: number, ours: Uint8Array, theirs: Uint8Array): FileComparison {
  let differing = Math.abs(ours.length - theirs.length);
  for (let i = 0; i < Math.min(ours.length, theirs.length); i++) if (ours[i] !== theirs[i]) differing++;
  return { name, records, bytes: theirs.length, differing };
}

export async function compareGoldens(): Promise<FileComparison[]> {
  const results: FileComparison[] = [];
  for (const [name, model] of Object.entries(GOLDENS)) {
    const folder = sharedData(`golden/${name}`);
    const read = (file: string): Uint8Array => new Uint8Array(readFileSync(path.join(folder, file)));
    const { count } = JSON.parse(readFileSync(path.join(folder, 'golden.json'), 'utf8')) as { count: number };
    const file = new Uint8Array(readFileSync(sharedData(`models/${model}`)));
    const ours = await runOurs(file, name, read('inputs.bin'), count);
    results.push(compare(name, count, ours, read('outputs.bin')));
  }
  return results;
}

/** Bytes of one record when every input and output is int8, else undefined. */
function int8RecordBytes(model: TfliteModel): number | undefined {
  const tensors = [...model.inputs, ...model.outputs].map((i) => model.tensors[i]);
  if (tensors.some((t) => t?.type !== 'INT8')) return undefined;
  return model.inputs.reduce((sum, i) => sum + elementCount(model.tensors[i]?.shape ?? []), 0);
}

/** Every int8 .tflite of the shared models on `count` random records. */
export async function compareFiles(count: number): Promise<FileComparison[]> {
  const root = sharedData('models');
  const names = readdirSync(root, { recursive: true, encoding: 'utf8' })
    .map((name) => name.split(path.sep).join('/'))
    .filter((name) => name.endsWith('.tflite') && name !== NO_NETWORK)
    .sort();
  const results: FileComparison[] = [];
  for (const name of names) {
    const model = new Uint8Array(readFileSync(path.join(root, name)));
    const bytes = int8RecordBytes(parseTflite(model));
    if (bytes === undefined) continue;
    const random = createRandom(results.length);
    const records = Uint8Array.from({ length: count * bytes }, () => random.int(256));
    const [answer] = askTflm([{ model, records, count }]);
    if (!answer || 'error' in answer) results.push({ name, refused: answer?.error ?? 'no answer' });
    else results.push(compare(name, count, await runOurs(model, name, records, count), answer.outputs));
  }
  return results;
}

export const bitExactFiles: Evidence = {
  name: 'bit-exact-files',
  summary: 'int8 .tflite files in our executor and in TensorFlow Lite Micro: bytes that differ',
  missing() {
    return missingSharedData() ?? (oraclePython() ? undefined : 'needs the Python oracles: run `npm test` once');
  },
  async run(report): Promise<BitExactEvidence> {
    const goldens = await compareGoldens();
    const files = await compareFiles(64);
    for (const f of [...goldens, ...files]) {
      report('refused' in f ? `${f.name}: ${f.refused}` : `${f.name}: ${f.differing} of ${f.bytes} bytes differ`);
    }
    const pins = readFileSync(path.join(repositoryRoot, 'test/oracles/requirements.txt'), 'utf8');
    return { runtime: /^tflite-micro==\S+/m.exec(pins)?.[0] ?? 'tflite-micro', goldens, files };
  },
};
