import type { RunContext } from '../../core/context.js';
import type { Picture } from '../../preprocess/picture.js';
import type { PictureCodec, PictureSetting, SharedPart } from './picture-codec.js';
import { mapPictures } from './pictures.js';
import { resample } from './resample.js';

/** What came of pictures that were sent. */
export interface SentPictures {
  /** At the gateway, in the size of the originals. */
  readonly pictures: readonly Picture[];
  readonly payloadBytes: readonly number[];
  readonly fileBytes: readonly number[];
}

/** Scaled down and coded, as whole files. */
export function encodePictures(
  pictures: readonly Picture[],
  codec: PictureCodec,
  setting: PictureSetting,
  ctx: RunContext,
): Promise<Uint8Array[]> {
  return mapPictures(
    pictures,
    (picture) => codec.encode(resample(picture, setting.height, setting.width), setting),
    ctx,
  );
}

/** What the gateway has of files: decoded and scaled to the size of the originals. */
export function decodePictures(
  files: readonly Uint8Array[],
  codec: PictureCodec,
  size: Omit<Picture, 'data'>,
  ctx: RunContext,
): Promise<Picture[]> {
  return mapPictures(
    files,
    async (file) => resample(await codec.decode(file, size.channels), size.height, size.width),
    ctx,
  );
}

/** @param pictures of one size, at least one */
export async function sendPictures(
  pictures: readonly Picture[],
  codec: PictureCodec,
  setting: PictureSetting,
  shared: SharedPart,
  ctx: RunContext,
): Promise<SentPictures> {
  const files = await encodePictures(pictures, codec, setting, ctx);
  return {
    pictures: await decodePictures(files, codec, pictures[0] as Picture, ctx),
    payloadBytes: files.map((file) => shared.payloadOf(file).length),
    fileBytes: files.map((file) => file.length),
  };
}

export function meanOf(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
