import { throwIfAborted } from '../../src/core/context.js';
import { fail } from '../../src/core/errors.js';
import { parseJson } from '../../src/core/json.js';
import { formatBytes } from '../../src/core/units.js';
import { isObject, type JsonObject, own } from '../../src/passes/keras/index.js';
import type { FormatReader, ModelFile, ReadModel } from '../format.js';
import { readGraphModel } from './graph-model.js';
import { readLayersModel } from './layers-model.js';
import { readManifest } from './manifest.js';

/** The topology alone; weights lie in shards. */
const MAX_JSON_BYTES = 256 * 1024 ** 2;

/** Models of TensorFlow.js: `model.json` with weight shards beside it, layers-models and graph-models. */
export const tfjsReader: FormatReader = {
  id: 'tfjs',
  label: 'TensorFlow.js',
  claims: (file) => looksLikeModelJson(file.bytes),
  async read(file, ctx) {
    throwIfAborted(ctx);
    if (file.bytes.length > MAX_JSON_BYTES) {
      const message = `${file.name} has ${formatBytes(file.bytes.length)}, the limit is ${formatBytes(MAX_JSON_BYTES)}`;
      fail('E_MODEL_TOO_LARGE', message, { file: file.name, bytes: file.bytes.length, limit: MAX_JSON_BYTES });
    }
    return readModelJson(file, parseFile(file));
  },
};

async function readModelJson(file: ModelFile, json: JsonObject): Promise<ReadModel> {
  const topology = own(json, 'modelTopology');
  if (!isObject(topology)) {
    const hint = 'Convert or save the model again with its topology, not only its weights.';
    fail(
      'E_MODEL_CORRUPT',
      `${file.name} has no modelTopology: it describes weights, but no network`,
      { file: file.name },
      hint,
    );
  }
  const weights = await readManifest(own(json, 'weightsManifest'), file);
  const maker = own(json, 'convertedBy') ?? own(json, 'generatedBy');
  const by = typeof maker === 'string' && maker !== '' ? ` (${maker.slice(0, 60)})` : '';
  if (own(json, 'format') === 'graph-model' || own(topology, 'node') !== undefined) {
    const user = own(json, 'userDefinedMetadata');
    const signature = own(json, 'signature') ?? (isObject(user) ? own(user, 'signature') : undefined);
    const graph = await readGraphModel(topology, signature, weights, file.name);
    return { graph, description: `TF.js graph-model${by}`, warnings: [] };
  }
  const { graph, warnings } = readLayersModel(topology, weights);
  return { graph, description: `TF.js layers-model${by}`, warnings };
}

function parseFile(file: ModelFile): JsonObject {
  let json: unknown;
  try {
    json = parseJson(new TextDecoder().decode(file.bytes));
  } catch (error) {
    fail('E_MODEL_CORRUPT', `${file.name} is not JSON (${(error as Error).message.slice(0, 120)})`, {
      file: file.name,
    });
  }
  if (!isObject(json)) fail('E_MODEL_CORRUPT', `${file.name} is no JSON object`, { file: file.name });
  return json;
}

/** A JSON object that names one of the two parts of a model.json near its beginning or end. */
function looksLikeModelJson(bytes: Uint8Array): boolean {
  let at = 0;
  if (bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf) at = 3;
  while (at < 1024 && [0x20, 0x09, 0x0a, 0x0d].includes(bytes[at] as number)) at++;
  if (bytes[at] !== 0x7b) return false;
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, Math.min(bytes.length, MAX_JSON_BYTES));
  return text.includes('"modelTopology"') || text.includes('"weightsManifest"');
}
