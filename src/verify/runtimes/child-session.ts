/** A runtime in a process of its own: native ones end with a signal on hostile files, and two of them cannot share one process. */
import { type ChildProcess, spawn } from 'node:child_process';
import type { Readable } from 'node:stream';
import { throwIfAborted } from '../../core/context.js';
import { END_OF_WORDS, encodeFrame, type Frame, FrameReader, type Greeting, type RunReply } from './frames.js';
import type { ModelRun, Opened, RunOutcome, RuntimeSession, SessionOptions } from './runtime.js';

/** How a child is started. */
export interface ChildCommand {
  readonly file: string;
  readonly args: readonly string[];
}

/** Loading a runtime, its package and its interpreter. */
const START_TIMEOUT_MS = 60_000;
const STDERR_BYTES_KEPT = 8192;
/** How long a reply waits for the last words on stderr. */
const LAST_WORDS_MS = 2000;

/** A parent that ends must leave none behind, whatever made it end. */
const alive = new Set<ChildProcess>();
process.on('exit', () => {
  for (const child of alive) child.kill('SIGKILL');
});

type Answer = { readonly frame: Frame<unknown> } | { readonly failure: string };

/** One process and the one answer it owes at a time. */
class RuntimeChild {
  readonly #child: ChildProcess;
  #stderr = '';
  /** Stderr up to the end of the current answer has arrived. */
  #heardOut = false;
  /** Came before the last words did. */
  #waiting: Answer | undefined;
  #lastWords: NodeJS.Timeout | undefined;
  #settle: ((answer: Answer) => void) | undefined;
  #ended: string | undefined;

  constructor(command: ChildCommand) {
    this.#child = spawn(command.file, [...command.args], {
      stdio: ['pipe', 'ignore', 'pipe', 'pipe'],
      windowsHide: true,
      env: { ...process.env, TF_CPP_MIN_LOG_LEVEL: '2', PYTHONUNBUFFERED: '1' },
    });
    alive.add(this.#child);
    this.#child.on('error', (error: NodeJS.ErrnoException) => this.#end(`cannot be started: ${error.code ?? 'error'}`));
    // A child that has crashed reads no more.
    this.#child.stdin?.on('error', () => {});
    this.#child.stderr?.on('data', (chunk: Buffer) => {
      this.#hear(chunk.toString('latin1'));
    });
    const reader = new FrameReader<unknown>((frame) => this.#receive({ frame }));
    (this.#child.stdio[3] as Readable).on('data', (chunk: Buffer) => {
      try {
        reader.push(chunk);
      } catch {
        this.#end('answered with something that is no frame');
      }
    });
    // `close` comes after the last of stderr.
    this.#child.on('close', (code, signal) => {
      this.#end(signal ? `crashed with ${signal}` : `ended with exit code ${code}`);
    });
  }

  get isAlive(): boolean {
    return this.#ended === undefined;
  }

  /** Waits for the next frame; a child that does not answer in time is ended. */
  async ask(parts: readonly Uint8Array[], timeoutMs: number, { ctx }: SessionOptions): Promise<Answer> {
    throwIfAborted(ctx);
    this.#stderr = '';
    this.#heardOut = false;
    const onAbort = (): void => this.#end('was stopped');
    ctx.signal?.addEventListener('abort', onAbort, { once: true });
    const timer = setTimeout(() => this.#end(`did not answer within ${timeoutMs / 1000} s`), timeoutMs);
    try {
      return await new Promise<Answer>((resolve) => {
        if (this.#ended !== undefined) return resolve({ failure: this.#ended });
        this.#settle = resolve;
        for (const part of parts) this.#child.stdin?.write(part);
      });
    } finally {
      clearTimeout(timer);
      ctx.signal?.removeEventListener('abort', onAbort);
      throwIfAborted(ctx);
    }
  }

  /** What the runtime said on stderr during the last question, without what differs between two runs or machines. */
  get complaint(): string {
    return firstComplaint(this.#stderr);
  }

  stop(): void {
    this.#end('was stopped');
  }

  #hear(text: string): void {
    const words = text.replaceAll(END_OF_WORDS, '');
    this.#stderr = (this.#stderr + words).slice(-STDERR_BYTES_KEPT);
    if (words.length === text.length) return;
    this.#heardOut = true;
    if (this.#waiting) this.#answer(this.#waiting);
  }

  #receive(answer: Answer): void {
    if (this.#heardOut) {
      this.#answer(answer);
      return;
    }
    this.#waiting = answer;
    this.#lastWords = setTimeout(() => this.#answer(answer), LAST_WORDS_MS);
  }

  #answer(answer: Answer): void {
    clearTimeout(this.#lastWords);
    this.#waiting = undefined;
    const settle = this.#settle;
    this.#settle = undefined;
    settle?.(answer);
  }

  #end(how: string): void {
    if (this.#ended !== undefined) return;
    this.#ended = how;
    alive.delete(this.#child);
    this.#child.kill('SIGKILL');
    this.#child.stdin?.destroy();
    this.#answer({ failure: how });
  }
}

/** First line that is no greeting, in printable characters; paths, addresses, times and process ids left out. */
export function firstComplaint(stderr: string): string {
  const noise = /^(INFO|WARNING: All log|[IW]\d{4} )|XNNPACK delegate|^\s*(File ")|Traceback/;
  const line = stderr
    .split('\n')
    .map((text) => text.replace(/[^\x20-\x7e]/g, '').trim())
    .find((text) => text !== '' && !noise.test(text));
  return (line ?? '')
    .replace(/(\/[\w.+@-]+){2,}\/?/g, '…')
    .replace(/0x[0-9a-f]+/gi, '…')
    .replace(/^[EF]\d{4} [\d:.]+\s+\d+ /, '')
    .slice(0, 160);
}

/** @returns the session, or why the runtime cannot be loaded */
export async function openChild(command: ChildCommand, options: SessionOptions): Promise<Opened> {
  const first = await greet(command, options);
  if ('missing' in first) return first;
  let child = first.child;
  const session: RuntimeSession = {
    version: first.version,
    async run(run: ModelRun): Promise<RunOutcome> {
      if (!child.isAlive) {
        const again = await greet(command, options);
        if ('missing' in again) return { failure: again.missing };
        child = again.child;
      }
      const header = { modelBytes: run.model.length, count: run.count, arenaBytes: run.arenaBytes };
      const answer = await child.ask(encodeFrame(header, [run.model, run.inputs]), options.timeoutMs, options);
      if ('failure' in answer) return { failure: withComplaint(answer.failure, child.complaint) };
      const reply = answer.frame.header as RunReply;
      if ('refused' in reply) return { failure: withComplaint(`refused: ${reply.refused}`, child.complaint) };
      return { outputs: answer.frame.payload };
    },
    close: () => child.stop(),
  };
  return session;
}

function withComplaint(failure: string, complaint: string): string {
  return complaint === '' || failure.includes(complaint) ? failure : `${failure} (${complaint})`;
}

async function greet(
  command: ChildCommand,
  options: SessionOptions,
): Promise<{ child: RuntimeChild; version: string } | { missing: string }> {
  const child = new RuntimeChild(command);
  const answer = await child.ask([], START_TIMEOUT_MS, options);
  if ('failure' in answer) return { missing: withComplaint(answer.failure, child.complaint) };
  const greeting = answer.frame.header as Greeting;
  if ('version' in greeting) return { child, version: greeting.version };
  child.stop();
  return greeting;
}
