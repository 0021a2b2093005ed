import { randomUUID } from 'node:crypto';
import { constants } from 'node:fs';
import { access, mkdir, rename, rm, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { fail, IsplitError } from '../core/errors.js';

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
    for (const name of Object.keys(files)) await checkOutputFile(path.join(folder, name));
    for (const [name, content] of Object.entries(files)) {
      const final = path.join(folder, name);
      const temporary = temporaryName(final);
      pending.push({ temporary, final });
      await writeFile(temporary, content);
    }
    for (const { temporary, final } of pending) await rename(temporary, final);
  } catch (cause) {
    await Promise.all(pending.map(({ temporary }) => rm(temporary, { force: true })));
    if (cause instanceof IsplitError) throw cause;
    failWrite(folder, (cause as NodeJS.ErrnoException).code ?? String(cause));
  }
  return pending.map(({ final }) => final);
}

/** A name beside a file that nothing else has; nobody sees it once the file is there. */
export function temporaryName(file: string): string {
  return `${file}.${randomUUID()}.tmp`;
}

/**
 * Says before the work, not after it, that a folder cannot be written: nothing is made or changed.
 * @throws IsplitError E_WRITE
 */
export async function checkWritable(folder: string): Promise<void> {
  let existing = path.resolve(folder);
  try {
    for (;;) {
      const found = await stat(existing).catch((cause: NodeJS.ErrnoException) => {
        if (cause.code === 'ENOENT') return undefined;
        throw cause;
      });
      if (found) {
        if (!found.isDirectory()) failWrite(folder, 'ENOTDIR');
        return await access(existing, constants.W_OK | constants.X_OK);
      }
      existing = path.dirname(existing);
    }
  } catch (cause) {
    if (cause instanceof IsplitError) throw cause;
    failWrite(folder, (cause as NodeJS.ErrnoException).code ?? String(cause));
  }
}

/**
 * Files are replaced by renaming another one onto them: what is no file (a folder, a device such as /dev/null, a pipe) must not be.
 * @throws IsplitError E_WRITE
 */
export async function checkOutputFile(file: string): Promise<void> {
  const found = await stat(file).catch(() => undefined);
  if (found?.isDirectory() || /[/\\]$/.test(file)) failWrite(file, 'EISDIR');
  if (!found || found.isFile()) return;
  const message = `${file} is a device or a pipe, which would be replaced by a file`;
  fail('E_WRITE', message, { file }, 'Name a file; read it afterwards.');
}

export function failWrite(folder: string, reason: string): never {
  const message = `cannot write to ${folder}: ${reason}`;
  fail('E_WRITE', message, { folder, reason }, 'Check the path, permissions and free disk space.');
}
