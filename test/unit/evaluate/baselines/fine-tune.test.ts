import { beforeAll, describe, expect, it } from 'vitest';
import type { StageStore } from '../../../../src/artifact/stage-store.js';
import { openDataset } from '../../../../src/data/open-dataset.js';
import { drawStratified, splitRoles } from '../../../../src/data/roles.js';
import { createEngine } from '../../../../src/engines/index.js';
import type { BaselineRequest } from '../../../../src/evaluate/baselines/baseline-request.js';
import { jpegCodec } from '../../../../src/evaluate/baselines/jpeg.js';
import { measureBaselines } from '../../../../src/evaluate/baselines/measure-baselines.js';
import type { BaselineCurve } from '../../../../src/evaluate/evaluation.js';
import { choosePreprocess, demoPaths, openModel } from '../../../../src/sdk/open-model.js';

const TARGET = 16;

class MemoryStore implements StageStore {
  readonly texts = new Map<string, string>();
  readonly bytes = new Map<string, Uint8Array>();
  async load(stage: string, inputs: unknown): Promise<string | undefined> {
    return this.texts.get(stage + JSON.stringify(inputs));
  }
  async save(stage: string, inputs: unknown, result: string): Promise<void> {
    this.texts.set(stage + JSON.stringify(inputs), result);
  }
  async loadBytes(stage: string, inputs: unknown): Promise<Uint8Array | undefined> {
    return this.bytes.get(stage + JSON.stringify(inputs));
  }
  async saveBytes(stage: string, inputs: unknown, result: Uint8Array): Promise<void> {
    this.bytes.set(stage + JSON.stringify(inputs), result.slice());
  }
}

describe('a classifier trained further on pictures as they arrive', () => {
  const store = new MemoryStore();
  let request: BaselineRequest;
  let curves: BaselineCurve[];
  const stages: string[] = [];
  const measure = (own: BaselineRequest): Promise<BaselineCurve[]> =>
    measureBaselines(own, { onProgress: ({ stage }) => stages.push(stage) });

  beforeAll(async () => {
    const model = await openModel(demoPaths().model);
    const data = await openDataset(demoPaths().calibration, { classCount: 10 });
    const { train, validation } = splitRoles(data.select(drawStratified(data.labels, 640, 0)), 0, { validation: 0.2 });
    const whole = await openDataset(demoPaths().test, { classCount: 10 });
    request = {
      network: model.network,
      preprocessing: choosePreprocess(model, {}).spec,
      engine: await createEngine('onnx'),
      test: whole.select(drawStratified(whole.labels, 200, 0)),
      search: validation,
      rates: [TARGET],
      codecs: [jpegCodec],
      fineTune: { train, options: { epochs: 3, batchSize: 32 } },
      store,
      storeInputs: 'demo',
    };
    curves = await measure(request);
  }, 120_000);

  it('does far better on tiny pictures, with the same bytes and setting', () => {
    const [plain, tuned] = curves;
    expect([plain?.fineTuned, tuned?.fineTuned]).toEqual([false, true]);
    const [before, after] = [plain?.points[0], tuned?.points[0]];
    expect(after?.setting).toBe(before?.setting);
    expect(after?.bytesMean).toBe(before?.bytesMean);
    expect(after?.accuracy).toBeGreaterThan((before?.accuracy as number) + 0.05);
  });

  it('is trained once: what was measured is taken from the store, and so are the weights', async () => {
    stages.length = 0;
    expect(await measure(request)).toEqual(curves);
    expect(stages).toEqual([]);
    store.texts.clear();
    expect(await measure(request)).toEqual(curves);
    expect(stages).toContain('baselines');
    expect(stages.filter((stage) => stage.startsWith('fine-tune'))).toEqual([]);
  });
});
