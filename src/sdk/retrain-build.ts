import path from 'node:path';
import { type BuiltFolder, openBuiltFolder } from '../artifact/built-folder.js';
import { readSourceHints } from '../artifact/source-hints.js';
import type { RunContext } from '../core/context.js';
import { Problems } from '../core/errors.js';
import { type BuildOptions, type BuiltModel, buildModel } from './build-model.js';
import { type FoundModel, findBuiltModel, type ModelPlaces } from './find-model.js';

/** What may differ from the earlier build; all else is taken from its manifest. */
export interface RetrainOptions
  extends ModelPlaces,
    Pick<
      BuildOptions,
      | 'part'
      | 'labels'
      | 'labelMap'
      | 'recordShape'
      | 'samples'
      | 'testData'
      | 'testLabels'
      | 'bottleneck'
      | 'trainSamples'
      | 'recipe'
      | 'seed'
      | 'engine'
      | 'threads'
      | 'baselines'
      | 'cache'
      | 'budgets'
    > {
  /** Default: where the earlier build's samples came from, test data included. */
  readonly data?: string | undefined;
  /** Folder that is made or replaced. Default: the one that is trained again. */
  readonly out?: string | undefined;
}

/**
 * The job of `isplit-edge train DIR`: bottleneck and tail of a built folder are trained again from the float model, at the same cut, for the
 * same board, budgets and preprocessing; the folder appears whole or stays as it was.
 * @throws IsplitError E_FOLDER_*, E_MANIFEST_INVALID, E_MODEL_MISMATCH, E_USAGE with all that is missing, and what buildModel throws
 */
export async function retrainBuild(folder: string, options: RetrainOptions, ctx: RunContext = {}): Promise<BuiltModel> {
  const built = await openBuiltFolder(folder);
  const { manifest } = built;
  const { model: _model, modelHint: _hint, out = folder, budgets, ...own } = options;
  const problems = new Problems();
  const bottleneck = own.bottleneck ?? manifest.bottleneck ?? undefined;
  if (bottleneck === undefined || bottleneck === 'none') {
    problems.add(
      'E_USAGE',
      `${path.basename(folder)} sends the values of "${manifest.cut}" as they are: it has no bottleneck to train`,
      { cut: manifest.cut, bottleneck: manifest.bottleneck },
      'Name one: --bottleneck conv1x1-s2-c8-b4, for example.',
    );
  }
  let found: FoundModel | undefined;
  try {
    found = await findBuiltModel(built, options, ctx);
    if (!found) {
      const { name, sha256 } = manifest.model;
      problems.add(
        'E_USAGE',
        `the float model ${name} was not found`,
        { model: name, sha256 },
        '--model FILE names it.',
      );
    }
  } catch (error) {
    problems.addCaught(error);
  }
  const source = await findData(built, own);
  if (source.data === undefined) {
    const { name } = manifest.calibration.data;
    problems.add('E_USAGE', 'where the training samples lie is not remembered', { data: name }, 'Add --data PATH.');
  }
  problems.throwIfAny();
  const { file, opened } = found as FoundModel;
  return buildModel(
    opened,
    file,
    out,
    {
      seed: manifest.seed,
      ...(manifest.device ? { device: manifest.device.id, link: manifest.device.link } : {}),
      ...withoutUndefined(own),
      ...source,
      data: source.data as string,
      bottleneck,
      cut: manifest.cut,
      budgets: { ...manifest.budgets.asked, ...withoutUndefined(budgets ?? {}) },
      preprocessing: manifest.preprocessing,
    },
    ctx,
  );
}

type DataOptions = Pick<BuildOptions, 'part' | 'labels' | 'labelMap' | 'recordShape' | 'testData' | 'testLabels'> & {
  readonly data?: string | undefined;
};

/** Data that is named is opened as the options say; else what the earlier build used, opened as it was then. Test data stay the same unless others are named. */
async function findData(
  { folder, manifest }: BuiltFolder,
  { data, part, labels, labelMap, recordShape, testData, testLabels }: RetrainOptions,
): Promise<DataOptions> {
  const known = (await readSourceHints(folder)).data;
  const { accuracy, calibration } = manifest;
  const text = (from: (typeof known)[string] | undefined, key: string): string | undefined =>
    typeof from?.[key] === 'string' ? from[key] : undefined;
  const tested = accuracy?.on === 'test' && testData === undefined ? known[accuracy.data.sha256] : undefined;
  const test = tested
    ? { testData: text(tested, 'path'), testLabels: text(tested, 'labels') }
    : { testData, testLabels };
  if (data !== undefined) return { data, part, labels, labelMap, recordShape, ...test };
  const hint = known[calibration.data.sha256];
  return {
    data: text(hint, 'path'),
    part: part ?? (text(hint, 'part') as BuildOptions['part']),
    labels: labels ?? text(hint, 'labels'),
    labelMap: labelMap ?? text(hint, 'labelMap'),
    recordShape: recordShape ?? text(hint, 'recordShape'),
    ...test,
  };
}

function withoutUndefined<T extends object>(options: T): Partial<T> {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as Partial<T>;
}
