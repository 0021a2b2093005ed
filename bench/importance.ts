import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { ARCHITECTURES } from '../models/index.js';
import { findLayerOutputs } from '../src/analyze/cut-points.js';
import { buildImportanceGraph, type ImportanceGraph, type Score } from '../src/analyze/importance-graph.js';
import { createRandom } from '../src/core/random.js';
import type { CompiledGraph, Engine } from '../src/engines/engine.js';
import { createOnnxEngine } from '../src/engines/onnx.js';
import type { Graph } from '../src/ir/graph.js';
import { findLogits, type Logits } from '../src/passes/logits.js';
import { normaliseGraph } from '../src/passes/normalise.js';
import { type Bench, type BenchOptions, describeMachine, describeTimes, ratioOf, round } from './bench.js';
import { type CaseResult, type ImportanceResult, renderImportance, type Stock } from './importance-table.js';
import { JsonChild } from './json-child.js';
import { type NetworkPaths, writeNetwork } from './network-file.js';

interface Case {
  readonly name: string;
  readonly architecture: string;
  readonly size: number;
  readonly batch: number;
  /** Repetitions; stock tfjs runs at most `stockRuns` of them. */
  readonly runs: number;
  readonly stockRuns: number;
}

const CASES: readonly Case[] = [
  { name: 'mobilenet_v1-0.25-96', architecture: 'mobilenet_v1', size: 96, batch: 16, runs: 30, stockRuns: 5 },
  { name: 'vgg16-64', architecture: 'vgg16', size: 64, batch: 4, runs: 9, stockRuns: 2 },
  { name: 'vgg16-224', architecture: 'vgg16', size: 224, batch: 1, runs: 6, stockRuns: 1 },
  { name: 'resnet50-224', architecture: 'resnet50', size: 224, batch: 1, runs: 9, stockRuns: 2 },
];

const CLASSES = 1000;
const THREADS = 2;
/** Threads of the side that ran before spin for a moment before they sleep. */
const PAUSE_MS = 20;

interface Answer {
  readonly ms: number;
  readonly cui: readonly (readonly number[])[];
  readonly error?: string;
}

export const importanceBench: Bench = {
  summary: 'one importance pass (forward, backward, Grad-CAM at every layer) against PyTorch and stock tfjs wasm',
  run: measure,
  render: (result) => renderImportance(result as ImportanceResult),
};

async function measure({ only, log }: BenchOptions): Promise<ImportanceResult> {
  const machine = describeMachine();
  const engine = await createOnnxEngine();
  const versions = { torch: '', tfjs: '' };
  const cases: CaseResult[] = [];
  for (const one of CASES) {
    if (only && !only.includes(one.name)) continue;
    log(`${one.name}, ${one.batch} images`);
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
  { name, architecture, size, batch, runs, stockRuns }: Case,
  versions: { torch: string; tfjs: string },
  log: (line: string) => void,
): Promise<CaseResult> {
  const built = ARCHITECTURES.find((a) => a.id === architecture);
  if (!built) throw new Error(`no architecture ${architecture}`);
  const network = normaliseGraph(built.build({ inputShape: [size, size, 3], classes: CLASSES, seed: 0 }));
  const logits = findLogits(network);
  const taps = findLayerOutputs(network, logits.id);
  const random = createRandom(1);
  const x = Float32Array.from({ length: batch * size * size * 3 }, () => 2 * random.next() - 1);
  const seed = new Float32Array(batch * CLASSES);
  for (let i = 0; i < batch; i++) seed[i * CLASSES + i] = 1;

  const folder = mkdtempSync(path.join(tmpdir(), 'isplit-bench-'));
  const sides: Side[] = [];
  try {
    const inputShape = [batch, size, size, 3];
    const paths = writeNetwork(folder, network, { inputShape, logits: logits.id, taps }, [x, seed]);
    const feed = async (scores: readonly Score[]): Promise<OurSide> =>
      OurSide.create(engine, network, logits, taps, batch, scores, [x, seed]);
    const cui = await feed(['cui']);
    const all = await feed(['cui', 'margin', 'taylor']);
    // Passive: on a busy machine OpenMP's spinning threads starve each other, and PyTorch loses half its speed and more.
    const torch = new ChildSide(process.env.ISPLIT_TORCH_PYTHON ?? '/usr/bin/python3', [local('importance_torch.py')], {
      OMP_WAIT_POLICY: 'passive',
    });
    const stock = new ChildSide(process.execPath, ['--import', 'tsx', local('importance-tfjs.ts')]);
    sides.push(cui, all, torch, stock);
    versions.torch = (await torch.build(paths)).torch ?? versions.torch;
    versions.tfjs = (await stock.build(paths)).tfjs ?? versions.tfjs;
    // The first run of each is a warm-up.
    for (let i = -1; i < runs; i++) {
      for (const side of i % 2 === 0 ? sides : sides.toReversed()) {
        if (side === stock && i >= stockRuns) continue;
        await sleep(PAUSE_MS);
        await side.run(i >= 0);
      }
      log(`  ${i + 1}/${runs}: ${sides.map((s) => round(s.times.at(-1) ?? Number.NaN)).join(' ')} ms`);
    }
    return {
      name,
      batch,
      taps: taps.length,
      cui: describeTimes(cui.times),
      all: describeTimes(all.times),
      torch: torch.describe(),
      stockWasm: stock.describe(),
      torchRatio: torch.times.length === 0 ? null : ratioOf(torch.times, cui.times),
      stockRatio: stock.times.length === 0 ? null : ratioOf(stock.times, cui.times),
      torchDifference: difference(torch.curve, cui.curve),
      stockDifference: difference(stock.curve, cui.curve),
    };
  } finally {
    for (const side of sides) await side.end();
    rmSync(folder, { recursive: true, force: true });
  }
}

function local(file: string): string {
  return fileURLToPath(new URL(file, import.meta.url));
}

abstract class Side {
  readonly times: number[] = [];
  curve: readonly (readonly number[])[] = [];
  failure: string | undefined;

  async run(counted: boolean): Promise<void> {
    if (this.failure !== undefined) return;
    try {
      const { ms, cui, error } = await this.once();
      if (error !== undefined) this.failure = error;
      else {
        this.curve = cui;
        if (counted) this.times.push(ms);
      }
    } catch (error) {
      this.failure = error instanceof Error ? error.message : String(error);
    }
  }

  describe(): Stock {
    return this.failure === undefined ? describeTimes(this.times) : { fails: this.failure };
  }

  protected abstract once(): Promise<Answer>;
  abstract end(): Promise<void>;
}

class OurSide extends Side {
  readonly #plan: ImportanceGraph;
  readonly #compiled: CompiledGraph;
  readonly #taps: readonly string[];
  readonly #feeds: readonly [Float32Array, Float32Array];

  private constructor(
    plan: ImportanceGraph,
    compiled: CompiledGraph,
    taps: readonly string[],
    feeds: readonly [Float32Array, Float32Array],
  ) {
    super();
    this.#plan = plan;
    this.#compiled = compiled;
    this.#taps = taps;
    this.#feeds = feeds;
  }

  static async create(
    engine: Engine,
    network: Graph,
    logits: Logits,
    taps: readonly string[],
    batch: number,
    scores: readonly Score[],
    feeds: readonly [Float32Array, Float32Array],
  ): Promise<OurSide> {
    const plan = buildImportanceGraph(network, logits, taps, batch, scores);
    return new OurSide(plan, await engine.compile(plan.graph, { threads: THREADS }), taps, feeds);
  }

  protected async once(): Promise<Answer> {
    const [x, seed] = this.#feeds;
    const start = performance.now();
    const values = await this.#compiled.run({ [this.#plan.input]: x, [this.#plan.seed]: seed });
    const ms = performance.now() - start;
    const cui = this.#taps.map((tap) => [...(values[this.#plan.outputs.cui.get(tap) as string] as Float32Array)]);
    return { ms, cui };
  }

  end(): Promise<void> {
    return this.#compiled.dispose();
  }
}

class ChildSide extends Side {
  readonly #child: JsonChild;

  constructor(command: string, args: readonly string[], env: Readonly<Record<string, string>> = {}) {
    super();
    this.#child = new JsonChild(command, args, env);
  }

  async build(paths: NetworkPaths): Promise<{ torch?: string; tfjs?: string }> {
    try {
      const answer = await this.#child.ask<{ torch?: string; tfjs?: string; error?: string }>({
        do: 'build',
        threads: THREADS,
        ...paths,
      });
      this.failure = answer.error;
      return answer;
    } catch (error) {
      this.failure = error instanceof Error ? error.message : String(error);
      return {};
    }
  }

  protected once(): Promise<Answer> {
    return this.#child.ask<Answer>({ do: 'run' });
  }

  async end(): Promise<void> {
    this.#child.end();
  }
}

function difference(a: Answer['cui'], b: Answer['cui']): number | null {
  if (a.length === 0) return null;
  const [u, v] = [a.flat(), b.flat()];
  const top = Math.max(...v.map(Math.abs));
  return Number(Math.max(...u.map((value, i) => Math.abs(value - (v[i] as number)) / top)).toPrecision(2));
}
