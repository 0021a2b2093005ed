import { fail } from '../../core/errors.js';
import type { Picture } from '../../preprocess/picture.js';

/** How a picture is sent. */
export interface PictureSetting {
  /** Size it is scaled to before coding, pixels. */
  readonly height: number;
  readonly width: number;
  /** 1 … 100, as the codec counts. */
  readonly quality: number;
  /** One of the codec's variants. */
  readonly variant: string;
}

/** What a fixed setting makes the same for every picture, so that both ends keep it and only the rest is sent. */
export interface SharedPart {
  /** What must be sent of a file. @throws IsplitError E_INTERNAL for a file of another setting */
  payloadOf(file: Uint8Array): Uint8Array;
  /** A file with the same pixels, as the gateway makes it. */
  rebuild(payload: Uint8Array): Uint8Array;
}

/** A way to send pictures. */
export interface PictureCodec {
  readonly id: 'jpeg' | 'webp';
  /** Whether a microcontroller can do it. */
  readonly practical: boolean;
  readonly note: string;
  /** Best and worst quality. */
  readonly qualities: readonly [low: number, high: number];
  /** Variants worth trying; one without a name where there is no choice. */
  variants(channels: number): readonly string[];
  /** A whole file. @param picture 1 channel, or R, G, B; already of the setting's size */
  encode(picture: Picture, setting: PictureSetting): Promise<Uint8Array>;
  /** @returns channels as asked */
  decode(file: Uint8Array, channels: number): Promise<Picture>;
  /** Learns what is shared from files of one setting, at least one. */
  share(files: readonly Uint8Array[]): SharedPart;
}

/** `24×24, quality 35, 4:2:0`. */
export function describeSetting({ height, width, quality, variant }: PictureSetting): string {
  return `${height}×${width}, quality ${quality}${variant === '' ? '' : `, ${variant}`}`;
}

type Sharp = typeof import('sharp').default;

/** Reading pictures' bytes and making them is sharp's; it is loaded when a picture is there. */
export async function openSharp(): Promise<Sharp> {
  return (await import('sharp')).default;
}

/** Decodes to rows of bytes with one channel or three. */
export async function decodeFile(file: Uint8Array, channels: number, name: string): Promise<Picture> {
  const sharp = await openSharp();
  const { data, info } = await sharp(file)
    .toColourspace(channels === 1 ? 'b-w' : 'srgb')
    .raw({ depth: 'uchar' })
    .toBuffer({ resolveWithObject: true });
  if (info.channels !== channels) {
    fail('E_INTERNAL', `a ${name} of our own has ${info.channels} channels and not ${channels}`, {
      channels: info.channels,
    });
  }
  return {
    data: new Uint8Array(data.buffer, data.byteOffset, data.byteLength),
    height: info.height,
    width: info.width,
    channels,
  };
}
