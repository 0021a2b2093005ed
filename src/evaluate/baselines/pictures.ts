import { type RunContext, throwIfAborted } from '../../core/context.js';
import type { Dataset } from '../../data/dataset.js';
import type { Picture } from '../../preprocess/picture.js';
import type { PreprocessSpec } from '../../preprocess/spec.js';

/** Pictures in work at once: enough to keep every thread of the coder busy. */
const AT_ONCE = 64;

/** Pictures as the device has them before they are quantized, colours in the order R, G, B. */
export interface PictureBatch {
  readonly pictures: readonly Picture[];
  readonly labels: Int32Array;
}

/** Why these samples cannot be sent as pictures; undefined when they can. */
export function whyNoPictures(dataset: Dataset, spec: PreprocessSpec): string | undefined {
  if (dataset.describe().stored !== 'u8') return 'samples are stored as floats: there is no picture to send';
  if (spec.channels !== 1 && spec.channels !== 3) return `${spec.channels} channels are no picture`;
  return undefined;
}

/** @param dataset samples stored as bytes */
export async function* readPictures(
  dataset: Dataset,
  spec: PreprocessSpec,
  batchSize: number,
  ctx: RunContext,
): AsyncGenerator<PictureBatch> {
  const { height, width, channels } = spec;
  const bytes = height * width * channels;
  for await (const batch of dataset.batches({ batchSize, spec, ...ctx })) {
    const pixels = batch.pixels as Uint8Array;
    const pictures = Array.from({ length: batch.count }, (_, i): Picture => {
      const own = pixels.slice(i * bytes, (i + 1) * bytes);
      return { data: swapForBgr(own, spec), height, width, channels };
    });
    yield { pictures, labels: batch.labels };
  }
}

export async function loadPictures(dataset: Dataset, spec: PreprocessSpec, ctx: RunContext): Promise<PictureBatch> {
  const pictures: Picture[] = [];
  for await (const batch of readPictures(dataset, spec, AT_ONCE, ctx)) pictures.push(...batch.pictures);
  return { pictures, labels: dataset.labels };
}

/** Pixels of pictures one after the other, in the network's order of colours. */
export function joinPictures(pictures: readonly Picture[], spec: PreprocessSpec): Uint8Array {
  const bytes = spec.height * spec.width * spec.channels;
  const joined = new Uint8Array(pictures.length * bytes);
  pictures.forEach(({ data }, i) => {
    joined.set(data, i * bytes);
  });
  return swapForBgr(joined, spec);
}

/** R, G, B ↔ B, G, R in place where the network takes the latter. */
function swapForBgr(pixels: Uint8Array, { colour }: PreprocessSpec): Uint8Array {
  if (colour !== 'bgr') return pixels;
  for (let i = 0; i < pixels.length; i += 3) {
    const held = pixels[i] as number;
    pixels[i] = pixels[i + 2] as number;
    pixels[i + 2] = held;
  }
  return pixels;
}

/** Results in the order of the pictures; a few are in work at once. */
export async function mapPictures<From, To>(
  from: readonly From[],
  map: (one: From) => Promise<To>,
  ctx: RunContext,
): Promise<To[]> {
  const results: To[] = [];
  for (let at = 0; at < from.length; at += AT_ONCE) {
    throwIfAborted(ctx);
    results.push(...(await Promise.all(from.slice(at, at + AT_ONCE).map(map))));
  }
  return results;
}
