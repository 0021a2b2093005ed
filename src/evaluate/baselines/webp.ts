import { fail } from '../../core/errors.js';
import { joinBytes } from './jpeg-stream.js';
import { decodeFile, openSharp, type PictureCodec, type SharedPart } from './picture-codec.js';

/** RIFF header, `WEBP`, header of the one chunk. */
const CONTAINER_BYTES = 20;
/** Frame tag of a VP8 key frame: version and size of its first partition (RFC 6386, 9.1). */
const FRAME_TAG_BYTES = 3;
/** Start code and size of the picture, the same for all of one size. */
const FRAME_FIXED_BYTES = 7;
const PREFIX_BYTES = CONTAINER_BYTES + FRAME_TAG_BYTES + FRAME_FIXED_BYTES;

/** Lossy WebP: VP8 with its arithmetic coder. */
export const webpCodec: PictureCodec = {
  id: 'webp',
  practical: false,
  note: 'libwebp at its highest effort, for comparison: no encoder for microcontrollers is known; container and start code are kept at both ends',
  qualities: [1, 100],
  variants: () => [''],
  async encode({ data, height, width, channels }, { quality }) {
    const sharp = await openSharp();
    return sharp(data, { raw: { height, width, channels: channels as 1 | 3 } })
      .webp({ quality, effort: 6 })
      .toBuffer();
  },
  async decode(file, channels) {
    const picture = await decodeFile(file, 3, 'WebP');
    if (channels === 3) return picture;
    // Grey pictures come back as three channels that differ by rounding alone: the one in the middle weighs most in luma.
    const data = Uint8Array.from(
      { length: picture.height * picture.width },
      (_, i) => picture.data[3 * i + 1] as number,
    );
    return { ...picture, data, channels: 1 };
  },
  share: shareWebp,
};

/** Sizes in the container follow from the payload's length, which the frame on the wire says. */
function shareWebp(files: readonly Uint8Array[]): SharedPart {
  const first = files[0] ?? new Uint8Array(PREFIX_BYTES);
  checkWebp(first);
  const fixed = first.slice(CONTAINER_BYTES + FRAME_TAG_BYTES, PREFIX_BYTES);
  return {
    payloadOf(file) {
      checkWebp(file);
      const own = file.subarray(CONTAINER_BYTES + FRAME_TAG_BYTES, PREFIX_BYTES);
      if (Buffer.compare(own, fixed) !== 0)
        fail('E_INTERNAL', 'two WebP files of one setting have different headers', {});
      const chunk = chunkBytes(file);
      return joinBytes([
        file.subarray(CONTAINER_BYTES, CONTAINER_BYTES + FRAME_TAG_BYTES),
        file.subarray(PREFIX_BYTES, CONTAINER_BYTES + chunk),
      ]);
    },
    rebuild(payload) {
      const chunk = payload.length + FRAME_FIXED_BYTES;
      const padding = new Uint8Array(chunk % 2);
      const container = new Uint8Array(CONTAINER_BYTES);
      const text = (at: number, value: string): void => container.set(new TextEncoder().encode(value), at);
      const view = new DataView(container.buffer);
      text(0, 'RIFF');
      view.setUint32(4, CONTAINER_BYTES - 8 + chunk + padding.length, true);
      text(8, 'WEBPVP8 ');
      view.setUint32(16, chunk, true);
      return joinBytes([
        container,
        payload.subarray(0, FRAME_TAG_BYTES),
        fixed,
        payload.subarray(FRAME_TAG_BYTES),
        padding,
      ]);
    },
  };
}

function chunkBytes(file: Uint8Array): number {
  return new DataView(file.buffer, file.byteOffset, file.byteLength).getUint32(16, true);
}

/** One lossy chunk and nothing else. */
function checkWebp(file: Uint8Array): void {
  const text = Buffer.from(file.subarray(0, 16)).toString('latin1');
  const simple = text.startsWith('RIFF') && text.slice(8) === 'WEBPVP8 ';
  if (file.length < PREFIX_BYTES || !simple || CONTAINER_BYTES + chunkBytes(file) > file.length) {
    fail('E_INTERNAL', 'a WebP of our own is not one lossy chunk', {});
  }
}
