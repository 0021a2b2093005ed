import { throwIfAborted } from '../../src/core/context.js';
import { fail } from '../../src/core/errors.js';
import { parseJson } from '../../src/core/json.js';
import { formatBytes } from '../../src/core/units.js';
import { buildKerasGraph, isObject, own, parseKerasModel } from '../../src/passes/keras/index.js';
import type { FormatReader, ModelFile, ReadModel } from '../format.js';
import { ArchiveWeights } from './archive-weights.js';
import { chunkedStrings, LegacyH5Weights } from './h5-weights.js';
import { H5File, isHdf5 } from './hdf5/file.js';
import { isZip, unzipNamed } from './zip.js';

const MAX_FILE_BYTES = 2 * 1024 ** 3;
/** Weights hardly compress: an archive that unpacks to more than this many times its size (and more than a little) is a bomb. */
const MAX_UNPACKED_RATIO = 64;
const SMALL_UNPACKED_BYTES = 128 * 1024 ** 2;
const ARCHIVE_FILES = ['config.json', 'metadata.json', 'model.weights.h5'];

/** Whole models saved by Keras 2 and 3: HDF5 (`.h5`) and the zip archive (`.keras`). */
export const kerasReader: FormatReader = {
  id: 'keras',
  label: 'Keras',
  claims: (file) => isHdf5(file.bytes) || (isZip(file.bytes) && holdsName(file.bytes, 'config.json')),
  async read(file, ctx) {
    throwIfAborted(ctx);
    if (file.bytes.length > MAX_FILE_BYTES) {
      const message = `${file.name} has ${formatBytes(file.bytes.length)}, the limit is ${formatBytes(MAX_FILE_BYTES)}`;
      fail('E_MODEL_TOO_LARGE', message, { file: file.name, bytes: file.bytes.length, limit: MAX_FILE_BYTES });
    }
    return isHdf5(file.bytes) ? readH5(file) : readArchive(file);
  },
};

function readH5(file: ModelFile): ReadModel {
  const h5 = new H5File(file.bytes, file.name);
  const json = chunkedStrings(h5.root, 'model_config')?.join('');
  if (json === undefined) {
    fail(
      'E_MODEL_FORMAT',
      `${file.name} is an HDF5 file without the attribute model_config: it holds weights or data, but no network`,
      { file: file.name },
      'Save the whole model with model.save(), not model.save_weights().',
    );
  }
  const weights = h5.root.find('model_weights');
  if (!weights) fail('E_MODEL_CORRUPT', `${file.name} has no group model_weights`, { file: file.name });
  const version = h5.root.strings('keras_version')?.[0] ?? weights.strings('keras_version')?.[0] ?? '2';
  const model = parseKerasModel(parsePart(json, file.name, 'model_config'));
  const { graph, warnings } = buildKerasGraph(model, new LegacyH5Weights(weights), dialectOf(version));
  const notes = h5.root.names().includes('optimizer_weights') ? ['ignored the optimizer state'] : [];
  return { graph, description: `Keras ${version} h5`, warnings: [...notes, ...warnings] };
}

function readArchive(file: ModelFile): ReadModel {
  const maxBytes = Math.min(MAX_FILE_BYTES, MAX_UNPACKED_RATIO * file.bytes.length + SMALL_UNPACKED_BYTES);
  const files = unzipNamed(file.bytes, ARCHIVE_FILES, file.name, maxBytes);
  const config = files.get('config.json');
  const weights = files.get('model.weights.h5');
  if (!config || !weights) {
    const missing = config ? 'model.weights.h5' : 'config.json';
    fail('E_MODEL_CORRUPT', `${file.name} lacks ${missing}`, { file: file.name, missing });
  }
  const metadata = files.get('metadata.json');
  const version = metadata ? versionOf(parsePart(decode(metadata), file.name, 'metadata.json')) : '3';
  const model = parseKerasModel(parsePart(decode(config), file.name, 'config.json'));
  const h5 = new H5File(weights, `${file.name}/model.weights.h5`);
  const { graph, warnings } = buildKerasGraph(model, new ArchiveWeights(h5.root, model), dialectOf(version));
  const notes = h5.root.names().includes('optimizer') ? ['ignored the optimizer state'] : [];
  return { graph, description: `Keras ${version} archive`, warnings: [...notes, ...warnings] };
}

const decode = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);

function versionOf(metadata: unknown): string {
  const version = isObject(metadata) ? own(metadata, 'keras_version') : undefined;
  return typeof version === 'string' && /^[\w.+-]{1,40}$/.test(version) ? version : '3';
}

function dialectOf(version: string): { kerasMajor: 2 | 3; bilinearHalfPixel: boolean } {
  return { kerasMajor: /^[012]\./.test(version) || version === '2' ? 2 : 3, bilinearHalfPixel: true };
}

function parsePart(text: string, file: string, part: string): unknown {
  try {
    return parseJson(text);
  } catch (error) {
    return fail('E_MODEL_CORRUPT', `${file}: ${part} is not JSON (${(error as Error).message})`, { file, part });
  }
}

/** Looks for a file name in a zip's directory without reading it properly: cheap, and damage is reported by reading. */
function holdsName(bytes: Uint8Array, name: string): boolean {
  const tail = bytes.subarray(Math.max(0, bytes.length - 65_536));
  return [bytes.subarray(0, 65_536), tail].some((part) =>
    Buffer.from(part.buffer, part.byteOffset, part.length).includes(name),
  );
}
