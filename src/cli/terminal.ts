import type { ProgressEvent, RunContext } from '../core/context.js';
import { IsplitError } from '../core/errors.js';
import { describeProgress, type StageStart } from './progress-line.js';

export interface OutputOptions {
  readonly json?: boolean;
  readonly quiet?: boolean;
}

/** How often progress is written when stderr is no terminal. */
const PLAIN_INTERVAL_MS = 10_000;
const LIVE_INTERVAL_MS = 100;

/**
 * The only place that prints. Results go to stdout; with `--json` exactly one document and nothing else. Progress, warnings and
 * errors go to stderr.
 */
export class Terminal {
  readonly #options: OutputOptions;
  #live = false;
  #lastWrite = 0;
  #stage = '';
  #start: StageStart = { done: 0, atMs: 0 };

  constructor(options: OutputOptions) {
    this.#options = options;
  }

  get json(): boolean {
    return this.#options.json === true;
  }

  /** Columns of the result; 100 when stdout is no terminal. */
  get width(): number {
    return process.stdout.columns ?? 100;
  }

  /** Text for people; dropped with --json and --quiet. */
  print(text: string): void {
    if (this.json || this.#options.quiet) return;
    this.endProgress();
    process.stdout.write(`${text}\n`);
  }

  /** The document of --json, or the text otherwise. */
  result(document: unknown, text: () => string): void {
    this.endProgress();
    process.stdout.write(this.json ? `${JSON.stringify(document, null, 2)}\n` : `${text()}\n`);
  }

  warn(message: string): void {
    if (this.#options.quiet) return;
    this.endProgress();
    process.stderr.write(`note     ${message}\n`);
  }

  progress(event: ProgressEvent): void {
    if (this.#options.quiet) return;
    const now = Date.now();
    if (event.stage !== this.#stage) {
      this.endProgress();
      this.#stage = event.stage;
      this.#start = { done: event.done, atMs: now };
      this.#lastWrite = process.stderr.isTTY ? 0 : now;
    }
    const last = event.total !== undefined && event.done >= event.total;
    const interval = process.stderr.isTTY ? LIVE_INTERVAL_MS : PLAIN_INTERVAL_MS;
    if (!last && now - this.#lastWrite < interval) return;
    if (last && !process.stderr.isTTY && now - this.#start.atMs < 1000) return;
    this.#lastWrite = now;
    const line = describeProgress(event, this.#start, now);
    if (process.stderr.isTTY) {
      process.stderr.write(`\r\x1b[2K${line}`);
      this.#live = true;
    } else {
      process.stderr.write(`${line}\n`);
    }
  }

  /** Removes a live progress line: none is left behind in a log. */
  endProgress(): void {
    if (this.#live) process.stderr.write('\r\x1b[2K');
    this.#live = false;
  }

  /** Prints an error and returns the exit code. */
  error(error: unknown): number {
    this.endProgress();
    const known = error instanceof IsplitError ? error : unexpected(error);
    if (this.json) process.stdout.write(`${JSON.stringify(known.toJSON(), null, 2)}\n`);
    else process.stderr.write(describeError(known));
    return known.exitCode;
  }
}

function unexpected(error: unknown): IsplitError {
  const message = error instanceof Error ? error.message : String(error);
  const stack = error instanceof Error ? error.stack : undefined;
  return new IsplitError(
    {
      code: 'E_INTERNAL',
      message,
      context: { stack: stack?.split('\n').slice(0, 6) },
      hint: 'This is a defect of isplit-edge; please report it with the command and the input.',
    },
    { cause: error },
  );
}

function describeError(error: IsplitError): string {
  const [first, ...rest] = error.all;
  const lines = [`error ${first?.code ?? error.code}  ${first?.message ?? error.message}`];
  for (const problem of rest.slice(0, 20)) {
    // The same kind of trouble many times over: its code is said once.
    lines.push(`      ${problem.code === first?.code ? '' : `${problem.code}  `}${problem.message}`);
  }
  if (rest.length > 20) lines.push(`      … and ${rest.length - 20} more (all with --json)`);
  lines.push(`      ${error.remedy}`);
  return `${lines.join('\n')}\n`;
}

/** A run context that reports to the terminal and stops on Ctrl-C. */
export function createContext(terminal: Terminal, signal: AbortSignal): RunContext {
  return { signal, onProgress: (event) => terminal.progress(event), onWarning: (message) => terminal.warn(message) };
}
