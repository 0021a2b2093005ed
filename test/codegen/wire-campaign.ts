/** isplit_wire.c, compiled with every warning and both sanitizers, beside the TypeScript that it must equal. */
import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { encodeFrame, FRAME_FAULTS, type Frame, markResent, readFrame } from '../../src/wire/frame.js';
import { Outbox, type OutboxLimits } from '../../src/wire/outbox.js';
import { RESULT_STATUSES } from '../../src/wire/result.js';
import { repositoryRoot } from '../support/shared-data.js';
import { type Compiler, FLAGS } from './preprocess-campaign.js';
import { run } from './run-command.js';

/** What test/codegen/wire-main.c does with bytes, by its letter. */
export interface WireCommand {
  readonly letter: 'e' | 'c' | 'd' | 'r' | 'k' | 's' | 'o';
  readonly bytes: Uint8Array;
}

/** Answers of the C side, in order. @throws with the compiler's or sanitizer's text */
export function runWireInC(compiler: Compiler, commands: readonly WireCommand[]): Buffer[] {
  const folder = mkdtempSync(path.join(tmpdir(), 'isplit-wire-'));
  try {
    cpSync(path.join(repositoryRoot, 'firmware-templates/common'), folder, { recursive: true });
    cpSync(path.join(repositoryRoot, 'test/codegen/wire-main.c'), path.join(folder, 'main.c'));
    run(compiler, [...FLAGS, '-o', 'main', 'main.c', 'isplit_wire.c'], folder);
    const input = Buffer.concat(
      commands.flatMap(({ letter, bytes }) => [Buffer.from(letter), u32(bytes.length), bytes]),
    );
    const output = run(path.join(folder, 'main'), [], folder, input);
    let at = 0;
    return commands.map(() => {
      const length = output.readUInt32LE(at);
      at += 4 + length;
      return output.subarray(at - length, at);
    });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

export function u32(...values: readonly number[]): Buffer {
  const bytes = Buffer.alloc(4 * values.length);
  for (const [i, v] of values.entries()) bytes.writeUInt32LE(v >>> 0, 4 * i);
  return bytes;
}

function u16(value: number): Buffer {
  return Buffer.from([value & 255, value >> 8]);
}

const CODECS = ['raw', 'packed', 'rans'];

/** A frame as the C side reads it. */
export function frameForC(frame: Frame): Buffer {
  const flags = (frame.clock === 'unix' ? 1 : 0) | (frame.resent ? 2 : 0);
  return Buffer.concat([
    Buffer.from([flags, CODECS.indexOf(frame.codec)]),
    u16(frame.chunk.index),
    u16(frame.chunk.count),
    Buffer.from(frame.splitIdPrefix, 'hex'),
    u32(frame.bootId, frame.sequence, frame.captureMs),
    frame.payload,
  ]);
}

/** What `e` answers. */
export function encodedTwice(frame: Frame): Buffer {
  const bytes = encodeFrame(frame);
  return Buffer.concat([bytes, markResent(bytes)]);
}

/** What `d` answers. */
export function decodedForC(bytes: Uint8Array): Buffer {
  const frame = readFrame(bytes);
  if (typeof frame === 'string') return u32(1 + FRAME_FAULTS.indexOf(frame));
  const flags = (frame.clock === 'unix' ? 1 : 0) | (frame.resent ? 2 : 0);
  return Buffer.concat([
    u32(0, flags, CODECS.indexOf(frame.codec), frame.chunk.index, frame.chunk.count),
    Buffer.from(frame.splitIdPrefix, 'hex'),
    u32(frame.bootId, frame.sequence, frame.captureMs),
    frame.payload,
  ]);
}

export type OutboxEvent =
  | { readonly what: 'keep'; readonly now: number; readonly sequence: number; readonly payloadBytes: number }
  | { readonly what: 'send'; readonly now: number }
  | {
      readonly what: 'result';
      readonly now: number;
      readonly sequence: number;
      readonly status: (typeof RESULT_STATUSES)[number];
      readonly retryMs: number;
    }
  | { readonly what: 'reconnected'; readonly now: number };

export interface OutboxScript {
  readonly limits: OutboxLimits;
  readonly events: readonly OutboxEvent[];
}

export function scriptForC({ limits, events }: OutboxScript): Buffer {
  const rows = events.map((event) => {
    switch (event.what) {
      case 'keep':
        return u32(0, event.now, event.sequence, event.payloadBytes);
      case 'send':
        return u32(1, event.now, 0, 0);
      case 'result':
        return u32(2, event.now, event.sequence, RESULT_STATUSES.indexOf(event.status) | (event.retryMs << 8));
      default:
        return u32(3, event.now, 0, 0);
    }
  });
  return Buffer.concat([u32(limits.frames, limits.bytes, limits.ageMs, limits.resendMs, limits.mostResendMs), ...rows]);
}

/** What `o` answers. */
export function playScript({ limits, events }: OutboxScript): Buffer {
  const box = new Outbox(limits);
  const said: Uint8Array[] = [];
  for (const event of events) {
    if (event.what === 'keep') {
      said.push(u32(box.keep(event.sequence, frameOf(event.sequence, event.payloadBytes), event.now) ? 1 : 0));
    } else if (event.what === 'send') {
      for (let frame = box.nextDue(event.now); frame; frame = box.nextDue(event.now)) {
        said.push(u32(frame.sequence, frame.bytes.length), frame.bytes);
        box.markSent(frame, event.now);
      }
    } else if (event.what === 'result') {
      const before = box.counts.unasked;
      if (event.status === 'busy') box.postponed(event.sequence, event.retryMs, event.now);
      else if (event.status === 'ok') box.answered(event.sequence);
      else box.refused(event.sequence);
      said.push(u32(box.counts.unasked === before ? 1 : 0));
    } else {
      box.reconnected(event.now);
    }
    const next = box.nextEventMs();
    if (next !== undefined) said.push(u32(next));
    said.push(u32(box.size, box.bytes));
  }
  const { kept, sent, resent, answered, unasked, givenUp } = box.counts;
  said.push(u32(kept, sent, resent, answered, unasked, givenUp.room, givenUp.age, givenUp.refused));
  return Buffer.concat(said);
}

function frameOf(sequence: number, payloadBytes: number): Uint8Array {
  return encodeFrame({
    codec: 'raw',
    splitIdPrefix: '0'.repeat(16),
    bootId: 0,
    sequence,
    captureMs: 0,
    clock: 'boot',
    resent: false,
    chunk: { index: 0, count: 1 },
    payload: new Uint8Array(payloadBytes).fill(sequence & 255),
  });
}
