import { readdir } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import type { RunContext } from '../core/context.js';
import { fail } from '../core/errors.js';
import { formatCount } from '../core/units.js';
import { type ByteSource, failUnreadable, openByteSource, peekBytes, readExactly } from './byte-source.js';
import { type ElementType, elementBytes, elementReader, sampleDecoder } from './elements.js';
import { checkRecordBytes, checkRunLength, type RecordRun, readRecords } from './records.js';
import { compareCodePoints, type DataPart, type SampleShape, type SampleSource } from './sample-source.js';

/**
 * IDX: two zero bytes, element type, number of dimensions, each dimension as a big-endian uint32, then the elements,
 * big-endian. Source: yann.lecun.com/exdb/mnist (file formats).
 */
const ELEMENT_TYPES: Readonly<Record<number, ElementType>> = {
  8: 'u1',
  9: 'i1',
  11: 'i2',
  12: 'i4',
  13: 'f4',
  14: 'f8',
};

export interface IdxHeader {
  readonly type: ElementType;
  readonly dims: readonly number[];
  readonly headerBytes: number;
}

/** The header, or undefined when these bytes start no IDX file. */
export function parseIdxHeader(head: Uint8Array): IdxHeader | undefined {
  const rank = head[3] ?? 0;
  const type = ELEMENT_TYPES[head[2] ?? 0];
  if (head[0] !== 0 || head[1] !== 0 || type === undefined || rank < 1 || rank > 4) return undefined;
  const headerBytes = 4 + 4 * rank;
  if (head.length < headerBytes) return undefined;
  const view = new DataView(head.buffer, head.byteOffset);
  const dims = Array.from({ length: rank }, (_, i) => view.getUint32(4 + 4 * i));
  return { type, dims, headerBytes };
}

/** Whether this header is of samples (rank 2 to 4) and not of labels (rank 1). */
export function isIdxSamples(header: IdxHeader): boolean {
  return header.dims.length >= 2;
}

/**
 * IDX image files with the labels found beside each: the same name with `images` → `labels` and `idx3` → `idx1`, gzip or
 * not, else the only IDX label file of the folder with as many entries.
 * @throws IsplitError E_DATA_TRUNCATED, E_DATA_COUNT, E_DATA_SHAPE, E_DATA_EMPTY
 */
export async function openIdx(
  sources: readonly ByteSource[],
  options: { part: DataPart | undefined; findLabels: boolean },
  ctx: RunContext,
): Promise<SampleSource> {
  let shape: SampleShape | undefined;
  let kind: 'picture' | 'tensor' = 'picture';
  const runs: RecordRun[] = [];
  const labels: Int32Array[] = [];
  const files = [];
  let base = 0;
  for (const source of sources) {
    const header = parseIdxHeader(await peekBytes(source, 20));
    if (header === undefined || !isIdxSamples(header)) {
      fail('E_DATA_FORMAT', `${source.name} is no IDX file of samples`, { name: source.name });
    }
    const here = sampleShapeOf(header);
    if (
      shape !== undefined &&
      (shape.height !== here.height || shape.width !== here.width || shape.channels !== here.channels)
    ) {
      fail(
        'E_DATA_SHAPE',
        `${source.name} has samples of ${here.height}×${here.width}×${here.channels}, the files before it ${shape.height}×${shape.width}×${shape.channels}`,
        { name: source.name },
        'Give one of the files instead of the folder.',
      );
    }
    shape = here;
    kind = header.type.startsWith('f') ? 'tensor' : 'picture';
    const count = header.dims[0] as number;
    const recordBytes = here.height * here.width * here.channels * elementBytes(header.type);
    if (count === 0 || recordBytes === 0)
      fail('E_DATA_EMPTY', `${source.name} holds no samples`, { name: source.name });
    await checkRunLength(source, { headerBytes: header.headerBytes, recordBytes, count }, ctx);
    const first = base;
    const decodeAt = sampleDecoder(header.type, false, here, source.name);
    runs.push({
      source,
      headerBytes: header.headerBytes,
      recordBytes,
      count,
      decode: (bytes: Uint8Array, position: number) => ({ ...decodeAt(bytes, position - first), position }),
    });
    files.push({ path: source.path, name: '' });
    base += count;
    const found = options.findLabels ? await findLabelFile(source, count) : undefined;
    if (found) {
      const values = await readIdxLabels(found, ctx);
      if (values.length !== count) {
        fail(
          'E_DATA_COUNT',
          `${source.name} has ${formatCount(count)} samples, ${found.name} has ${formatCount(values.length)} labels`,
          { samples: count, labels: values.length },
        );
      }
      labels.push(values);
      files.push({ path: found.path, name: '' });
    }
  }
  return {
    format: 'idx',
    count: base,
    kind,
    shape,
    labels: labels.length === sources.length ? Int32Array.from(labels.flatMap((list) => [...list])) : undefined,
    classNames: undefined,
    sampleNames: undefined,
    files,
    part: options.part,
    read: (positions, readContext) => readRecords(runs, positions, readContext),
  };
}

function sampleShapeOf(header: IdxHeader): SampleShape {
  const [, a = 1, b = 1, c = 1] = header.dims;
  return header.dims.length === 2 ? { height: 1, width: 1, channels: a } : { height: a, width: b, channels: c };
}

/**
 * Labels of an IDX file of rank 1.
 * @throws IsplitError E_DATA_LABELS, E_DATA_TRUNCATED
 */
export async function readIdxLabels(source: ByteSource, ctx: RunContext): Promise<Int32Array> {
  const header = parseIdxHeader(await peekBytes(source, 20));
  if (header === undefined || isIdxSamples(header) || header.type.startsWith('f')) {
    fail('E_DATA_LABELS', `${source.name} is no IDX file of labels`, { name: source.name });
  }
  const count = header.dims[0] as number;
  const width = elementBytes(header.type);
  checkRecordBytes(source.name, width, count);
  await checkRunLength(source, { headerBytes: header.headerBytes, recordBytes: width, count }, ctx);
  const cursor = await source.open();
  try {
    await cursor.skip(header.headerBytes);
    const bytes = await readExactly(cursor, count * width, source.name, 'the labels');
    const read = elementReader(header.type, false);
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    return Int32Array.from({ length: count }, (_, i) => read(view, i));
  } finally {
    await cursor.close();
  }
}

async function findLabelFile(images: ByteSource, count: number): Promise<ByteSource | undefined> {
  const folder = dirname(images.path);
  const own = basename(images.path);
  let names: string[];
  try {
    names = (await readdir(folder)).sort(compareCodePoints);
  } catch (error) {
    failUnreadable(folder, error);
  }
  const renamed = own.replace(/images?/i, 'labels').replace(/idx[234]/i, 'idx1');
  const stem = renamed.replace(/\.gz$/i, '');
  if (renamed !== own) {
    for (const name of [renamed, stem, `${stem}.gz`]) {
      if (names.includes(name)) return openByteSource(join(folder, name), name);
    }
  }
  const fitting: ByteSource[] = [];
  for (const name of names.slice(0, 1000)) {
    if (name === own) continue;
    const header = await peekIdxHeader(join(folder, name), name);
    if (header && !isIdxSamples(header.header) && header.header.dims[0] === count) fitting.push(header.source);
  }
  return fitting.length === 1 ? fitting[0] : undefined;
}

async function peekIdxHeader(
  path: string,
  name: string,
): Promise<{ header: IdxHeader; source: ByteSource } | undefined> {
  try {
    const source = await openByteSource(path, name);
    const header = parseIdxHeader(await peekBytes(source, 20));
    return header && { header, source };
  } catch {
    // A neighbour that cannot be read is no label file; it is not what the user asked for either.
    return undefined;
  }
}
