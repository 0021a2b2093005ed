import { createHash } from 'node:crypto';
import { readdir, readFile, rm, stat } from 'node:fs/promises';
import path from 'node:path';
import { parseJson } from '../core/json.js';
import { writeFilesAtomically } from './write-files.js';

/** Results of finished (or half-finished) stages, found again when everything they depend on is the same. */
export interface StageStore {
  /** JSON; undefined when there is none, or when it cannot be read. */
  load(stage: string, inputs: unknown): Promise<string | undefined>;
  save(stage: string, inputs: unknown, result: string): Promise<void>;
  /** The same for binary results; undefined as well when the bytes are not those that were saved. */
  loadBytes(stage: string, inputs: unknown): Promise<Uint8Array | undefined>;
  saveBytes(stage: string, inputs: unknown, result: Uint8Array): Promise<void>;
}

const HASH_BYTES = 32;
const STALE_MS = 3_600_000;

/**
 * A store in a folder: one file a stage and hash of its inputs. Binary results carry their own sha256 in front.
 * @param folder made when the first result is saved
 */
export function openStageStore(folder: string): StageStore {
  const nameOf = (stage: string, inputs: unknown, extension: string): string =>
    `${stage}-${createHash('sha256').update(JSON.stringify(inputs)).digest('hex').slice(0, 32)}.${extension}`;
  return {
    async load(stage, inputs) {
      const text = await readFile(path.join(folder, nameOf(stage, inputs, 'json')), 'utf8').catch(() => undefined);
      return text === undefined || !isJson(text) ? undefined : text;
    },
    async save(stage, inputs, result) {
      await writeFilesAtomically(folder, { [nameOf(stage, inputs, 'json')]: result });
    },
    async loadBytes(stage, inputs) {
      const found = await readFile(path.join(folder, nameOf(stage, inputs, 'bin'))).catch(() => undefined);
      if (found === undefined || found.length < HASH_BYTES) return undefined;
      const content = found.subarray(HASH_BYTES);
      return hashOf(content).equals(found.subarray(0, HASH_BYTES)) ? content : undefined;
    },
    async saveBytes(stage, inputs, result) {
      const file = new Uint8Array(HASH_BYTES + result.length);
      file.set(hashOf(result));
      file.set(result, HASH_BYTES);
      await writeFilesAtomically(folder, { [nameOf(stage, inputs, 'bin')]: file });
    },
  };
}

/** A file that was cut short is none. */
function isJson(text: string): boolean {
  try {
    parseJson(text);
    return true;
  } catch {
    return false;
  }
}

function hashOf(bytes: Uint8Array): Buffer {
  return createHash('sha256').update(bytes).digest();
}

/** Removes half-written files of runs that were killed: those that are older than an hour. */
export async function removeStaleTemporaries(folder: string): Promise<void> {
  const names = await readdir(folder).catch(() => [] as string[]);
  for (const name of names) {
    if (!name.endsWith('.tmp')) continue;
    const file = path.join(folder, name);
    const info = await stat(file).catch(() => undefined);
    if (info && Date.now() - info.mtimeMs > STALE_MS) await rm(file, { force: true });
  }
}
