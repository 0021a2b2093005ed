import { readdir } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import type { RunContext } from '../core/context.js';
import { fail } from '../core/errors.js';
import { type ByteSource, failUnreadable, isFolder, openByteSource, peekBytes } from './byte-source.js';
import { looksLikeCifar10, openCifar10 } from './cifar10.js';
import { identifyPicture, PICTURE_HEAD_BYTES } from './decode-picture.js';
import { isIdxSamples, openIdx, parseIdxHeader } from './idx.js';
import { looksLikeNpy, openNpySamples, readNpyHeader, readNpyLabels } from './npy.js';
import { LABEL_KEY, openNpz, SAMPLE_KEY } from './npz.js';
import { listFiles, listSome, openPictureFile, openPictureFolder, openPictureTar, type SetTexts } from './pictures.js';
import { openRawRecords } from './raw-records.js';
import {
  compareCodePoints,
  type DataPart,
  keepPart,
  partOfName,
  type SampleShape,
  type SampleSource,
} from './sample-source.js';
import { looksLikeTar } from './tar.js';
import { looksLikeZip } from './zip.js';

/** What is known before a file is opened. */
export interface ClaimOptions {
  readonly recordShape: SampleShape | undefined;
  readonly recordType: 'u8' | 'f32';
  readonly part: DataPart | undefined;
  /** Look for labels in and beside the files; off when the caller gives a label file. */
  readonly findLabels: boolean;
}

/** An opened set and the texts that were inside it; texts beside it are in `folder`. */
export interface ClaimedSource {
  readonly source: SampleSource;
  readonly texts: SetTexts;
  /** The folder that holds the set's files. */
  readonly folder: string;
}

type FileKind = 'npy' | 'npz' | 'idx' | 'idx-labels' | 'picture' | 'tar' | 'cifar10' | 'unknown';

const HEAD_BYTES = 64 * 1024;
const NO_TEXTS: SetTexts = new Map();

/**
 * Opens a path by what its bytes are: npy, npz, IDX, picture, tar, CIFAR-10 records; raw records when a record shape is given
 * and the file is no npy or npz. A folder holds one of these, several CIFAR-10 or IDX files, or pictures.
 * @throws IsplitError E_DATA_FORMAT, E_DATA_AMBIGUOUS and what each format raises
 */
export async function claimSource(path: string, options: ClaimOptions, ctx: RunContext): Promise<ClaimedSource> {
  const name = basename(path);
  if (await isFolder(path, path)) return claimFolder(path, name, options, ctx);
  const source = await openByteSource(path, name);
  const head = await peekBytes(source, HEAD_BYTES);
  return openClaimed(await identifyFile(source, head), source, head, options, ctx);
}

async function identifyFile(source: ByteSource, head: Uint8Array): Promise<FileKind> {
  if (looksLikeNpy(head)) return 'npy';
  if (looksLikeZip(head) && source.sizeBytes !== undefined) return 'npz';
  const idx = parseIdxHeader(head);
  if (idx) return isIdxSamples(idx) ? 'idx' : 'idx-labels';
  if (identifyPicture(head).kind !== 'other') return 'picture';
  if (looksLikeTar(head)) return 'tar';
  return looksLikeCifar10(head) ? 'cifar10' : 'unknown';
}

async function openClaimed(
  kind: FileKind,
  source: ByteSource,
  head: Uint8Array,
  options: ClaimOptions,
  ctx: RunContext,
): Promise<ClaimedSource> {
  const { recordShape, recordType, part, findLabels } = options;
  const { name, path } = source;
  const folder = dirname(path);
  const found = (opened: SampleSource, texts: SetTexts = NO_TEXTS): ClaimedSource => ({
    source: opened,
    texts,
    folder,
  });
  if (recordShape && kind !== 'npy' && kind !== 'npz') {
    return found(await openRawRecords(source, recordShape, recordType, ctx));
  }
  switch (kind) {
    case 'npy': {
      const samples = await openNpySamples(source, recordShape, ctx);
      return found({
        ...samples,
        format: 'npy',
        labels: findLabels ? await findNpyLabels(source, samples.count, ctx) : undefined,
      });
    }
    case 'npz':
      return found(await openNpz(path, name, { recordShape, part, findLabels }, ctx));
    case 'idx':
      return found(await openIdx([source], { part: undefined, findLabels }, ctx));
    case 'cifar10':
      return found(await openCifar10([source], undefined, ctx));
    case 'picture':
      return found(openPictureFile(source, head));
    case 'tar': {
      const set = await openPictureTar(source, part, ctx);
      return found(set.source, set.texts);
    }
    case 'idx-labels':
      return fail(
        'E_DATA_FORMAT',
        `${name} is an IDX file of labels, not of samples`,
        { name },
        'Give the file of the images; labels beside it are found.',
      );
    case 'unknown':
      return failUnknown(name, head);
  }
}

function failUnknown(name: string, head: Uint8Array): never {
  if (head.length === 0) fail('E_DATA_EMPTY', `${name} is empty`, { name });
  const start = Buffer.from(head.subarray(0, 16)).toString('hex').replace(/(..)/g, '$1 ').trim();
  fail(
    'E_DATA_FORMAT',
    `${name} is none of CIFAR-10 records, IDX, npy, npz, tar or a picture (it starts with ${start})`,
    { name, head: start },
    'Raw records need --record-shape height,width,channels.',
  );
}

async function claimFolder(path: string, name: string, options: ClaimOptions, ctx: RunContext): Promise<ClaimedSource> {
  const files = await listFiles(path, name, ctx);
  if (files.length === 0) fail('E_DATA_EMPTY', `${name} is an empty folder`, { name });
  const top = files.filter((file) => !file.includes('/'));
  // A file and its gzip beside it are one.
  const single = top.filter((file) => !file.endsWith('.gz') || !top.includes(file.slice(0, -3)));
  const byKind = new Map<FileKind, ByteSource[]>();
  for (const file of single) {
    const source = await openByteSource(join(path, file), file);
    const start = await peekBytes(source, PICTURE_HEAD_BYTES);
    const kind =
      identifyPicture(start).kind === 'other'
        ? await identifyFile(source, await peekBytes(source, HEAD_BYTES))
        : 'picture';
    if (kind === 'unknown' || kind === 'idx-labels') continue;
    byKind.set(kind, [...(byKind.get(kind) ?? []), source]);
    if (kind === 'picture') break;
  }
  if (byKind.has('picture') || byKind.size === 0) {
    if (byKind.size > 1) failMixed(name, byKind);
    const set = await openPictureFolder(path, name, files, options.part, ctx);
    return { source: set.source, texts: set.texts, folder: path };
  }
  if (byKind.size > 1) failMixed(name, byKind);
  const [kind, sources] = [...byKind][0] as [FileKind, ByteSource[]];
  const candidates = kind === 'npy' ? await dropNpyLabels(sources) : sources;
  const { kept, part } = keepPart(candidates, (source) => partOfName(source.name), options.part);
  if (kind === 'idx') {
    const opened = await openIdx(kept, { part, findLabels: options.findLabels }, ctx);
    return { source: opened, texts: NO_TEXTS, folder: path };
  }
  if (kind === 'cifar10') return { source: await openCifar10(kept, part, ctx), texts: NO_TEXTS, folder: path };
  const chosen = kept[0];
  if (chosen === undefined || kept.length > 1) {
    const names = kept.map((source) => source.name);
    fail(
      'E_DATA_AMBIGUOUS',
      chosen === undefined
        ? `${name} has npy files of labels only`
        : `${name} holds ${names.length} data sets: ${listSome(names)}`,
      { name, files: names },
      'Give the file instead of the folder.',
    );
  }
  const claimed = await openClaimed(kind, chosen, await peekBytes(chosen, HEAD_BYTES), options, ctx);
  return part === undefined ? claimed : { ...claimed, source: { ...claimed.source, part } };
}

function failMixed(name: string, byKind: ReadonlyMap<FileKind, readonly ByteSource[]>): never {
  const kinds = [...byKind].map(([kind, sources]) => `${kind} (${listSome(sources.map((s) => s.name))})`);
  fail(
    'E_DATA_AMBIGUOUS',
    `${name} holds data of several kinds: ${kinds.join('; ')}`,
    { name, kinds },
    'Give the file instead of the folder.',
  );
}

async function dropNpyLabels(sources: readonly ByteSource[]): Promise<ByteSource[]> {
  const ranks = await Promise.all(sources.map(async (source) => (await readNpyHeader(source)).dims.length));
  return sources.filter((source, i) => (ranks[i] as number) > 1 && !LABEL_KEY.test(source.name));
}

/** `x_train.npy` → `y_train.npy`, `images.npy` → `labels.npy`, in the same folder. */
async function findNpyLabels(samples: ByteSource, count: number, ctx: RunContext): Promise<Int32Array | undefined> {
  const own = basename(samples.path);
  if (!SAMPLE_KEY.test(own)) return undefined;
  const suffix = own.replace(SAMPLE_KEY, '').toLowerCase();
  let names: string[];
  try {
    names = (await readdir(dirname(samples.path))).sort(compareCodePoints);
  } catch (error) {
    failUnreadable(samples.name, error);
  }
  const match = names.find(
    (candidate) => LABEL_KEY.test(candidate) && candidate.replace(LABEL_KEY, '').toLowerCase() === suffix,
  );
  if (match === undefined) return undefined;
  const labels = await readNpyLabels(await openByteSource(join(dirname(samples.path), match), match), ctx);
  if (labels.length !== count) {
    fail('E_DATA_COUNT', `${samples.name} has ${count} samples, ${match} has ${labels.length} labels`, {
      samples: count,
      labels: labels.length,
    });
  }
  return labels;
}
