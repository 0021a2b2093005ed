import { type BuiltFolder, openBuiltFolder } from '../artifact/built-folder.js';
import type { RunContext } from '../core/context.js';
import { IsplitError } from '../core/errors.js';
import { createRandom } from '../core/random.js';
import { type DatasetOptions, openDataset } from '../data/open-dataset.js';
import type { DeviceProfile } from '../devices/device-schema.js';
import { loadDevice } from '../devices/index.js';
import { quantizeSamples } from '../evaluate/quantize-samples.js';
import { makeInt8Map } from '../preprocess/normalise.js';
import { verifyHead } from '../verify/verify-head.js';
import type { VerifyReport } from '../verify/verify-report.js';
import { HEAD_FILE, readGraph } from './evaluate-build.js';

/** Without samples of one's own: enough for every byte value to occur, few enough to wait for. */
const DEFAULT_SAMPLES = 20;

export interface VerifyBuildOptions extends Omit<DatasetOptions, 'classCount' | 'classNames' | 'labelsRequired'> {
  /** Samples to compare on; labels are not needed. Default: seeded random inputs. */
  readonly data?: string | undefined;
}

/**
 * The job of `isplit-edge verify`: every file against the manifest, then the head in every runtime found, bit by bit.
 * @throws IsplitError E_FOLDER_CHANGED when a file is not the one of the manifest, E_FOLDER_UNFINISHED, E_MANIFEST_INVALID, E_DATA_*
 */
export async function verifyBuild(
  folder: string,
  options: VerifyBuildOptions,
  ctx: RunContext = {},
): Promise<VerifyReport> {
  const built = await openBuiltFolder(folder);
  const { device } = built.manifest;
  const bytes = built.bytesOf(HEAD_FILE);
  const graph = await readGraph(built, HEAD_FILE, ctx);
  const { samples, count } = await chooseSamples(built, options, ctx);
  const profile = device === null ? undefined : findDevice(device.id, ctx);
  return verifyHead(
    { bytes, graph },
    samples,
    count,
    {
      seed: options.seed ?? 0,
      ...(profile && device ? { device: profile, kernelLibrary: device.kernelLibrary } : {}),
    },
    ctx,
  );
}

async function chooseSamples(
  { manifest }: BuiltFolder,
  options: VerifyBuildOptions,
  ctx: RunContext,
): Promise<{ samples: Int8Array; count: number }> {
  const { data, ...rest } = options;
  const size = manifest.input.shape.reduce((n, d) => n * d, 1);
  if (data === undefined) {
    const count = options.samples ?? DEFAULT_SAMPLES;
    const random = createRandom(options.seed ?? 0);
    return { samples: Int8Array.from({ length: count * size }, () => random.int(256) - 128), count };
  }
  const dataset = await openDataset(
    data,
    { ...rest, labelsRequired: false, classCount: manifest.classes.length, classNames: manifest.classes },
    ctx,
  );
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
