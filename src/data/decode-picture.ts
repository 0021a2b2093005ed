import { fail } from '../core/errors.js';
import { formatCount } from '../core/units.js';
import type { Picture } from '../preprocess/picture.js';
import { DATA_LIMITS } from './limits.js';

/** What a file is by its first bytes; `refused` are pictures that the decoder does not read. */
export type PictureKind =
  | { readonly kind: 'picture'; readonly format: string }
  | { readonly kind: 'refused'; readonly format: string }
  | { readonly kind: 'other' };

/** Bytes that identifyPicture wants to see. */
export const PICTURE_HEAD_BYTES = 32;

const SIGNATURES: readonly { format: string; refused?: true; at?: number; bytes: string }[] = [
  { format: 'JPEG', bytes: '\xff\xd8\xff' },
  { format: 'PNG', bytes: '\x89PNG\r\n\x1a\n' },
  { format: 'GIF', bytes: 'GIF8' },
  { format: 'WebP', at: 8, bytes: 'WEBP' },
  { format: 'TIFF', bytes: 'II*\0' },
  { format: 'TIFF', bytes: 'MM\0*' },
  { format: 'AVIF', at: 4, bytes: 'ftypavif' },
  { format: 'BMP', refused: true, bytes: 'BM' },
  { format: 'HEIC', refused: true, at: 4, bytes: 'ftyphei' },
  { format: 'HEIC', refused: true, at: 4, bytes: 'ftypmif1' },
  { format: 'JPEG 2000', refused: true, at: 4, bytes: 'jP  ' },
  { format: 'JPEG XL', refused: true, bytes: '\xff\x0a' },
  { format: 'JPEG XL', refused: true, at: 4, bytes: 'JXL ' },
  { format: 'Photoshop', refused: true, bytes: '8BPS' },
  { format: 'ICO', refused: true, bytes: '\0\0\x01\0' },
  { format: 'netpbm', refused: true, bytes: 'P5\n' },
  { format: 'netpbm', refused: true, bytes: 'P6\n' },
];

export function identifyPicture(head: Uint8Array): PictureKind {
  const text = Buffer.from(head.subarray(0, PICTURE_HEAD_BYTES)).toString('latin1');
  const found = SIGNATURES.find(({ at = 0, bytes }) => text.startsWith(bytes, at));
  if (!found) return { kind: 'other' };
  return { kind: found.refused ? 'refused' : 'picture', format: found.format };
}

/**
 * Decodes JPEG, PNG, WebP, GIF (first frame), TIFF, AVIF to RGB bytes, (height, width, 3); greyscale is expanded, alpha is
 * dropped, 16 bits become 8, embedded colour profiles and EXIF rotation are ignored, as training pipelines do.
 * @throws IsplitError E_DATA_PICTURE, E_DATA_TOO_LARGE
 */
export async function decodePicture(bytes: Uint8Array, name: string): Promise<Picture> {
  const { default: sharp } = await import('sharp');
  try {
    const { data, info } = await sharp(bytes, {
      limitInputPixels: DATA_LIMITS.picturePixels,
      failOn: 'warning',
      ignoreIcc: true,
      sequentialRead: true,
    })
      .removeAlpha()
      .toColourspace('srgb')
      .raw({ depth: 'uchar' })
      .toBuffer({ resolveWithObject: true });
    const plain = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
    return { data: plain, height: info.height, width: info.width, channels: info.channels };
  } catch (error) {
    const reason = String((error as Error).message).split('\n')[0] as string;
    if (reason.includes('pixel limit')) {
      const limit = DATA_LIMITS.picturePixels;
      fail('E_DATA_TOO_LARGE', `${name} has more than ${formatCount(limit)} pixels`, { name, limitPixels: limit });
    }
    fail('E_DATA_PICTURE', `${name} cannot be decoded: ${reason}`, { name, reason });
  }
}
