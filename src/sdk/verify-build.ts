import { type BuiltFolder, openBuiltFolder } from '../artifact/built-folder.js';
import type { ArtifactManifest } from '../artifact/manifest.js';
import { decodeSelfTest, SELFTEST_FILE, type SelfTest } from '../artifact/selftest.js';
import type { RunContext } from '../core/context.js';
import { fail, IsplitError } from '../core/errors.js';
import { createRandom } from '../core/random.js';
import { type DatasetOptions, openDataset } from '../data/open-dataset.js';
import type { DeviceProfile } from '../devices/device-schema.js';
import { loadDevice } from '../devices/index.js';
import { quantizeSamples } from '../evaluate/quantize-samples.js';
import type { Graph } from '../ir/graph.js';
import { makeInt8Map } from '../preprocess/normalise.js';
import { runRecords } from '../quantize/run-records.js';
import { verifyHead } from '../verify/verify-head.js';
import type { VerifyReport } from '../verify/verify-report.js';
import { HEAD_FILE, readGraph } from './evaluate-build.js';

/** A self-test holds few records: a board must have room for it. */
const DEFAULT_SAMPLES = 20;

export interface VerifyBuildOptions extends Omit<DatasetOptions, 'classCount' | 'classNames' | 'labelsRequired'> {
  /** Samples to compare on; labels are not needed. Default: those of selftest.bin, and random ones. */
  readonly data?: string | undefined;
}

export interface VerifiedBuild {
  readonly report: VerifyReport;
  /** Files whose sha256 is that of the manifest: all of them. */
  readonly files: number;
}

/**
 * The job of `isplit-edge verify`: every file against the manifest, then the head in every runtime found, bit by bit.
 * @throws IsplitError E_FOLDER_CHANGED when a file is not the one of the manifest, E_FOLDER_UNFINISHED, E_MANIFEST_INVALID, E_SELFTEST_*,
 * E_VERIFY_FAILED when the self-test expects other bytes, E_DATA_*
 */
export async function verifyBuild(
  folder: string,
  options: VerifyBuildOptions,
  ctx: RunContext = {},
): Promise<VerifiedBuild> {
  const built = await openBuiltFolder(folder);
  const { cut, device } = built.manifest;
  if (!built.has(HEAD_FILE)) {
    const message = `every file is as the manifest says, but there is no head to run: the cut is "${cut}"`;
    fail('E_USAGE', message, { cut }, 'isplit-edge evaluate runs the tail on test data.');
  }
  const bytes = built.bytesOf(HEAD_FILE);
  const graph = await readGraph(built, HEAD_FILE, ctx);
  const { samples, count } = await chooseSamples(built, graph, options, ctx);
  const profile = device === null ? undefined : findDevice(device.id, ctx);
  const report = await verifyHead(
    { bytes, graph },
    samples,
    count,
    {
      seed: options.seed ?? 0,
      ...(profile && device ? { device: profile, kernelLibrary: device.kernelLibrary } : {}),
    },
    ctx,
  );
  return { report, files: Object.keys(built.manifest.files).length };
}

/** int8 inputs of the head, one after the other. */
interface HeadSamples {
  readonly samples: Int8Array;
  readonly count: number;
}

/** Samples of --data; else those of the self-test, followed by seeded random ones. */
async function chooseSamples(
  built: BuiltFolder,
  graph: Graph,
  options: VerifyBuildOptions,
  ctx: RunContext,
): Promise<HeadSamples> {
  const known = built.has(SELFTEST_FILE) ? await proveSelfTest(built, graph, ctx) : undefined;
  if (options.data !== undefined) return quantizeData(built.manifest, options.data, options, ctx);
  const size = built.manifest.input.shape.reduce((n, d) => n * d, 1);
  const count = options.samples ?? Math.max(known?.count ?? 0, DEFAULT_SAMPLES);
  const random = createRandom(options.seed ?? 0);
  const samples = Int8Array.from({ length: count * size }, () => random.int(256) - 128);
  if (known) samples.set(known.inputs.subarray(0, samples.length));
  return { samples, count };
}

/** What a board will be asked must be what our executor answers. @throws IsplitError E_SELFTEST_*, E_VERIFY_FAILED */
async function proveSelfTest({ manifest, bytesOf }: BuiltFolder, graph: Graph, ctx: RunContext): Promise<SelfTest> {
  const selfTest = decodeSelfTest(bytesOf(SELFTEST_FILE), { splitId: manifest.splitId });
  const outputs = await runRecords(graph, selfTest.inputs, selfTest.count, { ctx });
  const wrong = outputs.reduce((n, value, i) => n + (value === selfTest.outputs[i] ? 0 : 1), 0);
  if (wrong > 0) {
    const message = `our executor gives ${wrong} of the ${outputs.length} bytes that ${SELFTEST_FILE} expects differently`;
    fail('E_VERIFY_FAILED', message, { file: SELFTEST_FILE, wrong, bytes: outputs.length });
  }
  return selfTest;
}

async function quantizeData(
  manifest: ArtifactManifest,
  data: string,
  options: VerifyBuildOptions,
  ctx: RunContext,
): Promise<HeadSamples> {
  const { data: _path, ...rest } = options;
  const dataset = await openDataset(
    data,
    { ...rest, labelsRequired: false, classCount: manifest.classes.length, classNames: manifest.classes },
    ctx,
  );
  const size = manifest.input.shape.reduce((n, d) => n * d, 1);
  const samples = new Int8Array(dataset.count * size);
  const map = makeInt8Map(manifest.preprocessing, manifest.input);
  let at = 0;
  for await (const batch of dataset.batches({ batchSize: 64, spec: manifest.preprocessing, ...ctx })) {
    samples.set(quantizeSamples(batch, map, manifest.input), at);
    at += batch.count * size;
  }
  return { samples, count: dataset.count };
}

/** A board's own profile file may be gone: the runtimes here are compared all the same. */
function findDevice(id: string, ctx: RunContext): DeviceProfile | undefined {
  try {
    return loadDevice(id);
  } catch (error) {
    if (!(error instanceof IsplitError)) throw error;
    ctx.onWarning?.(`the board ${id} is not in the catalogue: its kernels are not listed`);
    return undefined;
  }
}
