import { type FileHandle, mkdir, open, rename, rm } from 'node:fs/promises';
import path from 'node:path';
import { IsplitError } from '../core/errors.js';
import { checkOutputFile, failWrite, temporaryName } from './write-files.js';

/**
 * Writes a file piece by piece so that a reader sees either the old or the whole new content: it grows beside its place and is
 * renamed when the last piece is there. When making a piece fails, nothing is left.
 * @param file its folder is made when missing
 * @returns bytes written
 * @throws IsplitError E_WRITE, and what the pieces throw
 */
export async function writeStreamAtomically(file: string, pieces: AsyncIterable<Uint8Array>): Promise<number> {
  await checkOutputFile(file);
  const temporary = temporaryName(file);
  let handle: FileHandle | undefined;
  let bytes = 0;
  try {
    await mkdir(path.dirname(file), { recursive: true });
    handle = await open(temporary, 'wx');
    for await (const piece of pieces) {
      await handle.appendFile(piece);
      bytes += piece.length;
    }
    await handle.close();
    handle = undefined;
    await rename(temporary, file);
    return bytes;
  } catch (cause) {
    await handle?.close().catch(() => undefined);
    await rm(temporary, { force: true }).catch(() => undefined);
    const { code } = cause as NodeJS.ErrnoException;
    if (cause instanceof IsplitError || code === undefined) throw cause;
    failWrite(file, code);
  }
}
