import { type RunContext, throwIfAborted } from '../core/context.js';
import { fail } from '../core/errors.js';
import { formatBytes, formatCount } from '../core/units.js';
import { type ByteSource, measureBytes, readExactly } from './byte-source.js';
import { DATA_LIMITS } from './limits.js';
import type { StoredSample } from './sample-source.js';

const BLOCK_BYTES = 1024 * 1024;

/** Samples of equal length one after another in a file, after a header. */
export interface RecordRun {
  readonly source: ByteSource;
  readonly headerBytes: number;
  readonly recordBytes: number;
  readonly count: number;
  /** @param bytes recordBytes, valid only during the call @param position of the sample in the whole set */
  decode(bytes: Uint8Array, position: number): StoredSample;
}

/**
 * Streams records of several files as one set. Positions ascend; what is between them is skipped, not read, where the
 * file is not compressed.
 */
export async function* readRecords(
  runs: readonly RecordRun[],
  positions: Uint32Array,
  ctx: RunContext,
): AsyncGenerator<StoredSample> {
  let next = 0;
  let base = 0;
  for (const run of runs) {
    const end = base + run.count;
    let stop = next;
    while (stop < positions.length && (positions[stop] as number) < end) stop++;
    if (stop > next) yield* readRun(run, positions.subarray(next, stop), base, ctx);
    next = stop;
    base = end;
  }
}

async function* readRun(
  run: RecordRun,
  positions: Uint32Array,
  base: number,
  ctx: RunContext,
): AsyncGenerator<StoredSample> {
  const { source, headerBytes, recordBytes } = run;
  const blockRecords = Math.max(1, Math.floor(BLOCK_BYTES / recordBytes));
  const cursor = await source.open();
  try {
    for (let i = 0; i < positions.length; ) {
      throwIfAborted(ctx);
      const first = positions[i] as number;
      let count = 1;
      while (count < blockRecords && positions[i + count] === first + count) count++;
      await cursor.skip(headerBytes + (first - base) * recordBytes - cursor.position);
      const block = await readExactly(cursor, count * recordBytes, source.name, `sample ${first - base}`);
      for (let k = 0; k < count; k++) {
        yield run.decode(block.subarray(k * recordBytes, (k + 1) * recordBytes), first + k);
      }
      i += count;
    }
  } finally {
    await cursor.close();
  }
}

/**
 * Checks that a file has exactly the length that its header announces; reads a compressed file through for it.
 * @throws IsplitError E_DATA_TRUNCATED, E_DATA_TOO_LARGE
 */
export async function checkRunLength(
  source: ByteSource,
  layout: { headerBytes: number; recordBytes: number; count: number },
  ctx: RunContext,
): Promise<void> {
  const { headerBytes, recordBytes, count } = layout;
  checkRecordBytes(source.name, recordBytes, count);
  const needed = headerBytes + recordBytes * count;
  const has = await measureBytes(source, ctx);
  if (has === needed) return;
  const whole = recordBytes > 0 ? Math.max(0, Math.floor((has - headerBytes) / recordBytes)) : 0;
  const message =
    has < needed
      ? `${source.name} announces ${formatCount(count)} samples (${formatBytes(needed)}) and ends after ${formatCount(whole)} (${formatBytes(has)})`
      : `${source.name} goes on for ${formatBytes(has - needed)} after its ${formatCount(count)} samples`;
  fail('E_DATA_TRUNCATED', message, { name: source.name, needsBytes: needed, hasBytes: has, count });
}

/** @throws IsplitError E_DATA_TOO_LARGE */
export function checkRecordBytes(name: string, recordBytes: number, count: number): void {
  if (recordBytes > DATA_LIMITS.sampleBytes || count > DATA_LIMITS.samples) {
    fail(
      'E_DATA_TOO_LARGE',
      `${name} announces ${formatCount(count)} samples of ${formatBytes(recordBytes)}; limits are ${formatCount(DATA_LIMITS.samples)} and ${formatBytes(DATA_LIMITS.sampleBytes)}`,
      { name, count, sampleBytes: recordBytes },
    );
  }
}

/**
 * Samples in a file without a header, from its length.
 * @throws IsplitError E_DATA_TRUNCATED, E_DATA_EMPTY
 */
export async function countRecords(source: ByteSource, recordBytes: number, ctx: RunContext): Promise<number> {
  const bytes = await measureBytes(source, ctx);
  const count = Math.floor(bytes / recordBytes);
  checkRecordBytes(source.name, recordBytes, count);
  if (bytes % recordBytes !== 0) {
    fail(
      'E_DATA_TRUNCATED',
      `${source.name} holds ${formatCount(count)} records of ${formatBytes(recordBytes)} and ${formatBytes(bytes % recordBytes)} more`,
      { name: source.name, bytes, recordBytes, wholeRecords: count },
    );
  }
  if (count === 0) fail('E_DATA_EMPTY', `${source.name} is empty`, { name: source.name });
  return count;
}
