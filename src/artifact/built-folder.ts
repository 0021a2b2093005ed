import { createHash } from 'node:crypto';
import { readdir, readFile, stat } from 'node:fs/promises';
import path from 'node:path';
import { fail, Problems } from '../core/errors.js';
import { type ArtifactManifest, MANIFEST_FILE } from './manifest.js';
import { parseManifestText } from './parse-manifest.js';
import { PLAN_FILE } from './replace-folder.js';

/** A folder that `build` left, checked. */
export interface BuiltFolder {
  readonly folder: string;
  readonly manifest: ArtifactManifest;
  /** Content of a file of the manifest, as checked when the folder was opened. */
  bytesOf(name: string): Uint8Array;
  /** Whether the manifest has this file. */
  has(name: string): boolean;
  textOf(name: string): string;
}

/** Files of a build are read whole; larger ones are no build of ours. */
const MAX_FILE_BYTES = 2 * 1024 ** 3;

/**
 * Opens what `build` left: the manifest is checked against its schema, every file it names against its sha256.
 * @throws IsplitError E_FOLDER_UNFINISHED, E_FOLDER_CHANGED with every missing or changed file, E_MANIFEST_INVALID, E_PREPROCESS_SPEC
 */
export async function openBuiltFolder(folder: string): Promise<BuiltFolder> {
  const text = await readFile(path.join(folder, MANIFEST_FILE), 'utf8').catch(() => failUnfinished(folder));
  const manifest = parseManifestText(text, MANIFEST_FILE);
  const problems = new Problems();
  const files = new Map<string, Uint8Array>();
  for (const [name, expected] of Object.entries(manifest.files)) {
    const bytes = await readInside(folder, name);
    if (bytes === undefined) {
      problems.add('E_FOLDER_CHANGED', `${name} is missing or cannot be read`, { file: name });
      continue;
    }
    const sha256 = createHash('sha256').update(bytes).digest('hex');
    if (sha256 !== expected) {
      const message = `${name} has sha256 ${sha256.slice(0, 16)}…, the manifest says ${expected.slice(0, 16)}…`;
      problems.add('E_FOLDER_CHANGED', message, { file: name, sha256, expected });
    }
    files.set(name, bytes);
  }
  problems.throwIfAny();
  const bytesOf = (name: string): Uint8Array => {
    const bytes = files.get(name);
    if (bytes) return bytes;
    fail(
      'E_FOLDER_CHANGED',
      `${path.basename(folder)} has no ${name}: its cut is "${manifest.cut}"`,
      { file: name, cut: manifest.cut },
      name === 'head.tflite' && manifest.cut === 'input' ? 'With --cut input nothing runs on the device.' : undefined,
    );
  };
  return {
    folder,
    manifest,
    bytesOf,
    has: (name) => files.has(name),
    textOf: (name) => new TextDecoder().decode(bytesOf(name)),
  };
}

async function readInside(folder: string, name: string): Promise<Uint8Array | undefined> {
  const file = path.join(folder, ...name.split('/'));
  try {
    const info = await stat(file);
    if (!info.isFile() || info.size > MAX_FILE_BYTES) return undefined;
    return await readFile(file);
  } catch {
    return undefined;
  }
}

async function failUnfinished(folder: string): Promise<never> {
  const names = await readdir(folder).catch((cause: NodeJS.ErrnoException) => cause.code ?? String(cause));
  const hasPlan = typeof names !== 'string' && names.length === 1 && names[0] === PLAN_FILE;
  const found = hasPlan ? `it has only ${PLAN_FILE}: no cut fitted, it says why` : `it has no ${MANIFEST_FILE}`;
  const missing: Readonly<Record<string, string>> = { ENOENT: 'it does not exist', ENOTDIR: 'it is no folder' };
  fail(
    'E_FOLDER_UNFINISHED',
    `${folder} is no finished build: ${typeof names === 'string' ? (missing[names] ?? names) : found}`,
    { folder: path.basename(folder), plan: hasPlan },
    'isplit-edge build MODEL --data PATH --device ID makes one; DIR defaults to build/<model>-<device>.',
  );
}
