/** Options shared by the commands that read models, data and devices; and the project file that supplies their defaults. */
import type { Command } from 'commander';
import { fail, Problems } from '../core/errors.js';
import { parseBytes, parseCount, parseDurationUs } from '../core/units.js';
import {
  type AnalyzeOptions,
  type Budgets,
  ENGINE_CHOICES,
  type EngineChoice,
  type OpenModelOptions,
  RANK_BY,
  type RankBy,
} from '../sdk.js';
import type { ProjectFile } from './project-file.js';
import { parseChoice, parseNumber, type RawOptions } from './values.js';

export function addModelOptions(command: Command): Command {
  return command
    .optionsGroup('Model:')
    .option('--input <HxWxC>', 'picture size of an architecture built by name, e.g. 64 or 96x96x1')
    .option('--model-classes <n>', 'number of classes of an architecture built by name')
    .option('--seed <n>', 'seed of everything random (default 0)');
}

export function addDataOptions(command: Command): Command {
  return command
    .optionsGroup('Samples and preprocessing:')
    .option('--data <path>', 'labelled samples: CIFAR-10 records, IDX, folder or tar of images, npy/npz, raw records')
    .option('--part <name>', 'of a set that comes divided: train (default), validation or test')
    .option('--labels <path>', 'labels beside the data: one a line, CSV, npy or IDX')
    .option('--label-map <file>', 'when the data numbers its classes differently from the model')
    .option('--record-shape <H,W,C>', 'shape of raw records')
    .option('--samples <n>', 'use so many samples, drawn by the seed, each class keeping its share')
    .option('--classes <list>', 'restrict importance to these classes: numbers or names, comma-separated')
    .option('--input-range <a..b>', 'what bytes 0 and 255 become: 0..255, 0..1 or -1..1')
    .option('--mean <list>', 'mean per channel')
    .option('--std <list>', 'standard deviation per channel')
    .option('--resize <mode>', 'bring pictures to the input size: none, nearest or bilinear')
    .option('--crop <spec>', 'none, centre, centre:875 (per mille of the side) or top,left,height,width')
    .option('--colour <order>', 'rgb, bgr or grey');
}

export function addDeploymentOptions(command: Command): Command {
  return command
    .optionsGroup('Board, link and budgets:')
    .option('--device <id>', 'board: isplit-edge devices lists them; or a file, ./my-board.json')
    .option('--link <id>', "link to the gateway (default: the board's); isplit-edge links lists them")
    .option('--budget <size>', 'weights + code estimate + RAM of the head, e.g. 300KB')
    .option('--budget-flash <size>', 'weights + code estimate')
    .option('--budget-ram <size>', 'arena')
    .option('--budget-macs <n>', 'multiply-accumulates of the head, e.g. 5M')
    .option('--budget-latency <time>', 'head + encode + link + tail, e.g. 50ms')
    .option('--budget-wire <size>', 'bytes on the wire an inference');
}

export function addAnalysisOptions(command: Command): Command {
  return command
    .optionsGroup('Analysis:')
    .option('--engine <id>', `${ENGINE_CHOICES.join(', ')} (default onnx)`)
    .option('--threads <n>', 'threads of the engine (default: all cores)')
    .option('--rank-by <score>', `${RANK_BY.join(', ')} (default cui)`)
    .option('--no-probe', 'do not look at the cuts behind untrained bottlenecks');
}

/** Collects usage problems of several options, so that all of them are reported at once. */
class OptionReader {
  readonly #problems = new Problems();

  read<T>(value: string | boolean | undefined, parse: (text: string) => T): T | undefined {
    return typeof value === 'string' ? this.#problems.collect(() => parse(value)) : undefined;
  }

  choice<T extends string>(option: string, value: string | boolean | undefined, choices: readonly T[]): T | undefined {
    return this.read(value, (text) => parseChoice(text, option, choices));
  }

  integer(option: string, value: string | boolean | undefined, min: number): number | undefined {
    return this.read(value, (text) => parseNumber(text, { option, least: min, whole: true }));
  }

  add(message: string, hint: string): void {
    this.#problems.add('E_USAGE', message, {}, hint);
  }

  finish(): void {
    this.#problems.throwIfAny();
  }
}

export interface ReadOptions {
  readonly model: OpenModelOptions;
  readonly analyze: Omit<AnalyzeOptions, 'data'> & { readonly data: string | undefined };
  readonly testData: string | undefined;
}

/** Turns raw options into those of the sdk, the project file filling the gaps. @throws IsplitError E_USAGE with every problem */
export function readOptions(raw: RawOptions, project: ProjectFile | undefined): ReadOptions {
  const reader = new OptionReader();
  const text = (key: string, fallback?: string): string | undefined =>
    typeof raw[key] === 'string' ? raw[key] : fallback;
  const pre = project?.preprocessing ?? {};
  const seed = reader.integer('--seed', raw.seed, 0) ?? project?.seed ?? 0;
  const budgetText = (key: string, name: keyof NonNullable<ProjectFile['budgets']>): string | undefined =>
    text(key, project?.budgets?.[name]);
  const parsed = {
    totalBytes: reader.read(budgetText('budget', 'total'), parseBytes),
    flashBytes: reader.read(budgetText('budgetFlash', 'flash'), parseBytes),
    ramBytes: reader.read(budgetText('budgetRam', 'ram'), parseBytes),
    macs: reader.read(budgetText('budgetMacs', 'macs'), parseCount),
    latencyUs: reader.read(budgetText('budgetLatency', 'latency'), parseDurationUs),
    wireBytes: reader.read(budgetText('budgetWire', 'wire'), parseBytes),
  };
  const budgets = Object.fromEntries(Object.entries(parsed).filter(([, value]) => value !== undefined)) as Budgets;
  const result: ReadOptions = {
    model: {
      inputShape: reader.read(raw.input, parseInputShape),
      classes: reader.integer('--model-classes', raw.modelClasses, 2),
      seed,
    },
    analyze: {
      data: text('data', project?.data),
      part: reader.choice('--part', raw.part, ['train', 'validation', 'test'] as const) ?? 'train',
      labels: text('labels', project?.labels),
      labelMap: text('labelMap', project?.labelMap),
      recordShape: text('recordShape', project?.recordShape),
      samples: reader.integer('--samples', raw.samples, 1) ?? project?.samples,
      classes: text('classes', project?.classes),
      inputRange: text('inputRange', pre.inputRange),
      mean: text('mean', pre.mean),
      std: text('std', pre.std),
      resize: text('resize', pre.resize),
      crop: text('crop', pre.crop),
      colour: text('colour', pre.colour),
      device: text('device', project?.device),
      link: text('link', project?.link),
      engine: reader.choice<EngineChoice>('--engine', raw.engine, ENGINE_CHOICES),
      threads: reader.integer('--threads', raw.threads, 1),
      probe: raw.probe !== false,
      rankBy: reader.choice<RankBy>('--rank-by', raw.rankBy, RANK_BY),
      budgets,
      seed,
    },
    testData: text('testData', project?.testData),
  };
  if (result.analyze.rankBy === 'probe' && result.analyze.probe === false) {
    reader.add('--rank-by probe needs the probes, which --no-probe leaves out', 'Leave one of the two out.');
  }
  reader.finish();
  return result;
}

/** `64`, `96x96` (three channels) or `28x28x1`. */
function parseInputShape(value: string): readonly [number, number, number] {
  const parts = value.split(/[x,]/).map(Number);
  const [h, w = h, c = 3] = parts;
  if (
    parts.length > 3 ||
    [h, w, c].some((d) => !Number.isSafeInteger(d) || (d as number) < 1 || (d as number) > 4096)
  ) {
    fail('E_USAGE', `--input "${value}" is not a picture size`, { input: value }, 'Write 64, 96x96 or 28x28x1.');
  }
  return [h as number, w as number, c];
}
