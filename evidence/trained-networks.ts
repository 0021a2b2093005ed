/** Networks trained from scratch by `train`: two too big for a board, and the small ones that fit, on the same data. */
import path from 'node:path';
import { packageRoot } from '../src/core/package-root.js';
import { type TrainedModel, type TrainModelOptions, trainModel } from '../src/sdk.js';
import type { Evidence } from './evidence.js';
import { renewRows } from './kept-rows.js';
import { missingSharedData, sharedData } from './shared-data.js';

/** Networks and checkpoints; an interrupted run goes on from here. */
export const TRAINED_FOLDER = path.join(packageRoot(), '.cache', 'trained-networks');

/** One network on one data set. */
export interface TrainedNetworkCase {
  readonly id: string;
  readonly architecture: string;
  readonly options: TrainModelOptions;
}

export interface TrainedNetworkRow {
  readonly id: string;
  readonly architecture: string;
  readonly data: string;
  readonly inputShape: readonly number[];
  readonly parameters: number;
  readonly macs: number;
  readonly samples: TrainedModel['samples'];
  readonly on: TrainedModel['on'];
  readonly accuracy: TrainedModel['accuracy'];
  readonly epochs: number;
  readonly bestEpoch: number;
  /** Wall clock, validation included; null when nothing was left to train. */
  readonly minutesPerEpoch: number | null;
  readonly threads: number | null;
}

export interface TrainedNetworks {
  readonly rows: readonly TrainedNetworkRow[];
}

const SMALL = ['fashion-cnn', 'ds-cnn', 'resnet8', 'mobilenet_v1'] as const;

export function trainedNetworkCases(): readonly TrainedNetworkCase[] {
  // Letters: no flips. Lungs: flips, and more room to move.
  const letters = {
    data: sharedData('datasets/notmnist'),
    settings: { augmentation: { shift: 2 } },
  } satisfies TrainModelOptions;
  const lungs = {
    data: sharedData('datasets/chest-xray/chest_xray_224_subset.tar'),
    input: { height: 64, width: 64, channels: 1 },
    settings: { augmentation: { flip: true, shift: 4 }, batchSize: 32, weightDecay: 0.05 },
  } satisfies TrainModelOptions;
  const big: TrainedNetworkCase[] = [
    {
      id: 'vgg16-notmnist',
      architecture: 'vgg16',
      options: { ...letters, input: { height: 32, width: 32 }, settings: { ...letters.settings, epochs: 5 } },
    },
    {
      id: 'vgg16-chest',
      architecture: 'vgg16',
      options: { ...lungs, settings: { ...lungs.settings, epochs: 12, learningRate: 5e-4 } },
    },
  ];
  const small = SMALL.flatMap((architecture): TrainedNetworkCase[] => [
    {
      id: `${architecture}-notmnist`,
      architecture,
      options: { ...letters, settings: { ...letters.settings, epochs: 30, learningRate: 3e-3 } },
    },
    {
      id: `${architecture}-chest`,
      architecture,
      options: { ...lungs, settings: { ...lungs.settings, epochs: 60, patience: 20, learningRate: 3e-3 } },
    },
  ]);
  return [...big, ...small];
}

/** Trains, or goes on training; the file and its card are `<folder>/<id>.tflite` and `<id>.card.json`. */
export async function trainCase(
  { id, architecture, options }: TrainedNetworkCase,
  folder: string,
  report: (line: string) => void,
): Promise<TrainedNetworkRow> {
  const watch = new EpochWatch(id, report);
  const model = await trainModel(architecture, path.join(folder, `${id}.tflite`), options, {
    onProgress: (event) => watch.see(event),
    onWarning: report,
  });
  return {
    id,
    architecture,
    data: path.basename(options.data),
    inputShape: model.inputShape,
    parameters: model.parameters,
    macs: model.macs,
    samples: model.samples,
    on: model.on,
    accuracy: model.accuracy,
    epochs: model.history.length,
    bestEpoch: model.bestEpoch,
    minutesPerEpoch: watch.minutesPerEpoch(model.settings.epochs),
    threads: options.threads ?? null,
  };
}

/** Time an epoch, from what was trained in this run. */
class EpochWatch {
  readonly #id: string;
  readonly #report: (line: string) => void;
  #first: { done: number; at: number } | undefined;
  #last: { done: number; at: number; total: number } | undefined;
  #epoch = 0;

  constructor(id: string, report: (line: string) => void) {
    this.#id = id;
    this.#report = report;
  }

  see(event: { stage: string; done: number; total?: number; metrics?: Readonly<Record<string, number>> }): void {
    if (event.stage !== 'train') return;
    const at = performance.now();
    this.#first ??= { done: event.done, at };
    this.#last = { done: event.done, at, total: event.total ?? 0 };
    const { epoch = 0, loss, accuracy } = event.metrics ?? {};
    if (epoch === this.#epoch) return;
    this.#epoch = epoch;
    const seen = accuracy === undefined ? '' : `, validation ${(100 * accuracy).toFixed(1)} %`;
    this.#report(`${this.#id}: epoch ${epoch}, loss ${loss?.toFixed(3) ?? '–'}${seen}`);
  }

  minutesPerEpoch(epochs: number): number | null {
    const [first, last] = [this.#first, this.#last];
    if (!first || !last || last.done <= first.done) return null;
    const share = (last.done - first.done) / last.total;
    return Number(((last.at - first.at) / 60_000 / (share * epochs)).toFixed(2));
  }
}

export const trainedNetworks: Evidence = {
  name: 'trained-networks',
  summary: 'networks trained from scratch on notMNIST and Chest X-Ray (hours; name some: vgg16-notmnist resnet8-chest)',
  missing: missingSharedData,
  parts: () => trainedNetworkCases().map(({ id }) => id),
  async run(report, chosen = []) {
    const cases = trainedNetworkCases();
    const rows = await renewRows<TrainedNetworkRow>({
      name: 'trained-networks',
      ids: cases.map(({ id }) => id),
      chosen,
      async measure(id, earlier) {
        const row = await trainCase(cases.find((c) => c.id === id) as TrainedNetworkCase, TRAINED_FOLDER, report);
        return { ...row, minutesPerEpoch: row.minutesPerEpoch ?? earlier?.minutesPerEpoch ?? null };
      },
    });
    return { rows };
  },
};
