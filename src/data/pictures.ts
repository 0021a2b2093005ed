import { opendir, realpath, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { type RunContext, throwIfAborted } from '../core/context.js';
import { fail, Problems } from '../core/errors.js';
import { formatBytes, formatCount } from '../core/units.js';
import { type ByteSource, failUnreadable, openFile, readExactly } from './byte-source.js';
import { decodePicture, identifyPicture, PICTURE_HEAD_BYTES } from './decode-picture.js';
import { DATA_LIMITS } from './limits.js';
import {
  compareCodePoints,
  type DataPart,
  keepPart,
  partOfName,
  type SampleSource,
  type StoredSample,
} from './sample-source.js';
import { walkTar } from './tar.js';

/** Pictures decoded at the same time. */
const DECODE_AHEAD = 16;
/** Names listed in one message. */
const SHOWN = 10;

/** Text files of a picture set, by name: labels.csv, classes.txt … */
export type SetTexts = ReadonlyMap<string, Uint8Array>;

interface PictureEntry {
  /** `/`-separated, inside the set. */
  readonly name: string;
  readonly offset: number;
  readonly sizeBytes: number;
}

/** A picture set with the texts that came with it. */
export interface PictureSet {
  readonly source: SampleSource;
  readonly texts: SetTexts;
}

const TEXT_NAMES = ['labels.csv', 'classes.txt', 'classes.tsv'];

/** Files of a folder and its sub-folders, `/`-separated, in code point order; hidden files and `__MACOSX` are passed over. */
export async function listFiles(folder: string, name: string, ctx: RunContext): Promise<string[]> {
  const found: string[] = [];
  const visited = new Set<string>();
  const walk = async (path: string, prefix: string, depth: number): Promise<void> => {
    throwIfAborted(ctx);
    const real = await realpath(path);
    if (visited.has(real)) return;
    visited.add(real);
    if (depth > DATA_LIMITS.folderDepth)
      fail('E_DATA_TOO_LARGE', `${name} is nested deeper than ${DATA_LIMITS.folderDepth}`, { name });
    for await (const entry of await opendir(path)) {
      if (isHidden(entry.name)) continue;
      const relative = prefix + entry.name;
      const info = entry.isSymbolicLink() ? await stat(join(path, entry.name)).catch(() => undefined) : entry;
      if (info?.isDirectory()) await walk(join(path, entry.name), `${relative}/`, depth + 1);
      else if (info?.isFile()) found.push(relative);
      if (found.length > DATA_LIMITS.entries) {
        fail('E_DATA_TOO_LARGE', `${name} holds more than ${formatCount(DATA_LIMITS.entries)} files`, { name });
      }
    }
  };
  try {
    await walk(folder, '', 0);
  } catch (error) {
    failUnreadable(name, error);
  }
  return found.sort(compareCodePoints);
}

function isHidden(name: string): boolean {
  return name.startsWith('.') || name === '__MACOSX';
}

/**
 * A folder of pictures: files in code point order of their paths.
 * @param files from listFiles
 * @throws IsplitError E_DATA_PICTURE naming every file of a refused format, E_DATA_EMPTY
 */
export async function openPictureFolder(
  folder: string,
  name: string,
  files: readonly string[],
  part: DataPart | undefined,
  ctx: RunContext,
): Promise<PictureSet> {
  const collector = new EntryCollector(name);
  const texts = new Map<string, Uint8Array>();
  for (const file of files) {
    throwIfAborted(ctx);
    const { handle, sizeBytes } = await openFile(join(folder, file), file);
    try {
      const head = new Uint8Array(PICTURE_HEAD_BYTES);
      const { bytesRead } = await handle.read(head, 0, head.length, 0);
      if (TEXT_NAMES.includes(file)) {
        checkTextSize(file, sizeBytes);
        texts.set(file, new Uint8Array(await handle.readFile()));
      } else {
        collector.add({ name: file, offset: 0, sizeBytes }, head.subarray(0, bytesRead));
      }
    } finally {
      await handle.close();
    }
  }
  const { entries, ...facts } = collector.finish(part);
  const source: SampleSource = {
    ...facts,
    files: entries.map((entry) => ({ path: join(folder, entry.name), name: entry.name })),
    read: (positions, readContext) =>
      decodeAhead(positions, entries, readContext, async (entry) => {
        const { handle } = await openFile(join(folder, entry.name), entry.name);
        try {
          return await handle.readFile();
        } finally {
          await handle.close();
        }
      }),
  };
  return { source, texts };
}

/**
 * A tar of pictures, plain or gzip, in the order of the archive (it is read front to back).
 * @throws IsplitError as walkTar, and as openPictureFolder
 */
export async function openPictureTar(
  archive: ByteSource,
  part: DataPart | undefined,
  ctx: RunContext,
): Promise<PictureSet> {
  const collector = new EntryCollector(archive.name);
  const texts = new Map<string, Uint8Array>();
  await walkTar(archive, ctx, async (entry, cursor) => {
    if (entry.name.split('/').some(isHidden)) return;
    if (TEXT_NAMES.includes(entry.name)) {
      checkTextSize(entry.name, entry.sizeBytes);
      texts.set(entry.name, await readExactly(cursor, entry.sizeBytes, archive.name, entry.name));
    } else {
      collector.add(entry, await cursor.read(Math.min(entry.sizeBytes, PICTURE_HEAD_BYTES)));
    }
  });
  const { entries, ...facts } = collector.finish(part);
  const source: SampleSource = {
    ...facts,
    files: [{ path: archive.path, name: '' }],
    read: (positions, readContext) => readTarPictures(archive, positions, entries, readContext),
  };
  return { source, texts };
}

async function* readTarPictures(
  archive: ByteSource,
  positions: Uint32Array,
  entries: readonly PictureEntry[],
  ctx: RunContext,
): AsyncGenerator<StoredSample> {
  const cursor = await archive.open();
  try {
    // Positions ascend and so do offsets: one pass serves, forwards only.
    yield* decodeAhead(positions, entries, ctx, async (entry) => {
      await cursor.skip(entry.offset - cursor.position);
      return readExactly(cursor, entry.sizeBytes, archive.name, entry.name);
    });
  } finally {
    await cursor.close();
  }
}

/** A single picture file. */
export function openPictureFile(source: ByteSource, head: Uint8Array): SampleSource {
  const collector = new EntryCollector(source.name);
  collector.add({ name: source.name, offset: 0, sizeBytes: source.sizeBytes ?? 0 }, head);
  const { entries, ...facts } = collector.finish(undefined);
  return {
    ...facts,
    files: [{ path: source.path, name: '' }],
    read: (positions, ctx) => readTarPictures(source, positions, entries, ctx),
  };
}

/** Loads one after another, decodes up to DECODE_AHEAD at once, yields in order. Every failure of those in flight is reported. */
async function* decodeAhead(
  positions: Uint32Array,
  entries: readonly PictureEntry[],
  ctx: RunContext,
  load: (entry: PictureEntry) => Promise<Uint8Array>,
): AsyncGenerator<StoredSample> {
  const pending: { position: number; decoded: Promise<Awaited<ReturnType<typeof decodePicture>>> }[] = [];
  const problems = new Problems();
  const take = async (): Promise<StoredSample | undefined> => {
    const oldest = pending.shift();
    if (!oldest) return undefined;
    try {
      return { kind: 'picture', position: oldest.position, picture: await oldest.decoded };
    } catch (error) {
      problems.addCaught(error);
      while (pending.length > 0) await take();
      return undefined;
    }
  };
  for (const position of positions) {
    throwIfAborted(ctx);
    const entry = entries[position] as PictureEntry;
    const decoded = decodePicture(await load(entry), entry.name);
    // Awaited in order later; a rejection in between must not count as unhandled.
    decoded.catch(() => undefined);
    pending.push({ position, decoded });
    if (pending.length >= DECODE_AHEAD) {
      const sample = await take();
      problems.throwIfAny();
      if (sample) yield sample;
    }
  }
  while (pending.length > 0) {
    const sample = await take();
    problems.throwIfAny();
    if (sample) yield sample;
  }
}

function checkTextSize(name: string, bytes: number): void {
  if (bytes > DATA_LIMITS.textBytes) fail('E_DATA_TOO_LARGE', `${name} has ${formatBytes(bytes)}`, { name, bytes });
}

/** Sorts what a set holds into pictures, refused pictures and the rest, and names the classes. */
class EntryCollector {
  readonly #pictures: PictureEntry[] = [];
  readonly #refused: { name: string; format: string }[] = [];
  readonly #tooLarge: PictureEntry[] = [];
  readonly #others: string[] = [];

  constructor(private readonly setName: string) {}

  add(entry: PictureEntry, head: Uint8Array): void {
    const found = identifyPicture(head);
    if (found.kind === 'refused') this.#refused.push({ name: entry.name, format: found.format });
    else if (found.kind === 'other') this.#others.push(entry.name);
    else if (entry.sizeBytes > DATA_LIMITS.pictureFileBytes) this.#tooLarge.push(entry);
    else this.#pictures.push(entry);
  }

  finish(wanted: DataPart | undefined): Omit<SampleSource, 'read' | 'files'> & { entries: readonly PictureEntry[] } {
    const problems = new Problems();
    if (this.#refused.length > 0) {
      const names = this.#refused.map(({ name, format }) => (name === this.setName ? format : `${name} (${format})`));
      problems.add(
        'E_DATA_PICTURE',
        `${this.setName}: ${formatCount(names.length)} picture${names.length === 1 ? '' : 's'} of a format that is not read: ${listSome(names)}`,
        { set: this.setName, files: this.#refused.slice(0, 1000) },
        'Convert them to PNG (convert x.bmp x.png), which keeps every pixel.',
      );
    }
    for (const entry of this.#tooLarge.slice(0, SHOWN)) {
      problems.add(
        'E_DATA_TOO_LARGE',
        `${entry.name} has ${formatBytes(entry.sizeBytes)}, pictures may have ${formatBytes(DATA_LIMITS.pictureFileBytes)}`,
        {
          name: entry.name,
          bytes: entry.sizeBytes,
        },
      );
    }
    problems.throwIfAny();
    if (this.#pictures.length === 0) {
      const seen = this.#others.length === 0 ? 'it is empty' : `it holds ${listSome(this.#others)}`;
      fail('E_DATA_EMPTY', `${this.setName} has no pictures: ${seen}`, {
        set: this.setName,
        files: this.#others.slice(0, 100),
      });
    }
    const placed = placePictures(this.#pictures);
    const { kept, part } = keepPart(placed, (p) => p.part, wanted);
    return {
      ...nameClasses(kept),
      format: 'pictures',
      count: kept.length,
      kind: 'picture',
      shape: undefined,
      part,
      entries: kept.map((p) => p.entry),
    };
  }
}

/** At most ten names, and how many more. */
export function listSome(names: readonly string[]): string {
  const more = names.length > SHOWN ? `, … ${formatCount(names.length - SHOWN)} more` : '';
  return names.slice(0, SHOWN).join(', ') + more;
}

interface PlacedPicture {
  readonly entry: PictureEntry;
  readonly part: DataPart | undefined;
  /** Name of its class folder. */
  readonly className: string | undefined;
}

/**
 * Finds the class folder of each picture: the first folder after one that holds the whole set and after train/, val/, test/.
 * `chest/train/NORMAL/1.jpeg` → part train, class NORMAL; `n01440764/images/3.JPEG` → class n01440764.
 */
function placePictures(entries: readonly PictureEntry[]): PlacedPicture[] {
  let common = 0;
  const folders = entries.map((entry) => entry.name.split('/').slice(0, -1));
  const first = folders[0] as string[];
  const shared = (depth: number) => folders.every((f) => f.length >= depth + 2 && f[depth] === first[depth]);
  while (partOfName(first[common] ?? '') === undefined && shared(common)) common++;
  return entries.map((entry, i) => {
    const rest = (folders[i] as string[]).slice(common);
    const part = rest[0] === undefined ? undefined : partOfFolder(rest[0]);
    return { entry, part, className: part === undefined ? rest[0] : rest[1] };
  });
}

function partOfFolder(name: string): DataPart | undefined {
  return /^[a-z]+$/i.test(name) ? partOfName(name) : undefined;
}

/** Classes in code point order of their folders, or by number when every folder is one. */
function nameClasses(pictures: readonly PlacedPicture[]): Pick<SampleSource, 'labels' | 'classNames' | 'sampleNames'> {
  const sampleNames = pictures.map((p) => p.entry.name);
  const names = pictures.map((p) => p.className);
  if (names.some((name) => name === undefined)) return { labels: undefined, classNames: undefined, sampleNames };
  const classNames = [...new Set(names as string[])].sort(compareCodePoints);
  if (classNames.every((name) => /^\d{1,9}$/.test(name))) {
    return { labels: Int32Array.from(names, Number), classNames: undefined, sampleNames };
  }
  const index = new Map(classNames.map((name, i) => [name, i]));
  return { labels: Int32Array.from(names, (name) => index.get(name as string) as number), classNames, sampleNames };
}
