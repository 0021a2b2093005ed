import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { parseTable, serialiseTable } from '../../../src/analyze/importance-table.js';
import {
  type Analysis,
  type AnalyzeOptions,
  analyzeModel,
  demoPaths,
  IsplitError,
  openModel,
  openStageStore,
} from '../../../src/sdk.js';

const folders: string[] = [];
const newFolder = (): string => {
  const folder = mkdtempSync(path.join(tmpdir(), 'isplit-checkpoints-'));
  folders.push(folder);
  return folder;
};
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true });
});

const options: AnalyzeOptions = { data: demoPaths().calibration, samples: 300, batchSize: 16 };

describe('importance is kept', () => {
  it('an interrupted run goes on where it stopped and ends with the same document', async () => {
    const model = await openModel(demoPaths().model);
    const whole = await analyzeModel(model, options);
    for (const stopAfter of [16, 160, 288]) {
      const store = openStageStore(newFolder());
      const stop = new AbortController();
      const interrupted = analyzeModel(
        model,
        { ...options, store },
        {
          signal: stop.signal,
          onProgress: ({ done }) => {
            if (done >= stopAfter) stop.abort();
          },
        },
      );
      await expect(interrupted).rejects.toThrow(IsplitError);
      let first: number | undefined;
      const resumed = await analyzeModel(
        model,
        { ...options, store },
        {
          onProgress: ({ done }) => {
            first ??= done;
          },
        },
      );
      expect(first).toBeGreaterThanOrEqual(stopAfter);
      expect(JSON.stringify(resumed)).toBe(JSON.stringify(whole));
    }
  });

  it('a finished run is reused for another board, and not for other samples', async () => {
    const model = await openModel(demoPaths().model);
    const store = openStageStore(newFolder());
    const seen: number[] = [];
    const run = (extra: Partial<AnalyzeOptions>): Promise<Analysis> =>
      analyzeModel(model, { ...options, ...extra, store }, { onProgress: ({ done }) => seen.push(done) });
    const plain = await run({});
    expect(seen.length).toBeGreaterThan(0);
    seen.length = 0;
    const onBoard = await run({ device: 'esp32-c3', link: 'ble' });
    expect(seen).toEqual([]);
    expect(onBoard.cuts.map((c) => c.cui)).toEqual(plain.cuts.map((c) => c.cui));
    await run({ samples: 100 });
    expect(seen.length).toBeGreaterThan(0);
  });

  it('a damaged checkpoint is measured again', async () => {
    const model = await openModel(demoPaths().model);
    const folder = newFolder();
    const whole = await analyzeModel(model, { ...options, store: openStageStore(folder) });
    for (const name of readdirSync(folder))
      writeFileSync(path.join(folder, name), '{"taps":["conv1_1"],"labels":"AAA=');
    const again = await analyzeModel(model, { ...options, store: openStageStore(folder) });
    expect(JSON.stringify(again)).toBe(JSON.stringify(whole));
  });
});

describe('the table as text', () => {
  const table = {
    taps: ['a', 'b'],
    labels: Int32Array.of(1, 0, 2),
    predictions: Int32Array.of(1, 1, 2),
    scores: {
      cui: Float64Array.of(1e-9, 2, 3, 4, 5, Math.PI),
      margin: new Float64Array(0),
      taylor: new Float64Array(6),
    },
  };
  it('comes back bit by bit', () => expect(parseTable(serialiseTable(table))).toEqual(table));
  it('is refused when lengths disagree', () => {
    expect(parseTable(serialiseTable({ ...table, predictions: Int32Array.of(1) }))).toBeUndefined();
    expect(parseTable(serialiseTable({ ...table, taps: ['a'] }))).toBeUndefined();
    expect(parseTable('no json')).toBeUndefined();
  });
});
