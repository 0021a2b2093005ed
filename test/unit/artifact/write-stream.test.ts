import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { writeStreamAtomically } from '../../../src/artifact/write-stream.js';

const folder = mkdtempSync(path.join(tmpdir(), 'isplit-stream-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const at = (name: string): string => path.join(folder, name);

async function* pieces(...list: readonly (string | Error)[]): AsyncGenerator<Uint8Array> {
  for (const piece of list) {
    if (piece instanceof Error) throw piece;
    yield new TextEncoder().encode(piece);
  }
}

describe('writeStreamAtomically', () => {
  it('shows the old content until the last piece is written', async () => {
    writeFileSync(at('a.txt'), 'old');
    const seen: string[] = [];
    const watched = async function* (): AsyncGenerator<Uint8Array> {
      for await (const piece of pieces('one ', 'two ', 'three')) {
        yield piece;
        seen.push(readFileSync(at('a.txt'), 'utf8'));
      }
    };
    expect(await writeStreamAtomically(at('a.txt'), watched())).toBe(13);
    expect(seen).toEqual(['old', 'old', 'old']);
    expect(readFileSync(at('a.txt'), 'utf8')).toBe('one two three');
  });

  it('leaves nothing behind when a piece fails, and passes the error on', async () => {
    writeFileSync(at('b.txt'), 'old');
    const failing = writeStreamAtomically(at('b.txt'), pieces('half', new RangeError('broken')));
    await expect(failing).rejects.toThrow('broken');
    expect(readFileSync(at('b.txt'), 'utf8')).toBe('old');
    expect(readdirSync(folder).filter((name) => name.includes('tmp'))).toEqual([]);
  });

  it('makes folders, and says why it cannot write', async () => {
    await writeStreamAtomically(at('deep/er/c.txt'), pieces('c'));
    expect(readFileSync(at('deep/er/c.txt'), 'utf8')).toBe('c');
    await expect(writeStreamAtomically(at('a.txt/d.txt'), pieces('d'))).rejects.toMatchObject({ code: 'E_WRITE' });
  });

  it.skipIf(process.platform === 'win32')('replaces no pipe', async () => {
    expect(spawnSync('mkfifo', [at('pipe')]).status).toBe(0);
    await expect(writeStreamAtomically(at('pipe'), pieces('x'))).rejects.toMatchObject({ code: 'E_WRITE' });
    expect(statSync(at('pipe')).isFIFO()).toBe(true);
  });
});
