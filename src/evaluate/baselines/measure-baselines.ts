import { type RunContext, throwIfAborted } from '../../core/context.js';
import { fail } from '../../core/errors.js';
import { wilsonInterval } from '../../core/statistics.js';
import { formatCount } from '../../core/units.js';
import type { Dataset } from '../../data/dataset.js';
import { drawStratified } from '../../data/roles.js';
import { inputElements } from '../../preprocess/spec.js';
import { evaluateSplit, type SplitUnderTest } from '../evaluate-split.js';
import type { BaselineCurve, BaselinePoint, Prediction } from '../evaluation.js';
import { comparePaired } from '../paired-difference.js';
import type { BaselineRequest } from './baseline-request.js';
import { PictureClassifier } from './classifier.js';
import { type FineTunedClassifier, fineTuneClassifier } from './fine-tune.js';
import { jpegCodec } from './jpeg.js';
import { describeSetting, type PictureCodec } from './picture-codec.js';
import { joinPictures, loadPictures, readPictures, whyNoPictures } from './pictures.js';
import { type SettingSearch, searchSettings, type TriedSetting } from './search-settings.js';
import { meanOf, sendPictures } from './send-pictures.js';
import { webpCodec } from './webp.js';

const SEARCH_SAMPLES = 400;
/** Pictures of the search are held in memory. */
const SEARCH_BYTES = 2 ** 28;
/** Test pictures in work at once. */
const TEST_BATCH = 256;
const TEST_BATCH_BYTES = 2 ** 26;

/**
 * What simpler ideas than the split give on the same test samples: the picture as JPEG or WebP at given payload bytes, the raw int8
 * values at the cut, everything on the device, everything on the gateway. Settings are searched on samples that are not in the test;
 * nothing is written.
 * @returns curves; those that cannot be measured are left out, with a warning that says why
 * @throws IsplitError E_DATA_EMPTY, E_DATA_*, E_USAGE for a split that was not evaluated on these samples, E_ENGINE, E_INTERRUPTED
 */
export async function measureBaselines(request: BaselineRequest, ctx: RunContext = {}): Promise<BaselineCurve[]> {
  if (request.test.count === 0) fail('E_DATA_EMPTY', 'there are no samples to measure baselines on', {});
  if (request.search.count === 0) {
    fail('E_DATA_EMPTY', 'there are no samples to choose settings of baselines on', {}, 'Check --data and --samples.');
  }
  checkPredictions(request);
  const inputs = request.store && (await describeInputs(request, ctx));
  const known = await request.store?.load('baselines', inputs);
  if (known !== undefined) return JSON.parse(known) as BaselineCurve[];
  const curves = [...(await measurePictures(request, ctx)), ...(await measureInt8(request, ctx))];
  for (const { name, accuracy, interval, fits, latencyUs } of request.alternatives ?? []) {
    const point = { ...emptyPoint(name), bytesMean: 0, accuracy, interval, fits, deviceLatencyUs: latencyUs ?? null };
    curves.push({ ...onDeviceCurve('on-device-other', `${name} on the device, int8`), points: [point] });
  }
  await request.store?.save('baselines', inputs, JSON.stringify(curves));
  return curves;
}

function checkPredictions({ split, test }: BaselineRequest): void {
  const fits =
    !split ||
    (split.predictions.length === test.count && split.predictions.every((p, i) => p.index === test.indices[i]));
  if (!fits) {
    fail(
      'E_USAGE',
      `the split was evaluated on ${split.predictions.length} other samples than the ${test.count} of the baselines`,
      { split: split.predictions.length, baselines: test.count },
      'Compare on the same samples.',
    );
  }
}

async function describeInputs(request: BaselineRequest, ctx: RunContext): Promise<unknown> {
  const { alternatives, codecs, fineTune, onDevice, raw, split } = request;
  return {
    request: request.storeInputs,
    rates: chooseTargets(request),
    codecs: codecs?.map(({ id }) => id) ?? null,
    searchSamples: request.searchSamples ?? null,
    test: await request.test.contentSha256(ctx),
    search: await request.search.contentSha256(ctx),
    split: split?.splitId ?? null,
    raw: raw?.wire ?? null,
    onDevice: onDevice && { fits: onDevice.fits, latencyUs: onDevice.latencyUs },
    alternatives: alternatives ?? null,
    fineTune: fineTune && {
      ...fineTune.options,
      rates: fineTune.rates ?? 'all',
      train: await fineTune.train.contentSha256(ctx),
      checkpoints: undefined,
    },
  };
}

/** Payload bytes, rising: the rates asked for and the split's own. */
function chooseTargets(request: BaselineRequest): number[] {
  return [...new Set([...request.rates, ...ownBytes(request)])].sort((a, b) => a - b);
}

function ownBytes({ split }: BaselineRequest): number[] {
  return split ? [meanOf(split.predictions.map((p) => p.wireBytes))] : [];
}

/** Targets whose classifier is trained further; undefined: all. */
function tunedTargets(request: BaselineRequest): number[] | undefined {
  return request.fineTune?.rates === 'own' ? ownBytes(request) : undefined;
}

async function measurePictures(request: BaselineRequest, ctx: RunContext): Promise<BaselineCurve[]> {
  const { preprocessing: spec, search, test } = request;
  const reason = whyNoPictures(search, spec) ?? whyNoPictures(test, spec);
  if (reason !== undefined) {
    ctx.onWarning?.(`no picture baselines: ${reason}`);
    return [];
  }
  const classifier = await PictureClassifier.create(request.network, spec, request);
  const tuned: FineTunedClassifier[] = [];
  try {
    const taken = await loadPictures(drawSearch(request), spec, ctx);
    const jobs: PictureJob[] = [];
    for (const codec of request.codecs ?? [jpegCodec, webpCodec]) {
      const gateway = { classifier, spec };
      jobs.push({ codec, search: await searchSettings(codec, taken, chooseTargets(request), gateway, ctx) });
    }
    const { fineTune } = request;
    if (fineTune) {
      for (const { codec, setting } of listSettings(jobs, tunedTargets(request))) {
        tuned.push(await fineTuneClassifier({ ...request, fineTune, codec, setting, validation: taken }, ctx));
      }
    }
    const measured = await measureOnTest(request, jobs, classifier, tuned, ctx);
    return drawCurves(request, jobs, measured, taken.pictures.length, fineTune !== undefined);
  } finally {
    await classifier.dispose();
    await Promise.all(tuned.map((one) => one.classifier.dispose()));
  }
}

interface PictureJob {
  readonly codec: PictureCodec;
  readonly search: SettingSearch;
}

function drawSearch({ search, searchSamples, preprocessing }: BaselineRequest): Dataset {
  const affordable = Math.max(1, Math.floor(SEARCH_BYTES / inputElements(preprocessing)));
  const count = Math.min(searchSamples ?? SEARCH_SAMPLES, affordable);
  return search.count <= count ? search : search.select(drawStratified(search.labels, count, 0));
}

/** Each setting that was chosen, once: two targets may share one. @param targets default: all */
function listSettings(
  jobs: readonly PictureJob[],
  targets?: readonly number[],
): { codec: PictureCodec; setting: TriedSetting }[] {
  return jobs.flatMap(({ codec, search }) => {
    const found = search.found.filter(({ targetBytes }) => targets?.includes(targetBytes) ?? true);
    const chosen = new Set(found.flatMap(({ best }) => best ?? []));
    return [...chosen].map((setting) => ({ codec, setting }));
  });
}

/** One setting on the test samples. */
interface Measured {
  readonly payloadBytes: number[];
  readonly fileBytes: number[];
  /** Class of each sample by the classifier as it is, and by the fine-tuned one. */
  readonly classes: number[];
  readonly tunedClasses: number[];
}

interface MeasuredPictures {
  readonly bySetting: ReadonlyMap<TriedSetting, Measured>;
  /** Classes of the pictures as they are. */
  readonly clean: readonly number[];
}

/** One pass over the test samples for all settings. */
async function measureOnTest(
  { test, preprocessing: spec }: BaselineRequest,
  jobs: readonly PictureJob[],
  classifier: PictureClassifier,
  tuned: readonly FineTunedClassifier[],
  ctx: RunContext,
): Promise<MeasuredPictures> {
  const settings = listSettings(jobs);
  const bySetting = new Map<TriedSetting, Measured>();
  for (const { setting } of settings) {
    bySetting.set(setting, { payloadBytes: [], fileBytes: [], classes: [], tunedClasses: [] });
  }
  const clean: number[] = [];
  const batchSize = Math.max(1, Math.min(TEST_BATCH, Math.floor(TEST_BATCH_BYTES / inputElements(spec))));
  const report = (): void =>
    ctx.onProgress?.({ stage: 'baselines', done: clean.length, total: test.count, unit: 'samples' });
  report();
  for await (const { pictures } of readPictures(test, spec, batchSize, ctx)) {
    for (const { codec, setting } of settings) {
      throwIfAborted(ctx);
      const sent = await sendPictures(pictures, codec, setting.setting, setting.shared, ctx);
      const pixels = joinPictures(sent.pictures, spec);
      const result = bySetting.get(setting) as Measured;
      result.payloadBytes.push(...sent.payloadBytes);
      result.fileBytes.push(...sent.fileBytes);
      result.classes.push(...(await classifier.classify(pixels, pictures.length)));
      const own = tuned.find((one) => one.setting === setting);
      if (own) result.tunedClasses.push(...(await own.classifier.classify(pixels, pictures.length)));
    }
    clean.push(...(await classifier.classify(joinPictures(pictures, spec), pictures.length)));
    report();
  }
  return { bySetting, clean };
}

function drawCurves(
  request: BaselineRequest,
  jobs: readonly PictureJob[],
  measured: MeasuredPictures,
  searchSamples: number,
  fineTuned: boolean,
): BaselineCurve[] {
  const searchedOn = { name: request.search.describe().name, samples: searchSamples };
  const curves: BaselineCurve[] = [];
  for (const { codec, search } of jobs) {
    for (const tuned of fineTuned ? [false, true] : [false]) {
      const name = { jpeg: 'JPEG', webp: 'WebP' }[codec.id];
      curves.push({
        id: codec.id,
        name: tuned ? `${name}, classifier fine-tuned` : name,
        fineTuned: tuned,
        practical: codec.practical,
        note: tuned ? `${codec.note}; classifier trained further on pictures as they arrive` : codec.note,
        searchedOn,
        points: search.found.filter(isMeasured(tuned, request)).map(({ targetBytes, best }): BaselinePoint => {
          if (best === undefined) {
            const { setting, bytesMean } = search.smallest;
            const words = `none is so small: ${describeSetting(setting)} takes ${formatCount(Math.round(bytesMean))} B`;
            return { ...emptyPoint(words), targetBytes, exists: false };
          }
          const own = measured.bySetting.get(best) as Measured;
          return {
            ...emptyPoint(describeSetting(best.setting)),
            targetBytes,
            bytesMean: meanOf(own.payloadBytes),
            bytesWithHeaders: meanOf(own.fileBytes),
            ...judge(request, tuned ? own.tunedClasses : own.classes),
          };
        }),
      });
    }
  }
  curves.push({
    id: 'on-gateway',
    name: 'picture as it is, whole network on the gateway',
    fineTuned: false,
    practical: true,
    note: 'the bytes of the preprocessed picture, float32 network',
    searchedOn: null,
    points: [
      {
        ...emptyPoint('u8 pixels'),
        bytesMean: inputElements(request.preprocessing),
        ...judge(request, measured.clean),
      },
    ],
  });
  return curves;
}

/** A fine-tuned curve has points only where a classifier was fine-tuned. */
function isMeasured(tuned: boolean, request: BaselineRequest): (found: { readonly targetBytes: number }) => boolean {
  const targets = tuned ? tunedTargets(request) : undefined;
  return ({ targetBytes }) => targets?.includes(targetBytes) ?? true;
}

/** What runs the int8 executor: values at the cut as they are, and the whole network on the device. */
async function measureInt8(request: BaselineRequest, ctx: RunContext): Promise<BaselineCurve[]> {
  const { onDevice, raw } = request;
  const curves: BaselineCurve[] = [];
  if (raw) {
    const predictions = await predict(request, raw, ctx);
    const bytesMean = meanOf(predictions.map((p) => p.wireBytes));
    const point = { ...emptyPoint('int8 values at the cut'), bytesMean, ...judge(request, classesOf(predictions)) };
    curves.push({
      id: 'raw-activation',
      name: 'the same cut without a bottleneck',
      fineTuned: false,
      practical: true,
      note: 'int8 values at the cut, one byte each',
      searchedOn: null,
      points: [point],
    });
  }
  if (onDevice) {
    const predictions = await predict(request, onDevice.split, ctx);
    const { fits, latencyUs, size } = onDevice;
    const point = { ...emptyPoint(size), bytesMean: 0, ...judge(request, classesOf(predictions)), fits };
    curves.push({
      ...onDeviceCurve('on-device', 'whole network on the device, int8'),
      points: [{ ...point, deviceLatencyUs: latencyUs }],
    });
  }
  return curves;
}

function onDeviceCurve(id: 'on-device' | 'on-device-other', name: string): Omit<BaselineCurve, 'points'> {
  const note = 'nothing is sent but the result';
  return { id, name, fineTuned: false, practical: true, note, searchedOn: null };
}

async function predict(
  request: BaselineRequest,
  split: SplitUnderTest,
  ctx: RunContext,
): Promise<readonly Prediction[]> {
  const { engine, threads } = request;
  const options = threads === undefined ? { engine } : { engine, threads };
  return (await evaluateSplit(split, request.test, options, ctx)).predictions;
}

const classesOf = (predictions: readonly Prediction[]): number[] => predictions.map((p) => p.splitInt8);

/** Accuracy of classes on the test samples, and the split against them. */
function judge(
  { test, split }: BaselineRequest,
  classes: readonly number[],
): Pick<BaselinePoint, 'accuracy' | 'interval' | 'difference'> {
  const right = classes.map((c, i) => c === test.labels[i]);
  const count = right.filter(Boolean).length;
  const compare = (predictions: readonly Prediction[]): BaselinePoint['difference'] => {
    const splitRight = predictions.map((p) => p.splitInt8 === p.label);
    const only = (first: readonly boolean[], second: readonly boolean[]): number =>
      first.filter((yes, i) => yes && !second[i]).length;
    return comparePaired(only(splitRight, right), only(right, splitRight), right.length);
  };
  return {
    accuracy: count / right.length,
    interval: wilsonInterval(count, right.length),
    difference: split ? compare(split.predictions) : null,
  };
}

function emptyPoint(setting: string): BaselinePoint {
  return {
    targetBytes: null,
    exists: true,
    setting,
    bytesMean: null,
    bytesWithHeaders: null,
    accuracy: null,
    interval: null,
    difference: null,
    fits: null,
    deviceLatencyUs: null,
  };
}
