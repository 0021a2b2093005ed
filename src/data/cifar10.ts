import { type RunContext, throwIfAborted } from '../core/context.js';
import { fail } from '../core/errors.js';
import { formatCount } from '../core/units.js';
import type { ByteSource } from './byte-source.js';
import { countRecords, readRecords } from './records.js';
import type { DataPart, SampleSource } from './sample-source.js';

/** One label byte, then 1024 bytes each of red, green and blue, rows top to bottom. Source: cs.toronto.edu/~kriz/cifar.html. */
const RECORD_BYTES = 3073;
const PLANE = 1024;
const CLASSES = 10;

/**
 * Whether the first bytes look like CIFAR-10 records: every label byte among them is 0 … 9, and there is at least one whole
 * record. With 64 KiB to look at, other data pass by chance in less than one case of 10^29.
 */
export function looksLikeCifar10(head: Uint8Array): boolean {
  if (head.length < RECORD_BYTES) return false;
  for (let at = 0; at < head.length; at += RECORD_BYTES) {
    if ((head[at] as number) >= CLASSES) return false;
  }
  return true;
}

/**
 * CIFAR-10 binary files, one after another.
 * @throws IsplitError E_DATA_TRUNCATED, E_DATA_LABEL_RANGE, E_DATA_EMPTY
 */
export async function openCifar10(
  sources: readonly ByteSource[],
  part: DataPart | undefined,
  ctx: RunContext,
): Promise<SampleSource> {
  const labels = await Promise.all(sources.map((source) => readLabels(source, ctx)));
  const runs = sources.map((source, i) => ({
    source,
    headerBytes: 0,
    recordBytes: RECORD_BYTES,
    count: (labels[i] as Int32Array).length,
    decode: (bytes: Uint8Array, position: number) => ({
      kind: 'picture' as const,
      position,
      picture: { data: interleavePlanes(bytes.subarray(1)), height: 32, width: 32, channels: 3 },
    }),
  }));
  return {
    format: 'cifar10',
    count: runs.reduce((sum, run) => sum + run.count, 0),
    kind: 'picture',
    shape: { height: 32, width: 32, channels: 3 },
    labels: Int32Array.from(labels.flatMap((list) => [...list])),
    classNames: undefined,
    sampleNames: undefined,
    files: sources.map((source) => ({ path: source.path, name: '' })),
    part,
    read: (positions, readContext) => readRecords(runs, positions, readContext),
  };
}

async function readLabels(source: ByteSource, ctx: RunContext): Promise<Int32Array> {
  const count = source.sizeBytes === undefined ? undefined : await countRecords(source, RECORD_BYTES, ctx);
  const labels: number[] = [];
  const cursor = await source.open();
  try {
    for (;;) {
      if ((labels.length & 1023) === 0) throwIfAborted(ctx);
      const label = (await cursor.read(1))[0];
      if (label === undefined) break;
      if (label >= CLASSES) {
        fail('E_DATA_LABEL_RANGE', `${source.name}: record ${labels.length} has label ${label}, CIFAR-10 has 0 … 9`, {
          name: source.name,
          record: labels.length,
          label,
        });
      }
      if ((await cursor.skip(RECORD_BYTES - 1)) < RECORD_BYTES - 1) {
        fail('E_DATA_TRUNCATED', `${source.name} ends in the middle of record ${formatCount(labels.length)}`, {
          name: source.name,
          wholeRecords: labels.length,
        });
      }
      labels.push(label);
    }
  } finally {
    await cursor.close();
  }
  if (count === undefined && labels.length === 0)
    fail('E_DATA_EMPTY', `${source.name} is empty`, { name: source.name });
  return Int32Array.from(labels);
}

function interleavePlanes(planes: Uint8Array): Uint8Array {
  const out = new Uint8Array(3 * PLANE);
  for (let p = 0, at = 0; p < PLANE; p++) {
    out[at++] = planes[p] as number;
    out[at++] = planes[PLANE + p] as number;
    out[at++] = planes[2 * PLANE + p] as number;
  }
  return out;
}
