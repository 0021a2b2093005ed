/** A decoded picture: rows top to bottom, channels last (height, width, channels), one byte each; 3 channels are R, G, B. */
export interface Picture {
  readonly data: Uint8Array;
  readonly height: number;
  readonly width: number;
  readonly channels: number;
}
