import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, it } from 'vitest';
import { firstComplaint, openChild } from '../../../src/verify/runtimes/child-session.js';
import { encodeFrame, FrameReader } from '../../../src/verify/runtimes/frames.js';
import type { RunOutcome, RuntimeSession } from '../../../src/verify/runtimes/runtime.js';

const script = fileURLToPath(new URL('misbehaving-child.mjs', import.meta.url));
const opened: RuntimeSession[] = [];

async function open(mode = 'well', timeoutMs = 5000, signal?: AbortSignal): Promise<RuntimeSession> {
  const ctx = signal ? { signal } : {};
  const session = await openChild({ file: process.execPath, args: [script, mode] }, { timeoutMs, ctx });
  if ('missing' in session) throw new Error(`missing: ${session.missing}`);
  opened.push(session);
  return session;
}

function ask(session: RuntimeSession, what: string, inputs = [1, 2, 3]): Promise<RunOutcome> {
  const model = new TextEncoder().encode(what);
  return session.run({ model, inputs: Uint8Array.from(inputs), count: 1, arenaBytes: 0 });
}

afterEach(() => {
  for (const session of opened.splice(0)) session.close();
});

describe('a runtime in a child process', () => {
  it('answers many models one after the other, and its printing is in nobody’s way', async () => {
    const session = await open();
    expect(session.version).toBe('7');
    for (const inputs of [[1, 2, 3], [], Array.from({ length: 300_000 }, (_, i) => i % 251)]) {
      const outcome = await ask(session, 'e', inputs);
      expect(outcome).toEqual({ outputs: Uint8Array.from(inputs).reverse() });
    }
  });

  it('is said to have crashed, with the signal and its last words, and is there again for the next model', async () => {
    const session = await open();
    expect(await ask(session, 'c')).toEqual({
      failure: 'crashed with SIGSEGV (free(): invalid pointer in … at …)',
    });
    expect(await ask(session, 'x')).toEqual({ failure: 'ended with exit code 4' });
    expect(await ask(session, 'g')).toEqual({ failure: 'answered with something that is no frame' });
    expect(await ask(session, 'e')).toEqual({ outputs: Uint8Array.of(3, 2, 1) });
    expect(await ask(session, 'r')).toEqual({ failure: 'refused: operator version 9' });
  });

  it('is heard out: what it says of a refusal may arrive after the refusal', async () => {
    const session = await open();
    expect(await ask(session, 'l')).toEqual({ failure: 'refused: operator version 9 (op 12 is too new)' });
    expect(await ask(session, 'r')).toEqual({ failure: 'refused: operator version 9' });
  });

  it('is ended when it does not answer in time', async () => {
    const session = await open('well', 400);
    expect(await ask(session, 'h')).toEqual({ failure: 'did not answer within 0.4 s' });
    expect(await ask(session, 'e')).toEqual({ outputs: Uint8Array.of(3, 2, 1) });
  });

  it('is ended on request, and that is no failure of the runtime', async () => {
    const stop = new AbortController();
    const session = await open('well', 60_000, stop.signal);
    setTimeout(() => stop.abort(), 100);
    const startedAt = performance.now();
    await expect(ask(session, 'h')).rejects.toMatchObject({ code: 'E_INTERRUPTED' });
    expect(performance.now() - startedAt).toBeLessThan(10_000);
  });

  it('is missing when it says so, breaks while loading, or does not exist', async () => {
    const options = { timeoutMs: 1000, ctx: {} };
    const absent = await openChild({ file: process.execPath, args: [script, 'absent'] }, options);
    expect(absent).toEqual({ missing: "No module named 'tflite_micro'" });
    const broken = await openChild({ file: process.execPath, args: [script, 'broken'] }, options);
    expect(broken).toEqual({ missing: 'crashed with SIGABRT' });
    const nowhere = await openChild({ file: 'no-such-python', args: [] }, options);
    expect(nowhere).toEqual({ missing: 'cannot be started: ENOENT' });
  });
});

describe('frames', () => {
  it('are read from a stream cut anywhere', () => {
    const parts = [...encodeFrame({ a: 1 }, [Uint8Array.of(9, 8)]), ...encodeFrame({ b: 2 }, [])];
    const bytes = Buffer.concat(parts);
    for (const size of [1, 3, bytes.length]) {
      const frames: object[] = [];
      const reader = new FrameReader((frame) => frames.push({ ...frame }));
      for (let at = 0; at < bytes.length; at += size) reader.push(bytes.subarray(at, at + size));
      expect(frames).toEqual([
        { header: { a: 1 }, payload: Uint8Array.of(9, 8) },
        { header: { b: 2 }, payload: Uint8Array.of() },
      ]);
    }
  });

  it('with a header beyond all measure are refused before any memory is taken for them', () => {
    const reader = new FrameReader(() => {});
    expect(() => reader.push(new Uint8Array(8).fill(0xff))).toThrow(RangeError);
  });
});

describe('the complaint of a runtime', () => {
  it('is its first line that is no greeting, without paths, addresses, times and process ids', () => {
    const stderr = [
      'WARNING: All log messages before absl::InitializeLog() is called are written to STDERR',
      'I0000 00:00:17.1  12 port.cc:153] hello',
      'INFO: Created TensorFlow Lite XNNPACK delegate for CPU.',
      "E0000 00:00:1795439.12   4711 interpreter.cc:9] Didn't find op for builtin opcode 'MUL'",
    ].join('\n');
    expect(firstComplaint(stderr)).toBe("interpreter.cc:9] Didn't find op for builtin opcode 'MUL'");
    expect(firstComplaint('')).toBe('');
  });
});
