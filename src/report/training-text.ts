/** What `train` prints. */
import { formatCount } from '../core/units.js';
import { formatShape } from '../ir/graph.js';

/** The figures of a trained model; `TrainedModel` of the sdk has them. */
export interface TrainingFigures {
  readonly architecture: string;
  readonly file: string;
  readonly card: string;
  readonly inputShape: readonly number[];
  readonly classes: readonly string[];
  readonly parameters: number;
  readonly macs: number;
  readonly samples: { readonly train: number; readonly validation: number; readonly test: number };
  readonly on: 'test' | 'held-out';
  readonly bestEpoch: number;
  readonly accuracy: {
    readonly validation: number;
    readonly test: number;
    readonly testInterval: readonly [number, number];
  };
  readonly history: readonly { readonly epoch: number; readonly loss: number; readonly validation: number | null }[];
}

const percent = (share: number): string => `${(100 * share).toFixed(1)} %`;

export function renderTrainingText(model: TrainingFigures): string {
  const { accuracy, samples, history } = model;
  const [low, high] = accuracy.testInterval;
  const last = history.at(-1);
  const where = model.on === 'test' ? 'test samples' : 'held-out samples';
  return [
    `model    ${model.architecture} · ${formatShape(model.inputShape)} → ${model.classes.length} classes · ${formatCount(model.macs)} MACs · ${formatCount(model.parameters)} parameters`,
    `data     ${formatCount(samples.train)} to train on, ${formatCount(samples.validation)} to choose the epoch, ${formatCount(samples.test)} ${where}`,
    `train    ${history.length} epochs, loss ${last?.loss.toFixed(3) ?? '–'}; kept epoch ${model.bestEpoch + 1}, validation ${percent(accuracy.validation)}`,
    `accuracy ${percent(accuracy.test)} of ${formatCount(samples.test)} ${where}, 95 % interval ${percent(low)} – ${percent(high)}`,
    '',
    `wrote    ${model.file}`,
    `         ${model.card}`,
    `next     isplit-edge build ${model.file} --data … --device …`,
  ].join('\n');
}
