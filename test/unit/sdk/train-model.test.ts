/** `train` without its command line: what it leaves, resuming, and what it refuses. */
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { createRandom } from '../../../src/core/random.js';
import { openDataset } from '../../../src/data/open-dataset.js';
import { splitRoles } from '../../../src/data/roles.js';
import { createOnnxEngine } from '../../../src/engines/onnx.js';
import { heldOutShare } from '../../../src/sdk/held-out.js';
import { choosePreprocess, openModel, type TrainModelOptions, trainModel } from '../../../src/sdk.js';
import { repositoryRoot } from '../../support/shared-data.js';

const samples = path.join(repositoryRoot, 'models/fashion-cnn/samples/test');
const root = mkdtempSync(path.join(tmpdir(), 'isplit-train-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));
let folders = 0;
const newFolder = (): string => {
  const folder = path.join(root, String(folders++));
  mkdirSync(folder);
  return folder;
};

/** Pictures of 8×8 on 8×8 inputs: seconds become fractions of one. */
const tiny: TrainModelOptions = {
  data: samples,
  samples: 200,
  input: { height: 8, width: 8 },
  threads: 1,
  settings: { epochs: 3, batchSize: 16 },
};

/** Records of 8×8 grey pixels and one label a line. */
function writeRecords(
  count: number,
  labelOf: (i: number) => number,
): Pick<TrainModelOptions, 'data' | 'labels' | 'recordShape'> {
  const folder = newFolder();
  const random = createRandom(4);
  const [data, labels] = [path.join(folder, 'pixels.bin'), path.join(folder, 'labels.txt')];
  writeFileSync(
    data,
    Uint8Array.from({ length: count * 64 }, () => random.int(256)),
  );
  writeFileSync(labels, `${Array.from({ length: count }, (_, i) => labelOf(i)).join('\n')}\n`);
  return { data, labels, recordShape: '8,8,1' };
}

describe('trainModel', () => {
  it('leaves a model and a card that analyze and build need nothing beside', async () => {
    const file = path.join(newFolder(), 'small.tflite');
    const trained = await trainModel('fashion-cnn', file, tiny);
    expect(trained.samples).toEqual({ train: 140, validation: 20, test: 40 });
    expect(trained.history).toHaveLength(3);
    expect(readdirSync(path.dirname(file)).filter((name) => !name.startsWith('.'))).toEqual([
      'small.card.json',
      'small.tflite',
    ]);

    const opened = await openModel(file);
    expect(opened.warnings).toEqual([]);
    expect(opened.sha256).toBe(trained.sha256);
    expect(opened.classNames).toEqual(['0', '1', '2', '3', '4', '5', '6', '7', '8', '9']);
    const { spec, assumed } = choosePreprocess(opened, {});
    expect(assumed).toEqual([]);
    expect(spec).toMatchObject({
      height: 8,
      width: 8,
      channels: 1,
      resize: 'bilinear',
      colour: 'grey',
      mean: [0],
      std: [255],
    });

    // The file is the network that was measured: on the samples that build will hold out too.
    const drawn = await openDataset(samples, { samples: 200, seed: 0 });
    const { test } = splitRoles(drawn, 0, { test: heldOutShare(drawn.count) });
    const { network } = opened;
    const compiled = await (await createOnnxEngine()).compile(network, { threads: 1 });
    let right = 0;
    for await (const { inputs, labels } of test.batches({ batchSize: 1, spec })) {
      const values = await compiled.run({ [network.inputs[0] as string]: inputs });
      const scores = values[network.outputs[0] as string] as Float32Array;
      if (scores.indexOf(Math.max(...scores)) === labels[0]) right += 1;
    }
    await compiled.dispose();
    expect(right / 40).toBe(trained.accuracy.test);
  });

  it('learns', async () => {
    const data = writeRecords(400, (i) => i % 2);
    // Class 1 is bright on the left, class 0 on the right, under noise.
    const pixels = readFileSync(data.data);
    pixels.forEach((value, at) => {
      const bright = Math.floor(at / 64) % 2 === (at % 8 < 4 ? 1 : 0);
      pixels[at] = Math.floor(value / 2) + (bright ? 127 : 0);
    });
    writeFileSync(data.data, pixels);
    const settings = { epochs: 8, batchSize: 32, learningRate: 3e-3, augmentation: {} };
    const trained = await trainModel('resnet8', path.join(newFolder(), 'm.tflite'), {
      ...tiny,
      ...data,
      samples: 400,
      settings,
    });
    expect(trained.accuracy.test).toBeGreaterThan(0.9);
    expect(trained.history.at(-1)?.loss).toBeLessThan((trained.history[0]?.loss ?? 0) / 1.5);
  });

  it('goes on after an interruption and ends with the same bytes', async () => {
    const whole = path.join(newFolder(), 'm.tflite');
    await trainModel('fashion-cnn', whole, tiny);
    for (const images of [16, 80, 320]) {
      const file = path.join(newFolder(), 'm.tflite');
      const stop = new AbortController();
      const onProgress = (event: { stage: string; done: number }): void => {
        if (event.stage === 'train' && event.done >= images) stop.abort();
      };
      await expect(trainModel('fashion-cnn', file, tiny, { signal: stop.signal, onProgress })).rejects.toMatchObject({
        code: 'E_INTERRUPTED',
      });
      expect(readdirSync(path.dirname(file))).toEqual(['.isplit-cache']);
      let first: number | undefined;
      await trainModel('fashion-cnn', file, tiny, {
        onProgress: (event) => {
          if (event.stage === 'train') first ??= event.done;
        },
      });
      expect(first, 'it went on, and did not begin again').toBeGreaterThanOrEqual(images);
      expect(readFileSync(file).equals(readFileSync(whole))).toBe(true);
      const cards = [file, whole].map((f) => readFileSync(f.replace('.tflite', '.card.json'), 'utf8'));
      expect(cards[0]).toBe(cards[1]);
    }
  });

  it('takes a validation part that happens to be of one class', async () => {
    // 4 of 32 samples validate: one class has 90 % of them.
    const rare = writeRecords(40, (i) => (i % 10 === 0 ? 1 : 0));
    const trained = await trainModel('fashion-cnn', path.join(newFolder(), 'm.tflite'), {
      ...tiny,
      ...rare,
      samples: 40,
      settings: { epochs: 1, batchSize: 16 },
    });
    expect(trained.samples).toEqual({ train: 28, validation: 4, test: 8 });
  });

  const refused: [string, string, TrainModelOptions, string, RegExp][] = [
    ['an unknown architecture', 'resnet9', tiny, 'E_ARCHITECTURE_UNKNOWN', /"resnet9"; did you mean resnet8/],
    ['an input that is too small', 'vgg16', tiny, 'E_INPUT_TOO_SMALL', /at least 32×32, the input is 8×8/],
    [
      'samples of class 0 only',
      'fashion-cnn',
      { ...tiny, ...writeRecords(60, () => 0), samples: 60 },
      'E_TRAIN_ONE_CLASS',
      /60 training samples are of class 0/,
    ],
    [
      'samples of class 3 only',
      'fashion-cnn',
      { ...tiny, ...writeRecords(60, () => 3), samples: 60 },
      'E_TRAIN_ONE_CLASS',
      /class 3/,
    ],
    ['too few samples', 'fashion-cnn', { ...tiny, samples: 20 }, 'E_DATA_EMPTY', /at least 20/],
    [
      'test data that are the training data',
      'fashion-cnn',
      { ...tiny, testData: samples },
      'E_USAGE',
      /--test-data are the samples of --data/,
    ],
    [
      'a learning rate that blows up',
      'fashion-cnn',
      { ...tiny, settings: { ...tiny.settings, learningRate: 1e30 } },
      'E_TRAIN_DIVERGED',
      /learning rate/,
    ],
  ];
  it.each(refused)('refuses %s', async (_name, architecture, options, code, message) => {
    const file = path.join(newFolder(), 'm.tflite');
    const failed = trainModel(architecture, file, options);
    await expect(failed).rejects.toMatchObject({ code, message: expect.stringMatching(message) });
    expect(readdirSync(path.dirname(file)).filter((name) => name !== '.isplit-cache')).toEqual([]);
  });

  it('keeps the last checkpoint when the next cannot be saved', async () => {
    const file = path.join(newFolder(), 'm.tflite');
    const cache = path.join(path.dirname(file), '.isplit-cache');
    const fill = (event: { stage: string; done: number }): void => {
      // After the first epoch's checkpoint the folder becomes a file: nothing can be written into it any more.
      if (event.stage !== 'train' || event.done < 160 || !readdirSync(path.dirname(file)).includes('.isplit-cache'))
        return;
      rmSync(cache, { recursive: true });
      writeFileSync(cache, '');
    };
    await expect(trainModel('fashion-cnn', file, tiny, { onProgress: fill })).rejects.toMatchObject({
      code: 'E_TRAIN_CHECKPOINT',
      message: expect.stringMatching(/intact/),
    });
  });
});
