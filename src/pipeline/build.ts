import type { ArtifactManifest, WireTensor } from '../artifact/manifest.js';
import { serialiseManifest } from '../artifact/parse-manifest.js';
import type { BottleneckSpec } from '../bottleneck/bottleneck.js';
import { fitToCut, formatBottleneck, parseBottleneck, takesCut } from '../bottleneck/spec.js';
import { chooseRecipe } from '../bottleneck/train-recipe.js';
import { type RunContext, throwIfAborted } from '../core/context.js';
import { fail } from '../core/errors.js';
import { countMacs } from '../cost/cut-cost.js';
import type { SplitUnderTest } from '../evaluate/evaluate-split.js';
import { elementCount, type Graph, tensorOf } from '../ir/graph.js';
import { partitionGraph } from '../ir/partition.js';
import type { AnalyzedCut } from '../plan/analysis.js';
import { infeasibleError } from '../plan/infeasible.js';
import { CUT_OUTPUT } from '../plan/split-plan.js';
import { chooseInputQuantization } from '../preprocess/choose-input-quantization.js';
import type { InputQuantization } from '../preprocess/normalise.js';
import { renderBuildReport } from '../report/build-report.js';
import type { VerifyReport } from '../verify/verify-report.js';
import { analyze } from './analyze.js';
import { type BottleneckSplitRequest, buildBottleneckSplit } from './bottleneck-split.js';
import { type BuiltHead, buildHead, type CalibrationSource } from './build-head.js';
import type { BottleneckWish, BuildOutcome, BuildRequest } from './build-request.js';
import { type BuiltSplit, type ChooseCutRequest, chooseCut } from './choose-cut.js';
import { describeBuild, hashFiles } from './describe-build.js';
import { evaluateBuilt } from './evaluate-built.js';
import { exportSplit } from './export-split.js';
import { quantizeInputs } from './int8-samples.js';

/** Inputs the head is run on in every runtime, and those that a board gets to prove itself. */
const VERIFY_SAMPLES = 16;
const SELFTEST_SAMPLES = 4;

/**
 * The whole way from a network and samples to the files of a build: analysis, plan, partition, quantization, export,
 * verification, evaluation, manifest. Nothing is written; the same request gives the same bytes.
 * @throws IsplitError E_VERIFY_FAILED when a reference runtime gives other bytes, and what the stages throw
 */
export async function build(request: BuildRequest, ctx: RunContext): Promise<BuildOutcome> {
  const { preprocessing } = request;
  const network = firstOutputOnly(request.analyze.network);
  const analysis = await analyze(request.analyze, ctx);
  throwIfAborted(ctx);
  const input = request.pictures ? chooseInputQuantization(preprocessing) : undefined;
  const buildHeadOf = headBuilder(request, network, input, ctx);
  const { plan, split } = await chooseCut(
    {
      network,
      analysis,
      budgets: request.analyze.budgets ?? {},
      deployment: request.analyze.deployment,
      asked: request.cut,
      build: splitBuilder(request, network, buildHeadOf, ctx),
    },
    ctx,
  );
  if (plan.chosen === null) {
    const inputBytes = elementCount(tensorOf(network, network.inputs[0] as string).shape);
    return { kind: 'infeasible', analysis, plan, error: infeasibleError(plan, inputBytes) };
  }
  const head = split?.head;
  const sent = head ?? (await describeInput(request, network, input));
  const tail = split?.tail ?? network;
  const classNames = request.classNames ?? numberClasses(analysis.model.classes);
  const samples = head && (await quantizeInputs(request.calibration, VERIFY_SAMPLES, sent.input));
  const { splitId, files: exported } = await exportSplit(
    {
      head,
      tail,
      wire: sent.wire,
      classNames,
      preprocessing,
      input: sent.input,
      pictures: request.pictures,
      selftest: samples && firstSamples(samples, SELFTEST_SAMPLES),
    },
    ctx,
  );
  const seed = request.analyze.seed ?? 0;
  const verify =
    head && samples ? await request.verify({ bytes: head.bytes, graph: head.graph, ...samples, seed }, ctx) : null;
  if (verify && !verify.passed) failVerification(verify);
  const underTest: SplitUnderTest = {
    splitId,
    ...(head ? { head: head.graph } : {}),
    ...(plan.chosen.id === CUT_OUTPUT ? {} : { tail }),
    ...(split?.bottleneck ? { headFloat: split.headFloat } : {}),
    wire: sent.wire,
    input: sent.input,
    preprocessing,
    full: network,
    classNames,
  };
  const evaluation = await evaluateBuilt(
    request,
    { network, split: underTest, chosen: plan.chosen, buildHead: buildHeadOf },
    ctx,
  );
  const training = split?.bottleneck?.report ?? null;
  const documents = {
    'analysis.json': toJson(analysis),
    'evaluation.json': toJson(evaluation),
    'plan.json': toJson(plan),
    ...(head ? { 'quantization.json': toJson(head.report) } : {}),
    ...(training ? { 'training.json': toJson(training) } : {}),
    ...(verify ? { 'verify.json': toJson(verify) } : {}),
  };
  const files: Record<string, string | Uint8Array> = { ...exported, ...documents };
  const draft = describeBuild(request, { analysis, plan, head, sent, evaluation, classNames, splitId, files });
  files['report.html'] = await renderBuildReport({
    analysis,
    plan,
    quantization: head?.report ?? null,
    verify,
    evaluation,
    manifest: draft,
  });
  const manifest: ArtifactManifest = { ...draft, files: hashFiles(files) };
  files['manifest.json'] = serialiseManifest(manifest);
  const quantization = head?.report ?? null;
  return { kind: 'built', analysis, plan, manifest, quantization, verify, evaluation, training, files };
}

function firstSamples(
  all: { samples: Int8Array; count: number },
  atMost: number,
): { inputs: Int8Array; count: number } {
  const count = Math.min(atMost, all.count);
  return { inputs: all.samples.subarray(0, (count * all.samples.length) / all.count), count };
}

/** Class scores come from the first output; what serves only other outputs is left out. */
function firstOutputOnly(network: Graph): Graph {
  return network.outputs.length === 1 ? network : { ...network, outputs: network.outputs.slice(0, 1) };
}

/** Builds each split once. */
function splitBuilder(
  request: BuildRequest,
  network: Graph,
  buildHeadOf: HeadBuilder,
  ctx: RunContext,
): ChooseCutRequest['build'] {
  const built = new Map<string, Promise<BuiltSplit>>();
  return (cut, fits) => {
    const spec = chooseBottleneck(request, cut);
    const key = JSON.stringify([cut.tensors, spec]);
    const known = built.get(key);
    if (known) return known;
    const building = spec
      ? buildBottlenecked(request, network, cut, spec, { buildHead: buildHeadOf, fits }, ctx)
      : buildRaw(network, cut, buildHeadOf);
    built.set(key, building);
    return building;
  };
}

/** A cut of several tensors has no bottleneck, nor has the whole network on the device. */
function chooseBottleneck({ bottleneck, cut: asked }: BuildRequest, cut: AnalyzedCut): BottleneckSpec | undefined {
  if (!bottleneck || cut.tensors.length > 1 || cut.id === CUT_OUTPUT) return undefined;
  const shape = cut.shapes[0] as readonly number[];
  if (bottleneck.spec === 'planned') return cut.bottleneck === null ? undefined : parseBottleneck(cut.bottleneck);
  // A cut by hand that does not go with the bottleneck is an error; among many cuts such a one stays without.
  return asked !== undefined || takesCut(bottleneck.spec, shape) ? fitToCut(bottleneck.spec, shape) : undefined;
}

type HeadBuilder = (head: Graph, output?: InputQuantization, weights?: string) => Promise<BuiltHead>;

async function buildRaw(network: Graph, cut: AnalyzedCut, build: HeadBuilder): Promise<BuiltSplit> {
  const { head, tail } = partitionGraph(network, cut.tensors);
  return { head: await build(head), headFloat: head, tail, bottleneck: null };
}

async function buildBottlenecked(
  request: BuildRequest,
  network: Graph,
  cut: AnalyzedCut,
  spec: BottleneckSpec,
  { buildHead, fits }: Pick<BottleneckSplitRequest, 'buildHead' | 'fits'>,
  ctx: RunContext,
): Promise<BuiltSplit> {
  const { engine, threads, seed = 0 } = request.analyze;
  const { recipe, samples } = request.bottleneck as BottleneckWish;
  const { training, validation } = await samples();
  const { report, ...split } = await buildBottleneckSplit(
    {
      network,
      cut: cut.id,
      spec,
      wireBytes: request.analyze.budgets?.wireBytes,
      training,
      validation,
      recipe: chooseRecipe(recipe, training, countMacs(network), spec.bits),
      engine,
      threads,
      seed,
      store: request.store,
      storeInputs: request.storeInputs,
      buildHead,
      fits,
    },
    ctx,
  );
  return { ...split, bottleneck: { spec: formatBottleneck(spec), report } };
}

/** Makes heads int8, each once. */
function headBuilder(
  request: BuildRequest,
  network: Graph,
  input: InputQuantization | undefined,
  ctx: RunContext,
): HeadBuilder {
  const built = new Map<string, Promise<BuiltHead>>();
  const { deployment, engine, threads, model } = request.analyze;
  return (head, output, weights) => {
    const key = JSON.stringify([head.outputs, output, weights]);
    const known = built.get(key);
    if (known) return known;
    const isWhole = head.outputs.length === 1 && head.outputs[0] === network.outputs[0];
    const building = buildHead(
      {
        head,
        calibration: request.calibration,
        input,
        perChannelDense: deployment?.device.toolchain.perChannelDense ?? true,
        engine,
        threads,
        description: `${baseName(model.name)}, ${isWhole ? 'whole network' : `head up to ${head.outputs.join(' + ')}`}`,
        classNames: isWhole ? request.classNames : undefined,
        device: deployment?.device,
        output,
        weights,
        store: request.store,
        storeInputs: request.storeInputs,
      },
      ctx,
    );
    built.set(key, building);
    return building;
  };
}

/** What is sent with `--cut input`: the input, quantized by its preprocessing, else by the range of the samples. */
async function describeInput(
  request: BuildRequest,
  network: Graph,
  input: InputQuantization | undefined,
): Promise<{ input: BuiltHead['input']; wire: readonly WireTensor[] }> {
  const id = network.inputs[0] as string;
  const shape = tensorOf(network, id).shape.slice(1);
  const quantization = input ?? (await rangeOfSamples(request.calibration));
  const wire: WireTensor = {
    id,
    shape,
    dtype: 'int8',
    ...quantization,
    codec: { id: 'raw' },
    bits: 8,
    bytes: elementCount(shape),
  };
  return { input: { shape, ...quantization }, wire: [wire] };
}

/** Asymmetric int8 over the range seen, zero included, as TFLite quantizes activations. */
async function rangeOfSamples(calibration: CalibrationSource): Promise<InputQuantization> {
  let low = 0;
  let high = 0;
  for await (const { inputs } of calibration.samples()) {
    for (const value of inputs) {
      if (value < low) low = value;
      else if (value > high) high = value;
    }
  }
  const scale = Math.fround(high > low ? (high - low) / 255 : 1);
  return { scale, zeroPoint: Math.max(-128, Math.min(127, Math.round(-128 - low / scale))) };
}

function toJson(value: unknown): string {
  return `${JSON.stringify(value, null, 2)}\n`;
}

function numberClasses(count: number): string[] {
  return Array.from({ length: count }, (_, c) => String(c));
}

function baseName(name: string): string {
  return name.replace(/\.[^.]+$/, '');
}

function failVerification(report: VerifyReport): never {
  const wrong = report.runtimes.filter(
    ({ kernels, endToEnd }) => kernels === 'reference' && endToEnd !== null && endToEnd.equalBytes < endToEnd.bytes,
  );
  const words = wrong.map(
    ({ name, endToEnd }) =>
      `${name} gives ${(endToEnd?.bytes ?? 0) - (endToEnd?.equalBytes ?? 0)} of ${endToEnd?.bytes} bytes otherwise, by up to ${endToEnd?.maxLsb} LSB`,
  );
  fail(
    'E_VERIFY_FAILED',
    `the head is not the same in every reference runtime: ${words.join('; ') || 'our own executor did not run'}`,
    { runtimes: wrong },
    'This is a defect of isplit-edge or of that runtime; nothing was written. Please report it with the model.',
  );
}
