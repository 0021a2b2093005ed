/**
 * What a device keeps until it is answered. No clock, no sockets, no randomness of its own: the C library does the same, step for step,
 * and both are tested against one another.
 */
import { markResent } from './frame.js';

export interface OutboxLimits {
  /** Frames kept. */
  readonly frames: number;
  /** Bytes of these frames together. */
  readonly bytes: number;
  /** After which a frame is given up. */
  readonly ageMs: number;
  /** Until a frame is sent again for the first time; doubles every time. */
  readonly resendMs: number;
  /** It does not grow beyond. */
  readonly mostResendMs: number;
}

export const DEFAULT_OUTBOX: OutboxLimits = {
  frames: 8,
  bytes: 16 * 1024,
  ageMs: 60_000,
  resendMs: 500,
  mostResendMs: 8_000,
};

/** Why a frame was given up. `room`: newer ones needed it. `refused`: the tail cannot take it, whenever it is sent. */
export type GiveUpReason = 'room' | 'age' | 'refused';

export interface OutboxCounts {
  kept: number;
  sent: number;
  resent: number;
  answered: number;
  /** Results for what is not kept: answered before, or given up. */
  unasked: number;
  readonly givenUp: Record<GiveUpReason, number>;
}

export interface KeptFrame {
  readonly sequence: number;
  /** As it is to be sent now. */
  bytes: Uint8Array;
  readonly sinceMs: number;
  /** Times sent. */
  sent: number;
  dueMs: number;
}

export class Outbox {
  readonly limits: OutboxLimits;
  readonly counts: OutboxCounts = {
    kept: 0,
    sent: 0,
    resent: 0,
    answered: 0,
    unasked: 0,
    givenUp: { room: 0, age: 0, refused: 0 },
  };
  /** In order of sequence. */
  #frames: KeptFrame[] = [];
  #bytes = 0;

  constructor(limits: OutboxLimits = DEFAULT_OUTBOX) {
    this.limits = limits;
  }

  get size(): number {
    return this.#frames.length;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /**
   * Keeps a frame, due at once. Where there is no room the oldest ones go: a newer picture is worth more.
   * @returns whether it was kept: a frame larger than all the room is not
   */
  keep(sequence: number, bytes: Uint8Array, nowMs: number): boolean {
    this.dropOld(nowMs);
    if (bytes.length > this.limits.bytes) {
      this.counts.givenUp.room++;
      return false;
    }
    while (this.#frames.length >= this.limits.frames || this.#bytes + bytes.length > this.limits.bytes) {
      this.#remove(0);
      this.counts.givenUp.room++;
    }
    this.#frames.push({ sequence, bytes, sinceMs: nowMs, sent: 0, dueMs: nowMs });
    this.#bytes += bytes.length;
    this.counts.kept++;
    return true;
  }

  /** The oldest frame that is due. Whoever sends it says so with `markSent`. */
  nextDue(nowMs: number): KeptFrame | undefined {
    this.dropOld(nowMs);
    return this.#frames.find(({ dueMs }) => dueMs <= nowMs);
  }

  /** When the next frame is due or too old; undefined when nothing is kept. */
  nextEventMs(): number | undefined {
    const times = this.#frames.map(({ dueMs, sinceMs }) => Math.min(dueMs, sinceMs + this.limits.ageMs + 1));
    return times.length === 0 ? undefined : Math.min(...times);
  }

  /** The wait doubles, less up to a quarter of it that depends on the frame: devices that failed together do not come back together. */
  markSent(frame: KeptFrame, nowMs: number): void {
    if (frame.sent > 0) this.counts.resent++;
    this.counts.sent++;
    const wait = Math.min(this.limits.resendMs * 2 ** Math.min(frame.sent, 20), this.limits.mostResendMs);
    frame.sent++;
    // A copy: the transport may still hold the bytes that it was given.
    frame.bytes = markResent(frame.bytes);
    frame.dueMs = nowMs + wait - spread(frame.sequence, frame.sent, Math.floor(wait / 4));
  }

  /** Nothing was lost with the connection but time: all that is kept is due, oldest first. */
  reconnected(nowMs: number): void {
    for (const frame of this.#frames) if (frame.sent > 0) frame.dueMs = nowMs;
  }

  /** @returns the frame that this answers, if it is still kept */
  answered(sequence: number): KeptFrame | undefined {
    const frame = this.#take(sequence);
    if (frame) this.counts.answered++;
    else this.counts.unasked++;
    return frame;
  }

  /** The tail will never take it. */
  refused(sequence: number): KeptFrame | undefined {
    const frame = this.#take(sequence);
    if (frame) this.counts.givenUp.refused++;
    else this.counts.unasked++;
    return frame;
  }

  /** The tail asks for patience. */
  postponed(sequence: number, retryMs: number, nowMs: number): void {
    const frame = this.#frames.find((kept) => kept.sequence === sequence);
    if (frame) frame.dueMs = nowMs + Math.max(retryMs, this.limits.resendMs);
    else this.counts.unasked++;
  }

  dropOld(nowMs: number): void {
    while (this.#frames[0] && nowMs - this.#frames[0].sinceMs > this.limits.ageMs) {
      this.#remove(0);
      this.counts.givenUp.age++;
    }
  }

  #take(sequence: number): KeptFrame | undefined {
    const at = this.#frames.findIndex((kept) => kept.sequence === sequence);
    return at < 0 ? undefined : this.#remove(at);
  }

  #remove(at: number): KeptFrame {
    const [frame] = this.#frames.splice(at, 1) as [KeptFrame];
    this.#bytes -= frame.bytes.length;
    return frame;
  }
}

/** 0 … most, the same for the same frame and time. Finaliser of MurmurHash3 (public domain, A. Appleby). */
export function spread(sequence: number, sent: number, most: number): number {
  let h = (sequence ^ Math.imul(sent, 0x9e3779b9)) >>> 0;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  h = (h ^ (h >>> 16)) >>> 0;
  return h % (most + 1);
}
