import path from 'node:path';
import type { Command } from 'commander';
import { Problems } from '../../core/errors.js';
import { renderEvaluationText } from '../../report/build-text.js';
import {
  type BaselineOptions,
  checkOutputFile,
  checkWritable,
  ENGINE_CHOICES,
  evaluateBuild,
  writeEvaluationReport,
  writePredictions,
} from '../../sdk.js';
import { defineCommand, runAction } from '../command.js';
import { readOptions } from '../data-options.js';
import { defaultFolder } from '../default-folder.js';
import { readProjectFile } from '../project-file.js';
import { readRates } from '../rates.js';
import type { RawOptions } from '../values.js';

export function evaluateCommand(): Command {
  const command = defineCommand(
    'evaluate',
    'accuracy of what build left: full float network, float split, the int8 split exactly as on the device, and simpler ideas',
    [
      'evaluate build/vgg-like-esp32-s3 --test-data fashion/',
      'evaluate build/ic_resnet8-coral --test-data test_batch.bin --model ic_resnet8.h5 --json',
      'evaluate build/vgg-like-esp32-s3 --test-data fashion/ --samples 500 --predictions predictions.csv',
      'evaluate build/vgg-like-esp32-s3 --test-data fashion/ --baselines --rates 450,225 --report evaluation.html',
    ],
  );
  command
    .argument('[dir]', 'folder that build left (default: that of isplit.json)')
    .option('--test-data <path>', 'labelled samples that no choice was made on (of a divided set its test part)')
    .option('--model <file>', 'the float model that was built; default: where build found it')
    .option('--predictions <file>', 'write one line a sample: labels and the class each variant gives')
    .option('--report <file>', 'write an HTML report')
    .option(
      '--baselines',
      'measure simpler ideas on the same samples: JPEG, WebP, raw values, all on the device, all on the gateway',
    )
    .option('--rates <list>', "payload bytes of the baselines beside the split's own (default 900,450,225,110)")
    .option(
      '--fine-tune',
      'baselines also with the classifier trained further on pictures as they arrive, for each codec and rate',
    )
    .option(
      '--data <path>',
      'samples that settings of baselines are chosen on (default: where those of the calibration came from)',
    )
    .option('--part <name>', 'of a set that comes divided: train, validation or test (default)')
    .option('--labels <path>', 'labels beside the data: one a line, CSV, npy or IDX')
    .option('--label-map <file>', 'when the data numbers its classes differently from the model')
    .option('--record-shape <H,W,C>', 'shape of raw records')
    .option('--samples <n>', 'use so many samples, drawn by the seed, each class keeping its share')
    .option('--classes <list>', 'only samples of these classes: numbers or names, comma-separated')
    .option('--seed <n>', 'seed of the drawing (default 0)')
    .option('--engine <id>', `${ENGINE_CHOICES.join(', ')} (default onnx)`)
    .option('--threads <n>', 'threads of the engine and of the int8 executor (default: all cores)');
  return command.action((dir: string | undefined, raw: RawOptions) =>
    runAction(raw, async ({ terminal, ctx }) => {
      const project = readProjectFile();
      // What the project says of calibration samples does not hold for test data.
      const options = readOptions(
        raw,
        project && {
          schemaVersion: 1,
          testData: project.testData,
          labelMap: project.labelMap,
          recordShape: project.recordShape,
        },
      );
      const { part, labels, labelMap, recordShape, samples, classes, seed, engine, threads } = options.analyze;
      const { folder, testData } = readPaths(dir ?? defaultFolder(project), options.testData);
      const baselines = readBaselines(raw);
      const fileOf = (value: RawOptions[string]): string | undefined => (typeof value === 'string' ? value : undefined);
      const [predictionsFile, reportFile] = [fileOf(raw.predictions), fileOf(raw.report)];
      for (const file of [predictionsFile, reportFile]) {
        if (file === undefined) continue;
        await checkOutputFile(file);
        await checkWritable(path.dirname(file));
      }
      const { evaluation, predictions } = await evaluateBuild(
        folder,
        {
          testData,
          model: typeof raw.model === 'string' ? raw.model : undefined,
          modelHint: project?.model,
          part: raw.part === undefined ? 'test' : part,
          labels,
          labelMap,
          recordShape,
          samples,
          classes,
          seed,
          engine,
          threads,
          baselines,
        },
        ctx,
      );
      const wrote = [
        ...(predictionsFile === undefined ? [] : [await writePredictions(predictionsFile, predictions)]),
        ...(reportFile === undefined ? [] : [await writeEvaluationReport(reportFile, folder, evaluation)]),
      ];
      terminal.result(evaluation, () =>
        [
          renderEvaluationText(evaluation, terminal.width),
          ...(wrote.length > 0 ? [wrote.map((file) => `wrote     ${file}`).join('\n')] : []),
        ].join('\n\n'),
      );
      return 0;
    }),
  );
}

/** undefined without --baselines. @throws IsplitError E_USAGE */
function readBaselines(raw: RawOptions): BaselineOptions | undefined {
  const problems = new Problems();
  if (raw.baselines !== true) {
    for (const name of ['rates', 'fineTune', 'data'] as const) {
      const option = { rates: '--rates', fineTune: '--fine-tune', data: '--data' }[name];
      if (raw[name] !== undefined) {
        problems.add(
          'E_USAGE',
          `${option} says something of baselines, which are not measured`,
          {},
          'Add --baselines.',
        );
      }
    }
    problems.throwIfAny();
    return undefined;
  }
  const rates = readRates(raw.rates);
  return { rates, fineTune: raw.fineTune === true, data: typeof raw.data === 'string' ? raw.data : undefined };
}

/** Everything that is missing at once. */
function readPaths(dir: string | undefined, testData: string | undefined): { folder: string; testData: string } {
  const problems = new Problems();
  const usage = 'isplit-edge evaluate DIR --test-data PATH';
  if (dir === undefined) problems.add('E_USAGE', 'no folder was given', {}, usage);
  if (testData === undefined) problems.add('E_USAGE', 'no test data was given', {}, usage);
  problems.throwIfAny();
  return { folder: dir as string, testData: testData as string };
}
