import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { parseJson } from '../core/json.js';
import { writeFilesAtomically } from './write-files.js';

/** Beside the folders that are built; may be deleted at any time. */
export const CACHE_FOLDER = '.isplit-cache';

const HINTS_FILE = 'sources.json';

/** The cache folder of a build folder: `build/.isplit-cache` for `build/fashion-cnn-esp32-s3`. */
export function cacheFolderOf(buildFolder: string): string {
  return path.join(path.dirname(path.resolve(buildFolder)), CACHE_FOLDER);
}

/** Where models and data lay when they were built from. Local hints with absolute paths: never part of what is built. */
export interface SourceHints {
  /** sha256 of the model file → its path. */
  readonly models: Readonly<Record<string, string>>;
  /** Content hash of the data (Dataset.contentSha256) → the options it was opened with. */
  readonly data: Readonly<Record<string, Readonly<Record<string, string | number>>>>;
}

/** Hints beside a build folder; empty when there are none or they cannot be read. Paths may be out of date: check the hash. */
export async function readSourceHints(buildFolder: string): Promise<SourceHints> {
  try {
    const json = parseJson(await readFile(path.join(cacheFolderOf(buildFolder), HINTS_FILE), 'utf8'));
    const { models, data } = json as Partial<SourceHints>;
    const onlyText = Object.entries(models ?? {}).filter(([, value]) => typeof value === 'string');
    const onlyObjects = Object.entries(data ?? {}).filter(([, value]) => typeof value === 'object' && value !== null);
    return { models: Object.fromEntries(onlyText), data: Object.fromEntries(onlyObjects) };
  } catch {
    return { models: {}, data: {} };
  }
}

/** Adds hints to those that are there. @throws IsplitError E_WRITE */
export async function rememberSources(buildFolder: string, hints: SourceHints): Promise<void> {
  const known = await readSourceHints(buildFolder);
  const merged = { models: { ...known.models, ...hints.models }, data: { ...known.data, ...hints.data } };
  await writeFilesAtomically(cacheFolderOf(buildFolder), { [HINTS_FILE]: `${JSON.stringify(merged, null, 2)}\n` });
}
