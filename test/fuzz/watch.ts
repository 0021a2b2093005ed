/** Runs mutants in a child process that may hang, crash or eat memory. */
import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { ReadOutcome } from './read-mutant.js';

/** For reading one file. */
export interface Limits {
  readonly milliseconds: number;
  readonly rssBytes: number;
}

export const LIMITS: Limits = { milliseconds: 5000, rssBytes: 1024 ** 3 };

export interface Job {
  readonly seed: string;
  readonly number: number;
}

export interface CaseResult extends ReadOutcome {
  readonly kind: string;
  readonly structural: boolean;
  readonly milliseconds: number;
  /** Of the process so far. */
  readonly peakRssBytes: number;
}

type Message = { ready: true } | { reading: true; kind: string; structural: boolean } | CaseResult;

/** A process grows with what it has read: a fresh one after so many cases keeps the peak near that of one file. */
const CASES_A_PROCESS = 400;
/** Starting a process and making a mutant are not the reader's time. */
const PREPARE_MILLISECONDS = 60_000;

export class Watchdog {
  readonly #worker: string;
  #child: ChildProcess | undefined;
  #cases = 0;

  readonly #limits: Limits;

  /** @param worker file beside this one */
  constructor(worker = 'worker.ts', limits: Limits = LIMITS) {
    this.#limits = limits;
    this.#worker = fileURLToPath(new URL(worker, import.meta.url));
  }

  /** Reads one mutant. A hang or too much memory is tried again in a fresh process, so that a busy machine is not blamed. */
  async run(job: Job): Promise<CaseResult> {
    const first = await this.#runOnce(job);
    const suspicious =
      first.outcome === 'hang' ||
      first.milliseconds > this.#limits.milliseconds ||
      first.peakRssBytes > this.#limits.rssBytes;
    if (!suspicious) return first;
    this.stop();
    const second = await this.#runOnce(job);
    this.stop();
    if (second.defect) return second;
    if (second.milliseconds > this.#limits.milliseconds) {
      return { ...second, outcome: 'slow', defect: `took ${(second.milliseconds / 1000).toFixed(1)} s` };
    }
    if (second.peakRssBytes > this.#limits.rssBytes) {
      return { ...second, outcome: 'memory', defect: `took ${(second.peakRssBytes / 2 ** 20).toFixed(0)} MiB` };
    }
    return second;
  }

  stop(): void {
    this.#child?.kill('SIGKILL');
    this.#child = undefined;
  }

  async #runOnce(job: Job): Promise<CaseResult> {
    if (this.#cases >= CASES_A_PROCESS) this.stop();
    if (!this.#child) await this.#start();
    this.#cases += 1;
    const child = this.#child as ChildProcess;
    return new Promise<CaseResult>((resolve) => {
      let seen = { kind: '?', structural: false };
      const end = (result: CaseResult): void => {
        clearTimeout(timer);
        child.off('message', onMessage);
        child.off('exit', onExit);
        resolve(result);
      };
      const broken = (outcome: string, defect: string, milliseconds: number): void => {
        this.stop();
        end({ ...seen, outcome, defect, milliseconds, peakRssBytes: 0 });
      };
      const hang = (ms: number) => (): void => broken('hang', `no answer after ${ms / 1000} s`, ms);
      const onExit = (code: number | null, signal: string | null): void =>
        broken('crash', `the process ended with ${signal ?? code}`, 0);
      const onMessage = (message: Message): void => {
        if ('ready' in message) return;
        if ('reading' in message) {
          seen = { kind: message.kind, structural: message.structural };
          clearTimeout(timer);
          timer = setTimeout(hang(this.#limits.milliseconds), this.#limits.milliseconds);
        } else end(message);
      };
      let timer = setTimeout(hang(PREPARE_MILLISECONDS), PREPARE_MILLISECONDS);
      child.on('message', onMessage);
      child.on('exit', onExit);
      child.send(job);
    });
  }

  async #start(): Promise<void> {
    this.#cases = 0;
    const execArgv = ['--import', 'tsx', '--max-old-space-size=4096'];
    const child = fork(this.#worker, [], { execArgv, stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
    this.#child = child;
    await new Promise<void>((resolve, reject) => {
      child.once('message', () => resolve());
      child.once('exit', (code) => reject(new Error(`the fuzz process ended with ${code} before it was ready`)));
    });
  }
}
