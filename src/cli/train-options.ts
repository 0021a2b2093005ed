/** Options of `train`: of architectures, and of folders whose bottleneck is trained again. */
import { fail, Problems } from '../core/errors.js';
import { RECIPES, type RetrainOptions, type TrainingSettings, type TrainModelOptions } from '../sdk.js';
import { readOptions } from './data-options.js';
import { readProjectFile } from './project-file.js';
import { parseChoice, type RawOptions, readNumbers } from './values.js';

/** Keys of options that say something of one of the two alone. */
export const ARCHITECTURE_OPTIONS = [
  'input',
  'inputRange',
  'mean',
  'std',
  'resize',
  'crop',
  'colour',
  'epochs',
  'learningRate',
  'batch',
  'weightDecay',
  'augment',
  'patience',
] as const;
export const FOLDER_OPTIONS = [
  'model',
  'bottleneck',
  'budgetWire',
  'recipe',
  'trainSamples',
  'testLabels',
  'baselines',
] as const;

/** @throws IsplitError E_USAGE with every option of these that was given */
export function refuseOptions(raw: RawOptions, keys: readonly string[], why: string): void {
  const problems = new Problems();
  for (const key of keys) {
    const value = raw[key];
    if (value === undefined || value === true) continue;
    const option = `--${value === false ? 'no-' : ''}${key.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
    problems.add('E_USAGE', `${option} ${why}`, { option }, 'Leave it out; isplit-edge train --help has both lists.');
  }
  problems.throwIfAny();
}

/** @throws IsplitError E_USAGE with every problem */
export function readTrainOptions(
  raw: RawOptions,
  architecture: string,
): { readonly data: string; readonly options: Omit<TrainModelOptions, 'data'> } {
  const { input: _size, ...others } = raw;
  const numbers = readNumbers(raw, {
    epochs: { option: '--epochs', least: 1, whole: true },
    batchSize: { option: '--batch', least: 2, whole: true },
    patience: { option: '--patience', least: 1, whole: true },
    learningRate: { option: '--learning-rate', above: 0 },
    weightDecay: { option: '--weight-decay', least: 0 },
  });
  const { analyze, testData } = readOptions(others, readProjectFile());
  const { data, classes: _classes, device: _device, link: _link, rankBy: _rank, budgets: _budgets, ...rest } = analyze;
  if (data === undefined) fail('E_USAGE', 'no data was given', {}, `isplit-edge train ${architecture} --data PATH`);
  return {
    data,
    options: {
      ...rest,
      testData,
      input: parseInputSize(raw.input),
      settings: { ...numbers, ...parseAugmentation(raw.augment) },
      cache: raw.resume !== false,
    },
  };
}

/** The project file is not asked: the folder's manifest says how it was built. @throws IsplitError E_USAGE with every problem */
export function readRetrainOptions(
  dir: string,
  raw: RawOptions,
): { readonly folder: string; readonly options: RetrainOptions } {
  const problems = new Problems();
  const read = problems.collect(() => readOptions(raw, undefined));
  const numbers = problems.collect(() =>
    readNumbers(raw, { trainSamples: { option: '--train-samples', least: 1, whole: true } }),
  );
  const recipe = problems.collect(() =>
    typeof raw.recipe === 'string' ? parseChoice(raw.recipe, '--recipe', RECIPES) : undefined,
  );
  problems.throwIfAny();
  const { analyze, testData } = read as NonNullable<typeof read>;
  const { data, labels, labelMap, recordShape, samples, seed, engine, threads, budgets, part } = analyze;
  const text = (key: string): string | undefined => (typeof raw[key] === 'string' ? raw[key] : undefined);
  const out = text('out') ?? dir;
  return {
    folder: out,
    options: {
      data,
      ...(raw.part === undefined ? {} : { part }),
      labels,
      labelMap,
      recordShape,
      samples,
      testData,
      testLabels: text('testLabels'),
      ...(raw.seed === undefined ? {} : { seed }),
      engine,
      threads,
      budgets,
      recipe,
      ...numbers,
      model: text('model'),
      bottleneck: text('bottleneck'),
      ...(raw.baselines === false ? { baselines: false } : {}),
      cache: raw.resume !== false,
      out,
    },
  };
}

/** Pixels by which `--augment crop` moves a picture at most, each way. */
const CROP_SHIFT = 2;
const LARGEST_SIDE = 4096;

/** `64`, `96x96` or `28x28x1`; without channels those of the pictures are taken. @throws IsplitError E_USAGE */
function parseInputSize(text: string | boolean | undefined): TrainModelOptions['input'] {
  if (typeof text !== 'string') return undefined;
  const parts = text.split(/[x,]/).map(Number);
  const [height, width = height, channels] = parts;
  const sound = (d: number | undefined): boolean => Number.isSafeInteger(d) && (d as number) >= 1;
  const sides = [height, width].every((d) => sound(d) && (d as number) <= LARGEST_SIDE);
  if (parts.length > 3 || !sides || (channels !== undefined && channels !== 1 && channels !== 3)) {
    fail(
      'E_USAGE',
      `--input "${text}" is not a picture size`,
      { input: text },
      'Write 64, 96x96 or 28x28x1; 1 or 3 channels.',
    );
  }
  return { height: height as number, width: width as number, channels };
}

/** `flip,crop` or `none`. @throws IsplitError E_USAGE */
function parseAugmentation(text: string | boolean | undefined): Partial<Pick<TrainingSettings, 'augmentation'>> {
  if (typeof text !== 'string') return {};
  const wanted = text.split(',').map((word) => word.trim());
  const unknown = wanted.filter((word) => !['flip', 'crop', 'none'].includes(word));
  if (unknown.length > 0 || (wanted.includes('none') && wanted.length > 1)) {
    fail(
      'E_USAGE',
      `--augment "${text}" is not flip, crop, flip,crop or none`,
      { augment: text },
      'Letters and digits are not flipped: --augment crop.',
    );
  }
  return { augmentation: { flip: wanted.includes('flip'), shift: wanted.includes('crop') ? CROP_SHIFT : 0 } };
}
