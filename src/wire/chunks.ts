/** Frames in pieces, for links whose packets are smaller than a frame. Over MQTT a frame is never cut: one frame is one PUBLISH. */
import { encodeFrame, FRAME_OVERHEAD_BYTES, type Frame, WHOLE } from './frame.js';

const MOST_CHUNKS = 0xffff;

/**
 * A whole frame as packets of at most `packetBytes`, each a frame with a part of the payload. All parts but the last are equally long.
 * @throws RangeError when packets are too small for it
 */
export function splitFrame(frame: Frame, packetBytes: number): Uint8Array[] {
  const room = packetBytes - FRAME_OVERHEAD_BYTES;
  const { payload } = frame;
  const count = Math.max(1, Math.ceil(payload.length / room));
  if (room < 1 || count > MOST_CHUNKS) {
    throw new RangeError(`a payload of ${payload.length} B does not go into packets of ${packetBytes} B`);
  }
  return Array.from({ length: count }, (_, index) =>
    encodeFrame({ ...frame, chunk: { index, count }, payload: payload.subarray(index * room, (index + 1) * room) }),
  );
}

export interface AssemblerLimits {
  /** Frames begun and not whole. */
  readonly frames: number;
  /** Payload bytes of these together. */
  readonly bytes: number;
  /** After which a frame that has not grown is given up. */
  readonly ageMs: number;
}

export interface AssemblerCounts {
  /** Chunks that came twice. */
  duplicates: number;
  /** Chunks that say other things than the first of their frame. */
  contradictions: number;
  /** Frames given up, for being the oldest where there was no room, or for their age. */
  givenUp: number;
}

interface Begun {
  readonly first: Frame;
  readonly parts: (Uint8Array | undefined)[];
  missing: number;
  bytes: number;
  touchedMs: number;
}

/** Puts the chunks of one sender together. What it holds is bounded, whatever is sent. */
export class FrameAssembler {
  readonly counts: AssemblerCounts = { duplicates: 0, contradictions: 0, givenUp: 0 };
  readonly #limits: AssemblerLimits;
  /** By boot id and sequence, the one that grew last at the end. */
  readonly #begun = new Map<string, Begun>();
  #bytes = 0;

  constructor(limits: AssemblerLimits) {
    this.#limits = limits;
  }

  /** Frames begun and not whole. */
  get size(): number {
    return this.#begun.size;
  }

  /** @returns the whole frame that this chunk completes */
  push(chunk: Frame, nowMs: number): Frame | undefined {
    const { index, count } = chunk.chunk;
    if (count === 1) return chunk;
    this.#dropOld(nowMs);
    const key = `${chunk.bootId}/${chunk.sequence}`;
    const begun = this.#begun.get(key) ?? this.#begin(key, chunk, nowMs);
    if (!begun) return undefined;
    if (!belongs(begun.first, chunk)) {
      this.counts.contradictions++;
      return undefined;
    }
    if (begun.parts[index]) {
      this.counts.duplicates++;
      return undefined;
    }
    // A copy: what a transport hands over is a view of memory that it uses again.
    begun.parts[index] = chunk.payload.slice();
    begun.bytes += chunk.payload.length;
    this.#bytes += chunk.payload.length;
    begun.touchedMs = nowMs;
    begun.missing--;
    if (begun.missing === 0) {
      this.#forget(key, begun);
      return { ...begun.first, chunk: WHOLE, payload: joinParts(begun.parts as Uint8Array[]) };
    }
    this.#begun.delete(key);
    this.#begun.set(key, begun);
    this.#dropOldest(key);
    return undefined;
  }

  #begin(key: string, first: Frame, nowMs: number): Begun | undefined {
    // The list of its parts alone is more than is held.
    if (first.chunk.count > this.#limits.bytes) {
      this.counts.givenUp++;
      return undefined;
    }
    const { count } = first.chunk;
    const begun: Begun = { first, parts: new Array(count), missing: count, bytes: 0, touchedMs: nowMs };
    this.#begun.set(key, begun);
    return begun;
  }

  #dropOld(nowMs: number): void {
    for (const [key, begun] of this.#begun) {
      if (nowMs - begun.touchedMs <= this.#limits.ageMs) return;
      this.#giveUp(key, begun);
    }
  }

  #dropOldest(kept: string): void {
    for (const [key, begun] of this.#begun) {
      if (this.#begun.size <= this.#limits.frames && this.#bytes <= this.#limits.bytes) return;
      if (key !== kept || this.#bytes > this.#limits.bytes) this.#giveUp(key, begun);
    }
  }

  #giveUp(key: string, begun: Begun): void {
    this.counts.givenUp++;
    this.#forget(key, begun);
  }

  #forget(key: string, begun: Begun): void {
    this.#begun.delete(key);
    this.#bytes -= begun.bytes;
  }
}

/** What all chunks of a frame share; resending changes only its flag. */
function belongs(first: Frame, chunk: Frame): boolean {
  return (
    first.codec === chunk.codec &&
    first.splitIdPrefix === chunk.splitIdPrefix &&
    first.captureMs === chunk.captureMs &&
    first.clock === chunk.clock &&
    first.chunk.count === chunk.chunk.count
  );
}

function joinParts(parts: readonly Uint8Array[]): Uint8Array {
  const joined = new Uint8Array(parts.reduce((n, { length }) => n + length, 0));
  let at = 0;
  for (const part of parts) {
    joined.set(part, at);
    at += part.length;
  }
  return joined;
}
