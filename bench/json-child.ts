import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface, type Interface } from 'node:readline';

/** A program that answers every JSON line on its stdin with one on its stdout, so that its start is not part of what is timed. */
export class JsonChild {
  readonly #process: ChildProcess;
  readonly #lines: Interface;
  readonly #waiting: { resolve(answer: unknown): void; reject(error: Error): void }[] = [];
  #stderr = '';
  #ended: Error | undefined;

  constructor(command: string, args: readonly string[], env: Readonly<Record<string, string>> = {}) {
    this.#process = spawn(command, args, { stdio: ['pipe', 'pipe', 'pipe'], env: { ...process.env, ...env } });
    this.#lines = createInterface({ input: this.#process.stdout as NodeJS.ReadableStream });
    this.#lines.on('line', (line) => this.#waiting.shift()?.resolve(JSON.parse(line)));
    this.#process.stderr?.on('data', (chunk: Buffer) => {
      this.#stderr = (this.#stderr + chunk.toString()).slice(-4000);
    });
    // A child that is gone refuses input; what it said before is the reason.
    this.#process.stdin?.on('error', () => undefined);
    const end = (reason: string): void => {
      this.#ended = new Error(this.#stderr.trim().split('\n').at(-1) || reason);
      for (const { reject } of this.#waiting.splice(0)) reject(this.#ended);
    };
    this.#process.on('error', (error) => end(error.message));
    this.#process.on('close', (code, signal) => end(`ended with ${signal ?? code}`));
  }

  /** @throws Error with the last line of its stderr when the program has ended */
  ask<T>(question: object): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      if (this.#ended) return reject(this.#ended);
      this.#waiting.push({ resolve: resolve as (answer: unknown) => void, reject });
      this.#process.stdin?.write(`${JSON.stringify(question)}\n`);
    });
  }

  end(): void {
    this.#process.stdin?.end();
    this.#process.kill();
  }
}
