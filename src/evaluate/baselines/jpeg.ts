import { fail } from '../../core/errors.js';
import { assembleJpeg, type JpegParts, learnJpegTables, readBaselineJpeg, writeScan } from './jpeg-stream.js';
import { decodeFile, openSharp, type PictureCodec, type SharedPart } from './picture-codec.js';

/** Baseline JPEG by mozjpeg with trellis quantization; greyscale pictures as greyscale JPEG. */
export const jpegCodec: PictureCodec = {
  id: 'jpeg',
  practical: true,
  note: 'mozjpeg with trellis quantization, better than the encoders of cameras; headers and Huffman tables learnt once and kept at both ends, only the scan is sent',
  qualities: [1, 100],
  variants: (channels) => (channels === 1 ? [''] : ['4:2:0', '4:4:4']),
  async encode({ data, height, width, channels }, { quality, variant }) {
    const sharp = await openSharp();
    const image = sharp(data, { raw: { height, width, channels: channels as 1 | 3 } });
    return (channels === 1 ? image.toColourspace('b-w') : image)
      .jpeg({
        quality,
        progressive: false,
        trellisQuantisation: true,
        overshootDeringing: true,
        quantisationTable: 3,
        ...(variant === '' ? {} : { chromaSubsampling: variant }),
      })
      .toBuffer();
  },
  decode: (file, channels) => decodeFile(file, channels, 'JPEG'),
  share: shareJpeg,
};

/** Files that tables were learnt from are asked for their payloads next. */
const taken = new WeakMap<Uint8Array, JpegParts>();

function takeApart(file: Uint8Array): JpegParts {
  const known = taken.get(file);
  if (known) return known;
  const parts = readBaselineJpeg(file);
  taken.set(file, parts);
  return parts;
}

/**
 * Of files made with one setting every segment is the same but the Huffman tables, which the encoder fits to each picture. Tables
 * that fit all of them are learnt instead, and the scan is coded again in those: the same coefficients, so the same pixels.
 */
function shareJpeg(files: readonly Uint8Array[]): SharedPart {
  const parts = files.map(takeApart);
  const segments = parts[0]?.segments ?? [];
  const tables = learnJpegTables(parts.map(({ scan }) => scan));
  const isShared = (other: readonly Uint8Array[]): boolean =>
    other.length === segments.length &&
    other.every((segment, i) => Buffer.compare(segment, segments[i] as Uint8Array) === 0);
  return {
    payloadOf(file) {
      const own = takeApart(file);
      if (!isShared(own.segments)) fail('E_INTERNAL', 'two JPEG files of one setting have different headers', {});
      return writeScan(own.scan, tables);
    },
    rebuild: (payload) => assembleJpeg(segments, tables, payload),
  };
}
