import { createHash } from 'node:crypto';
import { readFile, stat } from 'node:fs/promises';
import path from 'node:path';
import { fail } from '../core/errors.js';
import { parseJson } from '../core/json.js';

/** Larger model files are refused: their weights would not fit the engines' own limits. */
export const MAX_MODEL_BYTES = 2 * 1024 ** 3;

export interface OpenedFile {
  readonly name: string;
  readonly bytes: Uint8Array;
  readonly sha256: string;
  sibling(name: string): Promise<Uint8Array>;
}

/**
 * Reads a model file (or model.json inside a folder) and gives access to the files beside it.
 * @throws IsplitError E_MODEL_READ, E_MODEL_TOO_LARGE
 */
export async function openModelFile(file: string): Promise<OpenedFile> {
  const target = await resolveFolder(file);
  const bytes = await readBounded(target);
  const folder = path.dirname(target);
  return {
    name: path.basename(target),
    bytes,
    sha256: createHash('sha256').update(bytes).digest('hex'),
    sibling(name) {
      if (name === '' || path.basename(name) !== name || name === '..' || name === '.') {
        fail('E_MODEL_READ', `the model names "${name}", which is no file beside it`, {
          file: path.basename(target),
          sibling: name,
        });
      }
      return readBounded(path.join(folder, name));
    },
  };
}

/** The JSON beside a model file, undefined when there is none. @throws IsplitError E_CARD_INVALID when it is no JSON */
export async function readJsonBeside(file: string, name: string): Promise<unknown> {
  const target = path.join(path.dirname(await resolveFolder(file)), name);
  let text: string;
  try {
    text = await readFile(target, 'utf8');
  } catch {
    return undefined;
  }
  try {
    return parseJson(text);
  } catch (cause) {
    fail('E_CARD_INVALID', `${name} beside the model is not JSON: ${(cause as Error).message}`, { file: name });
  }
}

async function resolveFolder(file: string): Promise<string> {
  const info = await stat(file).catch((cause: NodeJS.ErrnoException) => failRead(file, cause));
  if (!info.isDirectory()) return file;
  const isSavedModel = await stat(path.join(file, 'saved_model.pb')).then(
    () => true,
    () => false,
  );
  if (isSavedModel) {
    fail(
      'E_MODEL_FORMAT',
      `${path.basename(file)} is a TensorFlow SavedModel, which is not read`,
      { folder: path.basename(file) },
      'Save it as .h5 or .keras, or convert it with tf2onnx or the TFLite converter.',
    );
  }
  return path.join(file, 'model.json');
}

async function readBounded(file: string): Promise<Uint8Array> {
  try {
    const { size } = await stat(file);
    if (size > MAX_MODEL_BYTES) {
      fail('E_MODEL_TOO_LARGE', `${path.basename(file)} has ${size} bytes, the limit is ${MAX_MODEL_BYTES}`, {
        bytes: size,
        limit: MAX_MODEL_BYTES,
      });
    }
    return await readFile(file);
  } catch (cause) {
    if (cause instanceof Error && cause.name === 'IsplitError') throw cause;
    return failRead(file, cause as NodeJS.ErrnoException);
  }
}

function failRead(file: string, cause: NodeJS.ErrnoException): never {
  fail(
    'E_MODEL_READ',
    `cannot read ${file}: ${cause.code ?? cause.message}`,
    { file: path.basename(file), reason: cause.code ?? cause.message },
    'Check the path; a TF.js model needs its weight shards beside model.json.',
  );
}
