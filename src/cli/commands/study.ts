import path from 'node:path';
import type { Command } from 'commander';
import { Problems } from '../../core/errors.js';
import { renderStudyText } from '../../report/study-text.js';
import { checkWritable, ENGINE_CHOICES, openModel, openStageStore, studyModel, writeStudy } from '../../sdk.js';
import { defineCommand, runAction } from '../command.js';
import { addModelOptions, type ReadOptions, readOptions } from '../data-options.js';
import { type ProjectFile, readProjectFile } from '../project-file.js';
import { type RawOptions, readNumbers } from '../values.js';

export function studyCommand(): Command {
  const command = defineCommand(
    'study',
    'trains a split at every cut at equal bytes, and says which predictor would have found the best one',
    [
      'study model.h5 --data train.tar --test-data test.tar',
      'study ic_resnet8.h5 --data cifar10/ --wire 220B --seeds 5 --train-samples 9000',
      'study model.onnx --data samples/ --cuts pool1,pool2,pool3 --seeds 2 --json',
    ],
  );
  command
    .argument('[model]', 'model file (default: from isplit.json)')
    .option('--data <path>', 'labelled samples that splits learn from and predictors look at')
    .option('--test-data <path>', 'samples that trained splits are judged on (default: a seeded part of the data)')
    .option('--part <name>', 'of a set that comes divided: train (default), validation or test')
    .option('--labels <path>', 'labels beside the data: one a line, CSV, npy or IDX')
    .option('--label-map <file>', 'when the data numbers its classes differently from the model')
    .option('--record-shape <H,W,C>', 'shape of raw records')
    .option('--train-samples <n>', 'use so many samples of the data, drawn by the seed, each class keeping its share')
    .option('--test-samples <n>', 'use at most so many test samples (default 2000)')
    .option('--input-range <a..b>', 'what bytes 0 and 255 become: 0..255, 0..1 or -1..1')
    .option('--mean <list>', 'mean per channel')
    .option('--std <list>', 'standard deviation per channel')
    .option('--resize <mode>', 'bring pictures to the input size: none, nearest or bilinear')
    .option('--crop <spec>', 'none, centre, centre:875 (per mille of the side) or top,left,height,width')
    .option('--colour <order>', 'rgb, bgr or grey')
    .option('--wire <size>', "coded payload of one inference at every cut (default: a sixteenth of the input's bytes)")
    .option('--seeds <n>', 'trainings of every cut (default 3)')
    .option('--cuts <list>', 'single-tensor cuts, comma-separated (default: all of them)')
    .option('--subsets <n>', 'random class subsets to look at (default 20)')
    .option('--engine <id>', `${ENGINE_CHOICES.join(', ')} (default onnx)`)
    .option('--threads <n>', 'threads of the engine (default: all cores)')
    .option('--no-cache', 'train everything anew, even if earlier runs are there')
    .option('--out <dir>', 'where study.json, study.html and charts go (default study/<model>)');
  addModelOptions(command);
  return command.action((model: string | undefined, raw: RawOptions) =>
    runAction(raw, async ({ terminal, ctx }) => {
      const project = readProjectFile();
      const { options, numbers } = readStudyOptions(raw, project);
      const name = model ?? project?.model;
      const { data } = options.analyze;
      if (name === undefined || data === undefined) failIncomplete(name, data);
      const opened = await openModel(name, options.model, ctx);
      for (const warning of opened.warnings) terminal.warn(warning);
      const folder = typeof raw.out === 'string' ? raw.out : `study/${opened.name.replace(/\.[^.]+$/, '')}`;
      await checkWritable(folder);
      const store = raw.cache === false ? undefined : openStageStore(path.join(folder, '.cache'));
      const { budgets, classes: _classes, ...rest } = options.analyze;
      const { trainSamples, ...counts } = numbers;
      const study = await studyModel(
        opened,
        {
          ...rest,
          ...counts,
          ...(trainSamples === undefined ? {} : { samples: trainSamples }),
          data,
          testData: options.testData,
          wireBytes: budgets?.wireBytes,
          cuts: typeof raw.cuts === 'string' ? raw.cuts.split(',').map((id) => id.trim()) : undefined,
          store,
        },
        ctx,
      );
      const wrote = await writeStudy(folder, study);
      terminal.result(study, () => renderStudyText(study, { width: terminal.width, wrote }));
      return 0;
    }),
  );
}

type StudyNumber = 'seeds' | 'subsets' | 'testSamples' | 'trainSamples';

/** `--wire` is the project's wire budget under the name it has here. @throws IsplitError E_USAGE with every problem */
function readStudyOptions(
  raw: RawOptions,
  project: ProjectFile | undefined,
): { readonly options: ReadOptions; readonly numbers: Partial<Record<StudyNumber, number>> } {
  const problems = new Problems();
  const options = problems.collect(() => readOptions({ ...raw, budgetWire: raw.wire }, project));
  const numbers = problems.collect(() =>
    readNumbers(raw, {
      seeds: { option: '--seeds', least: 1, whole: true },
      subsets: { option: '--subsets', least: 0, whole: true },
      testSamples: { option: '--test-samples', least: 1, whole: true },
      trainSamples: { option: '--train-samples', least: 1, whole: true },
    }),
  );
  problems.throwIfAny();
  return { options: options as ReadOptions, numbers: numbers ?? {} };
}

/** Everything that is missing at once. */
function failIncomplete(model: string | undefined, data: string | undefined): never {
  const problems = new Problems();
  const usage = 'isplit-edge study MODEL --data PATH --test-data PATH';
  if (model === undefined) problems.add('E_USAGE', 'no model was given', {}, usage);
  if (data === undefined) problems.add('E_USAGE', 'no data was given', {}, usage);
  problems.throwIfAny();
  throw new Error('unreachable');
}
