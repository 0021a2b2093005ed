import type { Command } from 'commander';
import { Problems } from '../../core/errors.js';
import { type BuildOptions, buildModel, defaultBuildFolder, openModel, RECIPES } from '../../sdk.js';
import { showBuild } from '../build-result.js';
import { defineCommand, runAction } from '../command.js';
import {
  addAnalysisOptions,
  addDataOptions,
  addDeploymentOptions,
  addModelOptions,
  type ReadOptions,
  readOptions,
} from '../data-options.js';
import { type ProjectFile, readProjectFile } from '../project-file.js';
import { readRates } from '../rates.js';
import { parseChoice, type RawOptions, readNumbers } from '../values.js';

export function buildCommand(): Command {
  const command = defineCommand(
    'build',
    'from a model to an int8 head for the device and the tail that matches: analyze, choose, quantize, export, verify',
    [
      'build model.h5 --data samples/ --device esp32-s3 --budget 300KB',
      'build model.onnx --data train.npz --test-data test.npz --device esp32-c3 --budget-latency 500ms',
      'build model.h5 --data samples/ --device coral --cut conv3 --out build/by-hand',
      'build model.h5 --data samples/ --device esp32-s3 --budget-wire 512B --budget-macs 5M',
      'build --device coral --budget 4MB --json',
    ],
  );
  command
    .argument('[model]', 'model file (default: from isplit.json)')
    .option(
      '--cut <id>',
      'cut here instead of choosing: a cut id of analyze, output (all on the device) or input (no head)',
    )
    .option('--test-data <path>', 'samples no choice is made on; without them a seeded part of --data is held out')
    .option('--test-labels <path>', 'labels beside the test data')
    .option('--calibration-samples <n>', 'samples the activation ranges are taken from (default 128)')
    .option(
      '--bottleneck <spec>',
      'auto (chosen for --budget-wire), none, one such as conv3x3-s2-c8-b4, or i-split (default: auto with --budget-wire)',
    )
    .option('--train-samples <n>', 'samples the bottleneck is trained on, at most (default 20000)')
    .option('--recipe <name>', `how long it is trained: ${RECIPES.join(' or ')}`)
    .option('--baselines', 'measure simpler ideas on the test samples too (default with a bottleneck)')
    .option('--no-baselines', 'do not')
    .option('--rates <list>', "payload bytes of their curves beside the split's own")
    .option('--fine-tune', 'also with the classifier trained further on pictures as they arrive')
    .option('--no-cache', 'take nothing from earlier runs')
    .option('--out <dir>', 'folder that is made or replaced (default build/<model>-<device>)');
  addAnalysisOptions(addDeploymentOptions(addDataOptions(addModelOptions(command))));
  return command.action((model: string | undefined, raw: RawOptions) =>
    runAction(raw, async ({ terminal, ctx }) => {
      const project = readProjectFile();
      const { options, own } = readBuildOptions(raw, project);
      const { name, data } = requireInputs(model ?? project?.model, options.analyze.data);
      const opened = await openModel(name, options.model, ctx);
      const folder = typeof raw.out === 'string' ? raw.out : defaultBuildFolder(name, options.analyze.device);
      const built = await buildModel(
        opened,
        name,
        folder,
        {
          ...options.analyze,
          data,
          ...own,
          testData: options.testData,
        },
        ctx,
      );
      showBuild(built, folder, terminal);
      return 0;
    }),
  );
}

function text(value: string | boolean | undefined): string | undefined {
  return typeof value === 'string' ? value : undefined;
}

/** What build alone has to read. @throws IsplitError E_USAGE with every problem, those of the shared options included */
function readBuildOptions(
  raw: RawOptions,
  project: ProjectFile | undefined,
): { readonly options: ReadOptions; readonly own: Partial<BuildOptions> } {
  const problems = new Problems();
  const options = problems.collect(() => readOptions(raw, project));
  const numbers = problems.collect(() =>
    readNumbers(raw, {
      calibrationSamples: { option: '--calibration-samples', least: 1, whole: true },
      trainSamples: { option: '--train-samples', least: 1, whole: true },
    }),
  );
  const own: Partial<BuildOptions> = {
    ...numbers,
    recipe: problems.collect(() =>
      typeof raw.recipe === 'string' ? parseChoice(raw.recipe, '--recipe', RECIPES) : undefined,
    ),
    rates: problems.collect(() => readRates(raw.rates)),
    cut: text(raw.cut),
    testLabels: text(raw.testLabels),
    bottleneck: text(raw.bottleneck),
    baselines: typeof raw.baselines === 'boolean' ? raw.baselines : undefined,
    fineTune: raw.fineTune === true,
    cache: raw.cache !== false,
  };
  problems.throwIfAny();
  return { options: options as ReadOptions, own };
}

/** Everything that is missing at once. */
function requireInputs(name: string | undefined, data: string | undefined): { name: string; data: string } {
  const problems = new Problems();
  const orInit = 'or run isplit-edge init first';
  if (name === undefined) {
    problems.add('E_USAGE', 'no model was given', {}, `isplit-edge build MODEL --data PATH --device ID, ${orInit}.`);
  }
  if (data === undefined) {
    problems.add('E_USAGE', 'no data was given', {}, `Add --data PATH with labelled samples, ${orInit}.`);
  }
  problems.throwIfAny();
  return { name: name as string, data: data as string };
}
