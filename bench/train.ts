import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { createRandom } from '../src/core/random.js';
import type { Engine } from '../src/engines/engine.js';
import { createOnnxEngine } from '../src/engines/onnx.js';
import { compileStep } from '../src/train/step.js';
import { type Bench, type BenchOptions, describeMachine, describeTimes, ratioOf, round } from './bench.js';
import { JsonChild } from './json-child.js';
import { writeProblem } from './train-file.js';
import { type BenchProblem, buildProblem, type TrainCase } from './train-problem.js';
import { renderTrain, type TrainCaseResult, type TrainResult, type TrainRival } from './train-table.js';

interface Case extends TrainCase {
  /** Steps in one repetition. */
  readonly steps: number;
  readonly runs: number;
}

const CASES: readonly Case[] = [
  {
    name: 'resnet8-32',
    architecture: 'resnet8',
    size: 32,
    batch: 64,
    classes: 10,
    cut: 'stack1_out',
    channels: 8,
    steps: 5,
    runs: 11,
  },
  {
    name: 'vgg16-64',
    architecture: 'vgg16',
    size: 64,
    batch: 32,
    classes: 10,
    cut: 'block2_pool',
    channels: 8,
    steps: 1,
    runs: 7,
  },
];

const THREADS = 2;
const LEARNING_RATE = 1e-3;
/** Threads of the side that ran before spin for a moment before they sleep. */
const PAUSE_MS = 20;

export const trainBench: Bench = {
  summary: 'one training step of a split network (forward, loss, gradients, Adam) against PyTorch and tfjs-node',
  run: measure,
  render: (result) => renderTrain(result as TrainResult),
};

async function measure({ only, log }: BenchOptions): Promise<TrainResult> {
  const machine = describeMachine();
  const engine = await createOnnxEngine();
  const versions = { torch: '', tfjs: '' };
  const cases: TrainCaseResult[] = [];
  for (const one of CASES) {
    if (only && !only.includes(one.name)) continue;
    log(`${one.name}, batches of ${one.batch}`);
    cases.push(await measureCase(engine, one, versions, log));
  }
  return {
    machine,
    versions: { node: process.version, ours: engine.description, ...versions },
    threads: THREADS,
    cases,
  };
}

async function measureCase(
  engine: Engine,
  one: Case,
  versions: { torch: string; tfjs: string },
  log: (line: string) => void,
): Promise<TrainCaseResult> {
  const built = buildProblem(one);
  const feeds = drawFeeds(one);
  const folder = mkdtempSync(path.join(tmpdir(), 'isplit-bench-'));
  const threads = { OMP_WAIT_POLICY: 'passive', TF_NUM_INTRAOP_THREADS: `${THREADS}` };
  // Passive: on a busy machine OpenMP's spinning threads starve each other, and PyTorch loses half its speed and more.
  const torch = new Child(process.env.ISPLIT_TORCH_PYTHON ?? '/usr/bin/python3', [local('train_torch.py')], threads);
  const tfjs = new Child(process.execPath, ['--import', 'tsx', local('train-tfjs.ts')], threads);
  const ours = await OurSide.create(engine, built, feeds);
  const sides: Side[] = [ours, torch, tfjs];
  try {
    const paths = writeProblem(folder, built, one.cut, [feeds.picture, feeds.labels, feeds.teacher]);
    versions.torch = (await torch.build(paths)) ?? versions.torch;
    versions.tfjs = (await tfjs.build(paths)) ?? versions.tfjs;
    // The first run of each is a warm-up; its losses are compared.
    for (let i = -1; i < one.runs; i++) {
      for (const side of i % 2 === 0 ? sides : sides.toReversed()) {
        await sleep(PAUSE_MS);
        await side.run(i < 0 ? 2 : one.steps, i >= 0);
      }
      log(
        `  ${i + 1}/${one.runs}: ${sides.map((s) => `${round(s.times.at(-1) ?? Number.NaN)} (${round(s.cpuTimes.at(-1) ?? Number.NaN)})`).join(', ')} ms a step (of the processors)`,
      );
    }
    return {
      name: one.name,
      batch: one.batch,
      parameters: built.learnt,
      cut: one.cut,
      ours: describeTimes(ours.times),
      oursCpu: describeTimes(ours.cpuTimes),
      torch: torch.describe(ours),
      tfjsNode: tfjs.describe(ours),
    };
  } finally {
    for (const side of sides) await side.end();
    rmSync(folder, { recursive: true, force: true });
  }
}

interface Feeds {
  readonly picture: Float32Array;
  readonly labels: Float32Array;
  readonly teacher: Float32Array;
}

function drawFeeds({ size, batch, classes }: TrainCase): Feeds {
  const random = createRandom(1);
  const picture = Float32Array.from({ length: batch * size * size * 3 }, () => 2 * random.next() - 1);
  const labels = new Float32Array(batch * classes);
  for (let i = 0; i < batch; i++) labels[i * classes + (i % classes)] = 1;
  return { picture, labels, teacher: Float32Array.from({ length: batch * classes }, () => 3 * random.normal()) };
}

function local(file: string): string {
  return fileURLToPath(new URL(file, import.meta.url));
}

interface Answer {
  /** Of one step. */
  readonly ms: number;
  /** Processor time of one step, of all threads. */
  readonly cpuMs: number;
  readonly losses: readonly number[];
  readonly error?: string;
}

abstract class Side {
  readonly times: number[] = [];
  readonly cpuTimes: number[] = [];
  /** Of the steps of the warm-up. */
  losses: readonly number[] = [];
  failure: string | undefined;

  async run(steps: number, counted: boolean): Promise<void> {
    if (this.failure !== undefined) return;
    try {
      const { ms, cpuMs, losses, error } = await this.once(steps);
      this.failure = error;
      if (error !== undefined) return;
      if (!counted) this.losses = losses;
      else {
        this.times.push(ms);
        this.cpuTimes.push(cpuMs);
      }
    } catch (error) {
      this.failure = error instanceof Error ? error.message : String(error);
    }
  }

  protected abstract once(steps: number): Promise<Answer>;
  abstract end(): Promise<void>;
}

class OurSide extends Side {
  protected readonly step: (steps: number) => Promise<Answer>;
  readonly #dispose: () => Promise<void>;

  private constructor(step: (steps: number) => Promise<Answer>, dispose: () => Promise<void>) {
    super();
    this.step = step;
    this.#dispose = dispose;
  }

  static async create(engine: Engine, { problem, inputs }: BenchProblem, feeds: Feeds): Promise<OurSide> {
    const step = await compileStep(problem, {}, { engine, threads: THREADS });
    const fed = { [inputs.picture]: feeds.picture, [inputs.labels]: feeds.labels, [inputs.teacher]: feeds.teacher };
    let state = step.initial;
    return new OurSide(
      async (steps) => {
        const losses: number[] = [];
        const start = performance.now();
        const cpu = process.cpuUsage();
        for (let i = 0; i < steps; i++) {
          const result = await step.run(state, fed, LEARNING_RATE);
          state = result.state;
          losses.push(result.loss);
        }
        const used = process.cpuUsage(cpu);
        const ms = performance.now() - start;
        return { ms: ms / steps, cpuMs: (used.user + used.system) / 1000 / steps, losses };
      },
      () => step.dispose(),
    );
  }

  protected once(steps: number): Promise<Answer> {
    return this.step(steps);
  }

  end(): Promise<void> {
    return this.#dispose();
  }
}

class Child extends Side {
  readonly #child: JsonChild;

  constructor(command: string, args: readonly string[], env: Readonly<Record<string, string>>) {
    super();
    this.#child = new JsonChild(command, args, env);
  }

  /** @returns version of its library; undefined when it fails */
  async build(paths: object): Promise<string | undefined> {
    try {
      const answer = await this.#child.ask<{ version?: string; error?: string }>({
        do: 'build',
        threads: THREADS,
        learningRate: LEARNING_RATE,
        ...paths,
      });
      this.failure = answer.error;
      return answer.version;
    } catch (error) {
      this.failure = error instanceof Error ? error.message : String(error);
      return undefined;
    }
  }

  describe(ours: Side): TrainRival {
    if (this.failure !== undefined)
      return { time: { fails: this.failure }, ratio: null, cpu: null, cpuRatio: null, lossDifference: null };
    return {
      time: describeTimes(this.times),
      ratio: ratioOf(this.times, ours.times),
      cpu: describeTimes(this.cpuTimes),
      cpuRatio: ratioOf(this.cpuTimes, ours.cpuTimes),
      lossDifference: difference(this.losses, ours.losses),
    };
  }

  protected once(steps: number): Promise<Answer> {
    return this.#child.ask<Answer>({ do: 'run', steps });
  }

  async end(): Promise<void> {
    this.#child.end();
  }
}

function difference(theirs: readonly number[], ours: readonly number[]): number {
  const first = ours[0] as number;
  return Number(Math.max(...ours.map((loss, i) => Math.abs(loss - (theirs[i] as number)) / first)).toPrecision(2));
}
