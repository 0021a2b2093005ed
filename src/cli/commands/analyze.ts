import path from 'node:path';
import type { Command } from 'commander';
import { Problems } from '../../core/errors.js';
import { renderAnalysisReport } from '../../report/analysis-report.js';
import { renderAnalysisText } from '../../report/analysis-text.js';
import { analyzeModel, checkWritable, openModel, openStageStore, writeAnalysis } from '../../sdk.js';
import { defineCommand, runAction } from '../command.js';
import {
  addAnalysisOptions,
  addDataOptions,
  addDeploymentOptions,
  addModelOptions,
  readOptions,
} from '../data-options.js';
import { readProjectFile } from '../project-file.js';
import type { RawOptions } from '../values.js';

export function analyzeCommand(): Command {
  const command = defineCommand(
    'analyze',
    'importance of every cut, costs and ranking; writes analysis.json and report.html',
    [
      'analyze model.h5 --data samples/ --input-range 0..1',
      'analyze model.onnx --data test.npz --device esp32-s3 --budget 300KB',
      'analyze vgg16 --input 64 --data cifar10/test_batch.bin --resize bilinear --samples 64 --json',
      'analyze model.tflite --data images.tar --device esp32-c3 --link ble --classes cat,dog',
    ],
  );
  command.argument('[model]', 'model file, or an architecture such as vgg16 (default: from isplit.json)');
  command.option('--no-cache', 'measure again, even if the same samples were measured on this model before');
  command.option('--out <dir>', 'where analysis.json and report.html go (default analysis/<model>)');
  addAnalysisOptions(addDeploymentOptions(addDataOptions(addModelOptions(command))));
  return command.action((model: string | undefined, raw: RawOptions) =>
    runAction(raw, async ({ terminal, ctx }) => {
      const project = readProjectFile();
      const options = readOptions(raw, project);
      const name = model ?? project?.model;
      const { data } = options.analyze;
      if (name === undefined || data === undefined) failIncomplete(name, data);
      const opened = await openModel(name, options.model, ctx);
      const folder = typeof raw.out === 'string' ? raw.out : `analysis/${opened.name.replace(/\.[^.]+$/, '')}`;
      await checkWritable(folder);
      const store = raw.cache === false ? undefined : openStageStore(path.join(folder, '.cache'));
      const analysis = await analyzeModel(opened, { ...options.analyze, data, store }, ctx);
      for (const warning of analysis.warnings) terminal.warn(warning);
      const paths = await writeAnalysis(folder, analysis, await renderAnalysisReport(analysis));
      terminal.result(analysis, () => renderAnalysisText(analysis, { width: terminal.width, wrote: paths }));
      return analysis.ranking.length === 0 && analysis.cuts.length > 0 ? 4 : 0;
    }),
  );
}

/** Everything that is missing at once. */
function failIncomplete(model: string | undefined, data: string | undefined): never {
  const problems = new Problems();
  const orInit = 'or run isplit-edge init first';
  if (model === undefined) {
    problems.add('E_USAGE', 'no model was given', {}, `isplit-edge analyze MODEL --data PATH, ${orInit}.`);
  }
  if (data === undefined) {
    problems.add('E_USAGE', 'no data was given', {}, `Add --data PATH with labelled samples, ${orInit}.`);
  }
  problems.throwIfAny();
  throw new Error('unreachable');
}
