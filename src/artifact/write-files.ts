import { randomUUID } from 'node:crypto';
import { mkdir, rename, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { fail } from '../core/errors.js';

/**
 * Writes files so that a reader sees either the old or the new content, never half of it: each is written beside its place
 * and renamed, and none is renamed before all are written.
 * @param folder made when missing
 * @throws IsplitError E_WRITE
 */
export async function writeFilesAtomically(
  folder: string,
  files: Readonly<Record<string, string | Uint8Array>>,
): Promise<string[]> {
  const pending: { temporary: string; final: string }[] = [];
  try {
    await mkdir(folder, { recursive: true });
    for (const [name, content] of Object.entries(files)) {
      const final = path.join(folder, name);
      const temporary = `${final}.${randomUUID()}.tmp`;
      pending.push({ temporary, final });
      await writeFile(temporary, content);
    }
    for (const { temporary, final } of pending) await rename(temporary, final);
  } catch (cause) {
    await Promise.all(pending.map(({ temporary }) => rm(temporary, { force: true })));
    const reason = (cause as NodeJS.ErrnoException).code ?? String(cause);
    fail(
      'E_WRITE',
      `cannot write to ${folder}: ${reason}`,
      { folder, reason },
      'Check the path, permissions and free disk space.',
    );
  }
  return pending.map(({ final }) => final);
}
