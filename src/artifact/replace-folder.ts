import { mkdir, readdir, readFile, realpath, rename, rm, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { fail, IsplitError } from '../core/errors.js';
import { parseJson } from '../core/json.js';
import { MANIFEST_FILE } from './manifest.js';
import { failWrite, temporaryName } from './write-files.js';

/** Left alone in a folder when no cut fitted. */
export const PLAN_FILE = 'plan.json';

/** Files of a folder that no build made are never replaced; so many are named. */
const NAMED = 8;

type FolderFiles = Readonly<Record<string, string | Uint8Array>>;

/**
 * Writes a whole folder so that nobody ever sees half of it: everything is written to a sibling, which is then renamed. A
 * folder of an earlier build is renamed away first and removed afterwards; for the moment between the two renames there is
 * no folder, since no operating system that Node runs on swaps folders through its API.
 * @param files contents by path with `/`
 * @throws IsplitError E_WRITE, E_FOLDER_FOREIGN when the folder holds what no build wrote
 */
export async function replaceFolder(folder: string, files: FolderFiles): Promise<void> {
  const target = path.resolve(folder);
  await checkReplaceable(target);
  const temporary = siblingName(target, 'building');
  const old = siblingName(target, 'replaced');
  try {
    await mkdir(temporary, { recursive: true });
    for (const [name, content] of Object.entries(files)) {
      const file = path.join(temporary, ...name.split('/'));
      await mkdir(path.dirname(file), { recursive: true });
      await writeFile(file, content);
    }
    const exists = await stat(target).then(
      () => true,
      () => false,
    );
    if (exists) await rename(target, old);
    try {
      await rename(temporary, target);
    } catch (cause) {
      if (exists) await rename(old, target);
      throw cause;
    }
  } catch (cause) {
    if (cause instanceof IsplitError) throw cause;
    failWrite(folder, (cause as NodeJS.ErrnoException).code ?? String(cause));
  } finally {
    await rm(temporary, { recursive: true, force: true }).catch(() => undefined);
  }
  await rm(old, { recursive: true, force: true });
}

/**
 * Removes what killed runs left beside a folder, and brings an earlier build back when its run was killed between the two
 * renames. Siblings of processes that still run are theirs.
 */
export async function removeLeftovers(folder: string): Promise<void> {
  const target = path.resolve(folder);
  const parent = path.dirname(target);
  const names = await readdir(parent).catch(() => [] as string[]);
  for (const name of names) {
    const leftover = parseSiblingName(name, path.basename(target));
    if (leftover === undefined || isRunning(leftover.pid)) continue;
    const file = path.join(parent, name);
    if (leftover.kind === 'replaced' && (await isMissing(target))) await rename(file, target);
    else await rm(file, { recursive: true, force: true });
  }
}

/**
 * A folder may be replaced when it is not there, empty, or holds a build (or the plan of one that did not fit) and nothing else,
 * and when nobody would be left standing in a folder that is gone.
 * @throws IsplitError E_FOLDER_FOREIGN, E_USAGE when the current folder is in it
 */
export async function checkReplaceable(folder: string): Promise<void> {
  await checkNothingForeign(folder);
  const target = await realpath(folder).catch(() => path.resolve(folder));
  const inside = path.relative(target, process.cwd());
  if (path.isAbsolute(inside) || inside.split(path.sep)[0] === '..') return;
  const message = `${folder} would be replaced, but the current folder is ${inside === '' ? 'this one' : 'inside it'}`;
  fail(
    'E_USAGE',
    message,
    { folder: path.basename(folder) },
    'Name another folder with --out, or change to its parent.',
  );
}

async function checkNothingForeign(folder: string): Promise<void> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch(
    (cause: NodeJS.ErrnoException) => {
      if (cause.code === 'ENOENT') return [];
      return failWrite(folder, cause.code ?? String(cause));
    },
  );
  const found = entries
    .filter((entry) => !entry.isDirectory())
    .map((entry) => path.relative(folder, path.join(entry.parentPath, entry.name)).split(path.sep).join('/'));
  if (found.length === 0 || (found.length === 1 && found[0] === PLAN_FILE)) return;
  const ours = await listBuiltFiles(folder);
  const foreign = found.filter((name) => !ours.has(name)).sort();
  if (foreign.length === 0) return;
  const more = foreign.length > NAMED ? ` and ${foreign.length - NAMED} more` : '';
  fail(
    'E_FOLDER_FOREIGN',
    `${folder} would be replaced, but holds files that no build wrote: ${foreign.slice(0, NAMED).join(', ')}${more}`,
    { folder: path.basename(folder), files: foreign.slice(0, 100) },
    'Name another folder with --out, or move these files away.',
  );
}

/** True when the folder holds a finished build. */
export async function holdsBuild(folder: string): Promise<boolean> {
  return !(await isMissing(path.join(folder, MANIFEST_FILE)));
}

/** Names the manifest of a folder lists, and its own; empty when it has none that can be read. */
async function listBuiltFiles(folder: string): Promise<ReadonlySet<string>> {
  try {
    const json = parseJson(await readFile(path.join(folder, MANIFEST_FILE), 'utf8')) as { tool?: { name?: unknown } };
    if (json?.tool?.name !== 'isplit-edge') return new Set();
    return new Set([MANIFEST_FILE, ...Object.keys((json as { files?: object }).files ?? {})]);
  } catch {
    return new Set();
  }
}

async function isMissing(file: string): Promise<boolean> {
  return stat(file).then(
    () => false,
    () => true,
  );
}

/** Siblings are hidden and say which process made them: `.NAME.building-4711.<uuid>.tmp`. */
function siblingName(target: string, kind: 'building' | 'replaced'): string {
  return temporaryName(path.join(path.dirname(target), `.${path.basename(target)}.${kind}-${process.pid}`));
}

function parseSiblingName(name: string, base: string): { kind: string; pid: number } | undefined {
  if (!name.startsWith(`.${base}.`)) return undefined;
  const match = /^(building|replaced)-(\d+)\.[0-9a-f-]{36}\.tmp$/.exec(name.slice(base.length + 2));
  return match ? { kind: match[1] as string, pid: Number(match[2]) } : undefined;
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (cause) {
    return (cause as NodeJS.ErrnoException).code === 'EPERM';
  }
}
