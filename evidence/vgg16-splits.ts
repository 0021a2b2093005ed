/** VGG16, too big for a board, split for it: beside small networks that fit as a whole, and pictures of as many bytes. */
import path from 'node:path';
import { IsplitError } from '../src/core/errors.js';
import type { BaselineCurve, Interval } from '../src/evaluate/evaluation.js';
import type { BuildOptions } from '../src/sdk.js';
import type { Evidence } from './evidence.js';
import { renewRows } from './kept-rows.js';
import { missingSharedData } from './shared-data.js';
import { buildSplit, type SplitRow } from './split-row.js';
import { TRAINED_FOLDER, type TrainedNetworkCase, trainedNetworkCases } from './trained-networks.js';

/** A small network, whole, in int8 on the same board. */
export interface SmallNetwork {
  readonly architecture: string;
  readonly fits: boolean;
  readonly macs: number | null;
  readonly accuracy: number | null;
  readonly interval: Interval | null;
  /** Predicted; an estimate. */
  readonly deviceUs: number | null;
}

export interface Vgg16Split {
  /** Of the data. */
  readonly id: string;
  readonly split: SplitRow;
  /** Predicted; an estimate. */
  readonly latencyUs: { readonly device: number; readonly link: number; readonly tail: number } | null;
  /** JPEG and WebP at the split's bytes, the raw activation, the picture as it is; the classifier fine-tuned where that is said. */
  readonly curves: readonly BaselineCurve[];
  readonly verdict: string | null;
  readonly small: readonly SmallNetwork[];
}

export interface Vgg16Figures {
  readonly device: string;
  readonly budgetBytes: number;
  readonly rows: readonly Vgg16Split[];
}

const DEVICE = 'esp32-s3';
const BUDGET_BYTES = 256;
const DATA = ['notmnist', 'chest'] as const;

export const vgg16Splits: Evidence = {
  name: 'vgg16-splits',
  summary: `VGG16 of trained-networks split for ${DEVICE} at ${BUDGET_BYTES} B, beside networks that fit (an hour; notmnist, chest)`,
  missing: missingSharedData,
  parts: () => DATA,
  async run(report, chosen = []): Promise<Vgg16Figures> {
    const rows = await renewRows<Vgg16Split>({
      name: 'vgg16-splits',
      ids: DATA,
      chosen,
      measure: (id, earlier) => measureData(id, earlier, report),
    });
    return { device: DEVICE, budgetBytes: BUDGET_BYTES, rows };
  },
};

async function measureData(
  id: string,
  earlier: Vgg16Split | undefined,
  report: (line: string) => void,
): Promise<Vgg16Split> {
  const cases = trainedNetworkCases().filter((c) => c.id.endsWith(`-${id}`));
  const big = cases.find(({ architecture }) => architecture === 'vgg16') as TrainedNetworkCase;
  const small: SmallNetwork[] = [];
  for (const one of cases.filter((c) => c !== big)) {
    small.push(await measureSmall(one, (line) => report(`${one.id}: ${line}`)));
  }
  const { row, evaluation } = await buildSplit(
    fileOf(big),
    `vgg16-splits/${big.id}`,
    { ...optionsOf(big), budgets: { wireBytes: BUDGET_BYTES }, baselines: true, fineTune: 'own' },
    (line) => report(`${big.id}: ${line}`),
  );
  const { latencyUs } = evaluation;
  return {
    id,
    split: { ...row, trainingMinutes: row.trainingMinutes ?? earlier?.split.trainingMinutes ?? null },
    latencyUs: latencyUs && {
      device: latencyUs.head + latencyUs.encode,
      link: latencyUs.link,
      tail: latencyUs.tail,
    },
    curves: evaluation.baselines ?? [],
    verdict: evaluation.verdict,
    small,
  };
}

async function measureSmall(one: TrainedNetworkCase, report: (line: string) => void): Promise<SmallNetwork> {
  const { architecture } = one;
  const options: BuildOptions = { ...optionsOf(one), cut: 'output', baselines: false, probe: false };
  try {
    const { row, evaluation } = await buildSplit(fileOf(one), `vgg16-splits/${one.id}`, options, report);
    const { accuracy, headMacs: macs, interval } = row;
    return { architecture, fits: true, macs, accuracy, interval, deviceUs: evaluation.latencyUs?.head ?? null };
  } catch (error) {
    if (!(error instanceof IsplitError) || !error.all.some(({ code }) => code === 'E_BUDGET_INFEASIBLE')) throw error;
    return { architecture, fits: false, macs: null, accuracy: null, interval: null, deviceUs: null };
  }
}

/** The samples it was trained without are held out here too: the same seed draws them. */
function optionsOf({ options }: TrainedNetworkCase): BuildOptions {
  return { data: options.data, device: DEVICE };
}

function fileOf({ id }: TrainedNetworkCase): string {
  return path.join(TRAINED_FOLDER, `${id}.tflite`);
}
