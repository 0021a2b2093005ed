import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll } from 'vitest';
import { IsplitError } from '../../../src/core/errors.js';
import type { Dataset, SampleBatch } from '../../../src/data/dataset.js';
import type { PreprocessSpec } from '../../../src/preprocess/spec.js';

/** The real sets, or undefined; tests that need them skip with `missingSets` in their name. */
const sharedData = process.env.ISPLIT_TEST_DATA ?? fileURLToPath(new URL('../../../../shared/data', import.meta.url));
export const realSets = existsSync(join(sharedData, 'datasets')) ? join(sharedData, 'datasets') : undefined;
export const missingSets = realSets ? '' : ' (skipped: set ISPLIT_TEST_DATA to the folder of the shared data)';

/** Written by test/oracles/data_fixtures.py. */
export const fixture = (name: string) => fileURLToPath(new URL(`./fixtures/${name}`, import.meta.url));

/** The fixtures' pixel i. */
export const patternByte = (i: number) => (7 * i + 3) % 256;
export const pattern = (from: number, count: number) => Array.from({ length: count }, (_, i) => patternByte(from + i));

/** A folder that is gone after the tests of the file. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'isplit-data-'));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** Writes files (paths relative to the folder) and returns the folder. */
export function writeFiles(folder: string, files: Record<string, string | Uint8Array>): string {
  for (const [name, data] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), data);
  }
  return folder;
}

export { plainSpecOf as plainSpec } from './plain-spec.js';

export interface ReadSamples {
  readonly inputs: number[][];
  readonly labels: number[];
  readonly indices: number[];
  readonly batchCounts: number[];
}

export async function readAll(dataset: Dataset, spec: PreprocessSpec, batchSize = 2): Promise<ReadSamples> {
  const read: ReadSamples = { inputs: [], labels: [], indices: [], batchCounts: [] };
  for await (const batch of dataset.batches({ batchSize, spec })) {
    read.inputs.push(...splitBatch(batch));
    read.labels.push(...batch.labels);
    read.indices.push(...batch.indices);
    read.batchCounts.push(batch.count);
  }
  return read;
}

function splitBatch(batch: SampleBatch): number[][] {
  const elements = batch.inputs.length / batch.count;
  return Array.from({ length: batch.count }, (_, i) => [...batch.inputs.subarray(i * elements, (i + 1) * elements)]);
}

/** The coded error of an action, for its code, message and hint. */
export async function errorOf(action: () => unknown): Promise<IsplitError> {
  try {
    await action();
  } catch (error) {
    if (error instanceof IsplitError) return error;
    throw error;
  }
  throw new Error('expected an error, got none');
}

/** An IDX file of bytes. */
export function idxBytes(dims: readonly number[], data: Uint8Array, type = 8): Uint8Array {
  const header = new DataView(new ArrayBuffer(4 + 4 * dims.length));
  header.setUint8(2, type);
  header.setUint8(3, dims.length);
  dims.forEach((d, i) => {
    header.setUint32(4 + 4 * i, d);
  });
  return Buffer.concat([new Uint8Array(header.buffer), data]);
}

/** One CIFAR-10 record whose red, green and blue planes are constant. */
export function cifarRecord(label: number, rgb: readonly [number, number, number]): Uint8Array {
  const record = new Uint8Array(3073);
  record[0] = label;
  rgb.forEach((value, c) => {
    record.fill(value, 1 + 1024 * c, 1 + 1024 * (c + 1));
  });
  return record;
}
