import type { RunContext } from '../../core/context.js';
import type { PreprocessSpec } from '../../preprocess/spec.js';
import type { PictureClassifier } from './classifier.js';
import type { PictureCodec, PictureSetting, SharedPart } from './picture-codec.js';
import { joinPictures, type PictureBatch } from './pictures.js';
import { decodePictures, encodePictures, meanOf } from './send-pictures.js';

/** Sides relative to the network's input. */
const SCALES = [1, 0.75, 0.5, 0.375, 0.25, 0.1875, 0.125, 0.0625] as const;
/** A picture of fewer pixels a side is no picture any more: the smallest sensible scale. */
const SMALLEST_SIDE = 8;
/** Sizes are first judged on so many pictures. */
const SIZING_PICTURES = 96;
/** A quality that uses this share of the target is not raised further. */
const CLOSE_ENOUGH = 0.98;
/** Smaller sizes are no longer tried after so many in a row that do worse. */
const WORSE_IN_A_ROW = 2;

/** A setting that was tried on the search samples. */
export interface TriedSetting {
  readonly setting: PictureSetting;
  readonly shared: SharedPart;
  /** Payload, mean over the search samples. */
  readonly bytesMean: number;
  /** Of the search samples. */
  readonly accuracy: number;
}

export interface FoundSetting {
  readonly targetBytes: number;
  /** The best that fits; undefined when none is so small. */
  readonly best: TriedSetting | undefined;
}

export interface SettingSearch {
  readonly found: readonly FoundSetting[];
  /** The smallest setting there is, and its payload bytes. */
  readonly smallest: { readonly setting: PictureSetting; readonly bytesMean: number };
}

type Axis = Omit<PictureSetting, 'quality'>;

/**
 * For each target the setting that is most accurate among those whose mean payload is at most the target: for every size and
 * variant the highest quality that fits (to 2 % of the target), larger sizes first. A higher target may keep the setting of a lower one, so accuracy
 * never falls with bytes on these samples.
 * @param search samples that are in no test
 * @param targets payload bytes
 */
export async function searchSettings(
  codec: PictureCodec,
  search: PictureBatch,
  targets: readonly number[],
  gateway: { readonly classifier: PictureClassifier; readonly spec: PreprocessSpec },
  ctx: RunContext,
): Promise<SettingSearch> {
  const trial = new Trial(codec, search, gateway, ctx);
  const axes = codec.variants(gateway.spec.channels).map((variant) => listSizes(gateway.spec, variant));
  let best: TriedSetting | undefined;
  const found: FoundSetting[] = [];
  for (const targetBytes of [...targets].sort((a, b) => a - b)) {
    for (const sizes of axes) {
      let highest = -1;
      let worse = 0;
      for (const axis of sizes) {
        const tried = await trial.highestQuality(axis, targetBytes);
        if (tried === undefined) continue;
        if (best === undefined || isBetter(tried, best)) best = tried;
        worse = tried.accuracy < highest ? worse + 1 : 0;
        highest = Math.max(highest, tried.accuracy);
        if (worse === WORSE_IN_A_ROW) break;
      }
    }
    found.push({ targetBytes, best });
  }
  return { found, smallest: await trial.smallest(axes.map((sizes) => sizes.at(-1) as Axis)) };
}

/** Of equally accurate ones the larger: fewer bytes buy nothing below the target. */
function isBetter(a: TriedSetting, b: TriedSetting): boolean {
  return a.accuracy > b.accuracy || (a.accuracy === b.accuracy && a.bytesMean > b.bytesMean);
}

function listSizes({ height, width }: PreprocessSpec, variant: string): Axis[] {
  const sizes = SCALES.map((scale) => ({
    height: Math.round(height * scale),
    width: Math.round(width * scale),
    variant,
  }));
  const sensible = sizes.filter((size) => Math.min(size.height, size.width) >= SMALLEST_SIDE);
  return sensible.length > 0 ? sensible : [{ height, width, variant }];
}

/** Remembers what was tried. */
class Trial {
  readonly #codec: PictureCodec;
  readonly #search: PictureBatch;
  readonly #gateway: { readonly classifier: PictureClassifier; readonly spec: PreprocessSpec };
  readonly #ctx: RunContext;
  readonly #sizes = new Map<string, number>();
  readonly #tried = new Map<string, TriedSetting>();

  constructor(
    codec: PictureCodec,
    search: PictureBatch,
    gateway: { readonly classifier: PictureClassifier; readonly spec: PreprocessSpec },
    ctx: RunContext,
  ) {
    this.#codec = codec;
    this.#search = search;
    this.#gateway = gateway;
    this.#ctx = ctx;
  }

  /** The highest quality whose mean payload is at most so many bytes; undefined when even the lowest is larger. */
  async highestQuality(axis: Axis, targetBytes: number): Promise<TriedSetting | undefined> {
    const [lowest, highest] = this.#codec.qualities;
    if ((await this.#meanBytes({ ...axis, quality: lowest })) > targetBytes) return undefined;
    let low = lowest;
    let high = highest + 1;
    while (high - low > 1) {
      const middle = (low + high) >> 1;
      const bytes = await this.#meanBytes({ ...axis, quality: middle });
      if (bytes <= targetBytes) low = middle;
      else high = middle;
      if (bytes <= targetBytes && bytes >= CLOSE_ENOUGH * targetBytes) break;
    }
    // The first pictures stood for all: all of them decide.
    for (let quality = low; quality >= lowest; quality--) {
      const tried = await this.#try({ ...axis, quality });
      if (tried.bytesMean <= targetBytes) return tried;
    }
    return undefined;
  }

  async smallest(axes: readonly Axis[]): Promise<{ setting: PictureSetting; bytesMean: number }> {
    const settings = axes.map((axis): PictureSetting => ({ ...axis, quality: this.#codec.qualities[0] }));
    const sized: { setting: PictureSetting; bytesMean: number }[] = [];
    for (const setting of settings) sized.push({ setting, bytesMean: await this.#meanBytes(setting) });
    return sized.reduce((least, one) => (one.bytesMean < least.bytesMean ? one : least));
  }

  async #meanBytes(setting: PictureSetting): Promise<number> {
    const key = JSON.stringify(setting);
    const known = this.#sizes.get(key);
    if (known !== undefined) return known;
    const files = await this.#encode(setting, SIZING_PICTURES);
    const shared = this.#codec.share(files);
    const mean = meanOf(files.map((file) => shared.payloadOf(file).length));
    this.#sizes.set(key, mean);
    this.#ctx.onProgress?.({ stage: `${this.#codec.id} settings`, done: this.#sizes.size, unit: 'settings' });
    return mean;
  }

  async #try(setting: PictureSetting): Promise<TriedSetting> {
    const key = JSON.stringify(setting);
    const known = this.#tried.get(key);
    if (known) return known;
    const { classifier, spec } = this.#gateway;
    const files = await this.#encode(setting, this.#search.pictures.length);
    const shared = this.#codec.share(files);
    const bytesMean = meanOf(files.map((file) => shared.payloadOf(file).length));
    const arrived = await decodePictures(files, this.#codec, spec, this.#ctx);
    const classes = await classifier.classify(joinPictures(arrived, spec), arrived.length);
    const right = classes.filter((c, i) => c === this.#search.labels[i]).length;
    const tried = { setting, shared, bytesMean, accuracy: right / arrived.length };
    this.#tried.set(key, tried);
    return tried;
  }

  #encode(setting: PictureSetting, count: number): Promise<Uint8Array[]> {
    return encodePictures(this.#search.pictures.slice(0, count), this.#codec, setting, this.#ctx);
  }
}
