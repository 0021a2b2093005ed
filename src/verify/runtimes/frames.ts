/**
 * What we and a runtime's child process say to each other: frames of a JSON header and a payload. Requests go to the
 * child's stdin, replies come from its file descriptor 3, so that whatever the runtime prints cannot get between them.
 *
 * A frame is two little-endian u32, the lengths of header and payload, then both. The same is read and written by tflite_runtimes.py.
 * Before each reply the child writes END_OF_WORDS to stderr: what a runtime says there travels by another pipe, and may arrive after the reply.
 */
export const END_OF_WORDS = '\x1e';

/** First frame of a child: the runtime's version, or that it cannot be loaded. */
export type Greeting = { readonly version: string } | { readonly missing: string };

/** Payload: the model, then `count` records of input tensors; no records at all stand for zeros. */
export interface RunRequest {
  readonly modelBytes: number;
  readonly count: number;
  /** For runtimes that are given their memory. */
  readonly arenaBytes: number;
}

/** Payload: `count` records of output tensors. */
export type RunReply = { readonly ran: true } | { readonly refused: string };

export interface Frame<H> {
  readonly header: H;
  readonly payload: Uint8Array;
}

const LENGTH_BYTES = 8;
/** Longer ones are no frames of ours: a child that was hit by a hostile file may write anything. */
const MAX_HEADER_BYTES = 1 << 20;

/** The parts of a frame, to be written one after the other. */
export function encodeFrame(header: object, payloads: readonly Uint8Array[]): readonly Uint8Array[] {
  const json = new TextEncoder().encode(JSON.stringify(header));
  const lengths = new Uint8Array(LENGTH_BYTES);
  const view = new DataView(lengths.buffer);
  view.setUint32(0, json.length, true);
  view.setUint32(
    4,
    payloads.reduce((sum, part) => sum + part.length, 0),
    true,
  );
  return [lengths, json, ...payloads];
}

/** Puts frames together from the chunks of a stream. */
export class FrameReader<H> {
  #chunks: Uint8Array[] = [];
  #available = 0;
  #wanted = LENGTH_BYTES;
  readonly #onFrame: (frame: Frame<H>) => void;

  constructor(onFrame: (frame: Frame<H>) => void) {
    this.#onFrame = onFrame;
  }

  /** @throws RangeError or SyntaxError when the stream does not hold frames */
  push(chunk: Uint8Array): void {
    this.#chunks.push(chunk);
    this.#available += chunk.length;
    while (this.#available >= this.#wanted) {
      const bytes = this.#joined();
      const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
      const headerBytes = view.getUint32(0, true);
      if (headerBytes > MAX_HEADER_BYTES) throw new RangeError(`a header of ${headerBytes} B`);
      const end = LENGTH_BYTES + headerBytes + view.getUint32(4, true);
      if (bytes.length < end) {
        this.#wanted = end;
        return;
      }
      const json = new TextDecoder().decode(bytes.subarray(LENGTH_BYTES, LENGTH_BYTES + headerBytes));
      // A copy, and no Buffer: a Buffer would slice without copying.
      const payload = new Uint8Array(bytes.subarray(LENGTH_BYTES + headerBytes, end));
      this.#chunks = [bytes.subarray(end)];
      this.#available = bytes.length - end;
      this.#wanted = LENGTH_BYTES;
      this.#onFrame({ header: JSON.parse(json) as H, payload });
    }
  }

  #joined(): Uint8Array {
    if (this.#chunks.length === 1) return this.#chunks[0] as Uint8Array;
    const joined = new Uint8Array(this.#available);
    let at = 0;
    for (const chunk of this.#chunks) {
      joined.set(chunk, at);
      at += chunk.length;
    }
    this.#chunks = [joined];
    return joined;
  }
}
