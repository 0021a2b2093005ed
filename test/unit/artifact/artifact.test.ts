import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { parseModelCard } from '../../../src/artifact/model-card.js';
import { openModelFile } from '../../../src/artifact/open-model-file.js';
import { checkOutputFile, writeFilesAtomically } from '../../../src/artifact/write-files.js';
import { IsplitError } from '../../../src/core/errors.js';

const root = mkdtempSync(path.join(tmpdir(), 'isplit-artifact-'));
afterAll(() => rmSync(root, { recursive: true }));

describe('writeFilesAtomically', () => {
  it('writes all files and leaves nothing else', async () => {
    const folder = path.join(root, 'new', 'deep');
    await writeFilesAtomically(folder, { 'a.json': '{}', 'b.bin': Uint8Array.of(1, 2) });
    expect(readdirSync(folder).sort()).toEqual(['a.json', 'b.bin']);
    await writeFilesAtomically(folder, { 'a.json': '[]' });
    expect(readFileSync(path.join(folder, 'a.json'), 'utf8')).toBe('[]');
  });
  it('replaces nothing when one of them cannot be written', async () => {
    const folder = path.join(root, 'half');
    await writeFilesAtomically(folder, { 'a.txt': 'old' });
    const failing = writeFilesAtomically(folder, { 'a.txt': 'new', 'no/such/folder.txt': 'x' });
    await expect(failing).rejects.toMatchObject({ code: 'E_WRITE' });
    expect(readdirSync(folder)).toEqual(['a.txt']);
    expect(readFileSync(path.join(folder, 'a.txt'), 'utf8')).toBe('old');
  });
  it('replaces no folder', async () => {
    const folder = path.join(root, 'folders');
    mkdirSync(path.join(folder, 'taken'), { recursive: true });
    await expect(writeFilesAtomically(folder, { taken: 'x' })).rejects.toThrow(/folders.taken: EISDIR/);
    expect(readdirSync(folder)).toEqual(['taken']);
  });
  // The rename that puts a file in its place would take the place of the pipe or device as well.
  it.skipIf(process.platform === 'win32')('replaces no pipe', async () => {
    const pipe = path.join(root, 'pipe');
    expect(spawnSync('mkfifo', [pipe]).status).toBe(0);
    await expect(checkOutputFile(pipe)).rejects.toMatchObject({ code: 'E_WRITE', message: /device or a pipe/ });
    await expect(writeFilesAtomically(root, { pipe: 'x' })).rejects.toMatchObject({ code: 'E_WRITE' });
    expect(statSync(pipe).isFIFO()).toBe(true);
  });
});

describe('openModelFile', () => {
  it('gives siblings by base name only', async () => {
    writeFileSync(path.join(root, 'model.json'), '{}');
    writeFileSync(path.join(root, 'shard'), 'w');
    const file = await openModelFile(root);
    expect(file.name).toBe('model.json');
    expect(new TextDecoder().decode(await file.sibling('shard'))).toBe('w');
    expect(() => file.sibling('../secret')).toThrow(/no file beside it/);
    expect(() => file.sibling('..')).toThrow(IsplitError);
    await expect(file.sibling('absent')).rejects.toMatchObject({ code: 'E_MODEL_READ' });
  });
  it('names a missing file', async () => {
    await expect(openModelFile(path.join(root, 'nope.h5'))).rejects.toThrow(/cannot read .*nope\.h5: ENOENT/);
  });
});

describe('parseModelCard', () => {
  it('reads the card of the demo model', () => {
    const card = parseModelCard(
      JSON.parse(readFileSync(new URL('../../../models/fashion-cnn/card.json', import.meta.url), 'utf8')),
      'card.json',
    );
    expect(card.classNames).toHaveLength(10);
    expect(card.preprocess).toMatchObject({ height: 28, width: 28, channels: 1, std: [255] });
  });
  it('reports every violation at once', () => {
    try {
      parseModelCard(
        {
          schemaVersion: 2,
          name: '',
          model: { path: 'x', sha256: 'short' },
          inputShape: [1],
          preprocessing: {},
          classes: [],
        },
        'card.json',
      );
      expect.unreachable();
    } catch (error) {
      const { code, all } = error as IsplitError;
      expect(code).toBe('E_CARD_INVALID');
      expect(all.map((p) => p.message.split(':')[1]?.trim())).toEqual(
        expect.arrayContaining(['schemaVersion', 'name', 'model.sha256', 'inputShape', 'classes']),
      );
    }
  });
});
