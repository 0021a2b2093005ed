import { spawnSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { openBuiltFolder } from '../../../src/artifact/built-folder.js';
import { checkReplaceable, removeLeftovers, replaceFolder } from '../../../src/artifact/replace-folder.js';
import { readSourceHints, rememberSources } from '../../../src/artifact/source-hints.js';
import { openStageStore } from '../../../src/artifact/stage-store.js';
import type { IsplitError } from '../../../src/core/errors.js';
import { exampleBuild, exampleManifest } from './built-manifest.js';

const root = mkdtempSync(path.join(tmpdir(), 'isplit-built-'));
afterAll(() => rmSync(root, { recursive: true }));
let folder = '';
let parent = '';
beforeEach(() => {
  parent = mkdtempSync(path.join(root, 'case-'));
  folder = path.join(parent, 'net-esp32');
});

/** A process id that is no longer in use. */
function endedProcess(): number {
  return spawnSync(process.execPath, ['-e', '']).pid;
}
const UUID = '00000000-0000-4000-8000-000000000000';

describe('replaceFolder', () => {
  it('writes files in folders and leaves nothing beside them', async () => {
    await replaceFolder(folder, exampleBuild());
    expect(readdirSync(parent)).toEqual(['net-esp32']);
    expect(readFileSync(path.join(folder, 'tail-tfjs', 'model.json'), 'utf8')).toBe('{"format":"graph-model"}');
  });
  it('replaces an earlier build whole', async () => {
    await replaceFolder(folder, exampleBuild());
    const { 'head.tflite': _head, ...files } = exampleManifest().files;
    const { 'head.tflite': _bytes, ...rest } = exampleBuild({ files });
    await replaceFolder(folder, rest);
    expect(existsSync(path.join(folder, 'head.tflite'))).toBe(false);
    expect(readdirSync(parent)).toEqual(['net-esp32']);
  });
  it('refuses a folder with files of others, and names them', async () => {
    mkdirSync(folder);
    writeFileSync(path.join(folder, 'thesis.tex'), 'years of work');
    await expect(replaceFolder(folder, exampleBuild())).rejects.toMatchObject({
      code: 'E_FOLDER_FOREIGN',
      context: { files: ['thesis.tex'] },
    });
    expect(readdirSync(folder)).toEqual(['thesis.tex']);
    expect(readdirSync(parent)).toEqual(['net-esp32']);
  });
  it('refuses a build to which somebody added a file', async () => {
    await replaceFolder(folder, exampleBuild());
    mkdirSync(path.join(folder, 'notes'));
    writeFileSync(path.join(folder, 'notes', 'todo.txt'), '');
    await expect(checkReplaceable(folder)).rejects.toThrow(/notes\/todo\.txt/);
  });
  // The shell that stands in a folder which is renamed away and removed cannot run anything there any more.
  it.each(['', 'deep/er'])('refuses a folder that the current one is in: %j', async (inside) => {
    const current = path.join(folder, inside);
    mkdirSync(current, { recursive: true });
    const cwd = vi.spyOn(process, 'cwd').mockReturnValue(realpathSync(current));
    try {
      await expect(replaceFolder(folder, exampleBuild())).rejects.toMatchObject({ code: 'E_USAGE' });
      await checkReplaceable(path.join(current, 'below'));
      await checkReplaceable(`${current}-2`);
    } finally {
      cwd.mockRestore();
    }
    expect(existsSync(current)).toBe(true);
  });
  it("replaces an empty folder and one with a rejected wish's plan alone", async () => {
    mkdirSync(folder);
    await checkReplaceable(folder);
    writeFileSync(path.join(folder, 'plan.json'), '{}');
    await replaceFolder(folder, exampleBuild());
    expect(existsSync(path.join(folder, 'manifest.json'))).toBe(true);
  });
  it('says that a file stands in the way', async () => {
    writeFileSync(folder, '');
    await expect(replaceFolder(folder, exampleBuild())).rejects.toMatchObject({ code: 'E_WRITE' });
  });
});

describe('removeLeftovers', () => {
  it('removes what a killed run was writing, but not what a running one writes', async () => {
    const dead = path.join(parent, `.net-esp32.building-${endedProcess()}.${UUID}.tmp`);
    const alive = path.join(parent, `.net-esp32.building-${process.pid}.${UUID}.tmp`);
    const other = path.join(parent, `.net-esp32-s3.building-${endedProcess()}.${UUID}.tmp`);
    for (const name of [dead, alive, other]) mkdirSync(name);
    await removeLeftovers(folder);
    expect([dead, alive, other].map((name) => existsSync(name))).toEqual([false, true, true]);
  });
  it('brings a build back that was renamed away when its run was killed', async () => {
    await replaceFolder(path.join(parent, `.net-esp32.replaced-${endedProcess()}.${UUID}.tmp`), exampleBuild());
    await removeLeftovers(folder);
    expect((await openBuiltFolder(folder)).manifest.cut).toBe('pool1');
  });
  it('removes the earlier build when the new one is in its place', async () => {
    await replaceFolder(folder, exampleBuild());
    await replaceFolder(path.join(parent, `.net-esp32.replaced-${endedProcess()}.${UUID}.tmp`), exampleBuild());
    await removeLeftovers(folder);
    expect(readdirSync(parent)).toEqual(['net-esp32']);
  });
});

describe('openBuiltFolder', () => {
  it('gives manifest and contents', async () => {
    await replaceFolder(folder, exampleBuild());
    const built = await openBuiltFolder(folder);
    expect(built.manifest).toEqual(exampleManifest());
    expect(built.textOf('tail.onnx')).toBe('tail');
    expect(built.has('report.html')).toBe(false);
    expect(() => built.bytesOf('report.html')).toThrow(/has no report\.html/);
  });
  it('names every missing and changed file', async () => {
    await replaceFolder(folder, exampleBuild());
    writeFileSync(path.join(folder, 'head.tflite'), 'other');
    rmSync(path.join(folder, 'tail.onnx'));
    try {
      await openBuiltFolder(folder);
      expect.unreachable();
    } catch (error) {
      expect((error as IsplitError).code).toBe('E_FOLDER_CHANGED');
      expect((error as IsplitError).all.map((p) => p.context?.file)).toEqual(['head.tflite', 'tail.onnx']);
    }
  });
  it('says that a folder is no build, or only a plan', async () => {
    await expect(openBuiltFolder(folder)).rejects.toMatchObject({
      code: 'E_FOLDER_UNFINISHED',
      context: { plan: false },
    });
    mkdirSync(folder);
    writeFileSync(path.join(folder, 'plan.json'), '{}');
    await expect(openBuiltFolder(folder)).rejects.toMatchObject({
      code: 'E_FOLDER_UNFINISHED',
      context: { plan: true },
    });
  });
  it('does not take a build without its manifest for a wish that did not fit', async () => {
    await replaceFolder(folder, exampleBuild());
    rmSync(path.join(folder, 'manifest.json'));
    await expect(openBuiltFolder(folder)).rejects.toThrow(/it has no manifest\.json/);
    await expect(openBuiltFolder(path.join(parent, 'gone'))).rejects.toThrow(/it does not exist/);
    await expect(openBuiltFolder(path.join(folder, 'tail.onnx'))).rejects.toThrow(/it is no folder/);
  });
});

describe('the cache beside a build', () => {
  it('gives binary results back, and nothing when they are damaged', async () => {
    const cache = path.join(parent, 'cache');
    const store = openStageStore(cache);
    const bytes = Uint8Array.from({ length: 100 }, (_, i) => 255 - i);
    await store.saveBytes('head', { model: 'a' }, bytes);
    expect(await store.loadBytes('head', { model: 'b' })).toBeUndefined();
    expect(Uint8Array.from((await store.loadBytes('head', { model: 'a' })) ?? [])).toEqual(bytes);
    const [name] = readdirSync(cache);
    const file = path.join(cache, name as string);
    for (const damaged of [readFileSync(file).subarray(0, 60), Buffer.alloc(10), Buffer.alloc(0)]) {
      writeFileSync(file, damaged);
      expect(await store.loadBytes('head', { model: 'a' })).toBeUndefined();
    }
  });
  it('remembers where models and data lay', async () => {
    await rememberSources(folder, { models: { aa: '/models/net.h5' }, data: { dd: { data: '/data', part: 'test' } } });
    await rememberSources(folder, { models: { bb: '/models/b.h5' }, data: {} });
    expect(await readSourceHints(folder)).toEqual({
      models: { aa: '/models/net.h5', bb: '/models/b.h5' },
      data: { dd: { data: '/data', part: 'test' } },
    });
    writeFileSync(path.join(parent, '.isplit-cache', 'sources.json'), '[[[');
    expect(await readSourceHints(folder)).toEqual({ models: {}, data: {} });
  });
});
