import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { writeFilesAtomically } from './write-files.js';

/** Results of finished (or half-finished) stages, found again when everything they depend on is the same. */
export interface StageStore {
  /** undefined when there is none, or when it cannot be read. */
  load(stage: string, inputs: unknown): Promise<string | undefined>;
  save(stage: string, inputs: unknown, result: string): Promise<void>;
}

/**
 * A store in a folder: one file a stage and hash of its inputs.
 * @param folder made when the first result is saved
 */
export function openStageStore(folder: string): StageStore {
  const nameOf = (stage: string, inputs: unknown): string =>
    `${stage}-${createHash('sha256').update(JSON.stringify(inputs)).digest('hex').slice(0, 32)}.json`;
  return {
    load: (stage, inputs) => readFile(path.join(folder, nameOf(stage, inputs)), 'utf8').catch(() => undefined),
    async save(stage, inputs, result) {
      await writeFilesAtomically(folder, { [nameOf(stage, inputs)]: result });
    },
  };
}
