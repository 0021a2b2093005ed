import type { ProgressEvent } from '../src/core/context.js';
import { analyzeModel, demoPaths, openModel } from '../src/sdk.js';
import { type Bench, type BenchOptions, describeMachine, describeTimes, median, round } from './bench.js';
import { type ProbeResult, renderProbe } from './probe-table.js';

interface Case {
  readonly name: string;
  readonly model: string;
  readonly data: string;
  readonly samples: number;
  readonly wireBytes: number;
  readonly inputRange?: string;
}

const SHARED = process.env.ISPLIT_TEST_DATA ?? '../shared/data';

/** The demo's samples, and as many as `analyze` takes by default. */
const CASES: readonly Case[] = [
  { name: 'fashion-cnn-demo', model: demoPaths().model, data: demoPaths().calibration, samples: 1000, wireBytes: 96 },
  {
    name: 'fashion-cnn',
    model: demoPaths().model,
    data: `${SHARED}/datasets/fashion-mnist`,
    samples: 1000,
    wireBytes: 96,
  },
  {
    name: 'ic_resnet8',
    model: `${SHARED}/models/mlperf-tiny/ic_resnet8.h5`,
    data: `${SHARED}/datasets/cifar10/train_10000.bin.gz`,
    samples: 1000,
    wireBytes: 256,
    inputRange: '0..255',
  },
];

const RUNS = 5;

export const probeBench: Bench = {
  summary: 'training-free probes of all cuts against the importance pass over the same samples, within one analysis',
  run: measure,
  render: (result) => renderProbe(result as ProbeResult),
};

async function measure({ only, log }: BenchOptions): Promise<ProbeResult> {
  const machine = describeMachine();
  const cases: ProbeResult['cases'][number][] = [];
  for (const one of CASES) {
    if (only && !only.includes(one.name)) continue;
    log(one.name);
    cases.push(await measureCase(one));
  }
  return {
    machine,
    node: process.version,
    cases,
  };
}

async function measureCase({ name, model, wireBytes, ...options }: Case): Promise<ProbeResult['cases'][number]> {
  const opened = await openModel(model);
  const times: { importance: number; probe: number }[] = [];
  let cuts = 0;
  let samples = 0;
  // The first run is a warm-up.
  for (let run = -1; run < RUNS; run++) {
    const watch = new ImportanceWatch();
    const analysis = await analyzeModel(
      opened,
      { ...options, budgets: { wireBytes } },
      { onProgress: (event) => watch.see(event) },
    );
    const ended = performance.now();
    const probed = analysis.cuts.filter((cut) => cut.probeAccuracy !== null);
    if (probed.length !== analysis.cuts.filter((cut) => cut.tensors.length === 1).length) {
      throw new Error(`${name}: ${probed.length} cuts have a probe`);
    }
    cuts = probed.length;
    samples = watch.samples;
    if (run >= 0) times.push({ importance: watch.ended - watch.began, probe: ended - watch.ended });
  }
  return {
    name,
    samples,
    cuts,
    wireBytes,
    importance: describeTimes(times.map((t) => t.importance)),
    probe: describeTimes(times.map((t) => t.probe)),
    ratio: round(median(times.map((t) => t.probe / t.importance))),
  };
}

/** When the importance pass began and ended, its compilation included. */
class ImportanceWatch {
  began = 0;
  ended = 0;
  samples = 0;

  see({ stage, done }: ProgressEvent): void {
    if (stage !== 'importance') return;
    const now = performance.now();
    this.began ||= now;
    this.ended = now;
    this.samples = done;
  }
}
