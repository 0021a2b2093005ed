/** Losses and steps of Adam against PyTorch's, made by test/oracles/torch_training.py. */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { gradientGraph } from '../../../src/autodiff/gradients.js';
import type { Engine } from '../../../src/engines/engine.js';
import { createOnnxEngine } from '../../../src/engines/onnx.js';
import { createTfjsEngine } from '../../../src/engines/tfjs.js';
import { GraphBuilder } from '../../../src/ir/builder.js';
import { SHAPES } from '../../../src/ops/index.js';
import { runReference } from '../../../src/ops/reference.js';
import { appendCrossEntropy, appendDistillation, appendRelativeError, oneHot } from '../../../src/train/losses.js';
import { compileStep } from '../../../src/train/step.js';
import { packedPlaces, unpackValues } from '../../../src/train/trainable-constants.js';
import type { AdamOptions, TrainingProblem } from '../../../src/train/training.js';
import { expectClose } from '../../ops/harness.js';

interface Golden {
  readonly initial: Readonly<Record<string, number[]>>;
  readonly batches: readonly { x: number[]; labels: number[] }[];
  readonly cases: readonly (AdamOptions & {
    name: string;
    learningRate: number;
    steps: readonly { loss: number; parameters: Readonly<Record<string, number[]>> }[];
  })[];
  readonly losses: {
    readonly logits: number[];
    readonly other: number[];
    readonly labels: number[];
    readonly rows: readonly {
      loss: string;
      smoothing?: number;
      temperature?: number;
      value: number;
      gradient: number[];
    }[];
  };
}

const golden = JSON.parse(readFileSync(new URL('../../golden/torch-training.json', import.meta.url), 'utf8')) as Golden;

const BATCH = 4;
const CLASSES = 3;

/** The generator's network. */
function torchProblem(): TrainingProblem {
  const b = new GraphBuilder('torch', SHAPES);
  const x = b.input('x', [BATCH, 5, 5, 2]);
  const labels = b.input('labels', [BATCH, CLASSES]);
  const weight = (id: string, shape: number[]): string =>
    b.constant(id, shape, Float32Array.from(golden.initial[id] ?? []));
  const conv = b.op('conv2d', [x, weight('conv/w', [4, 3, 3, 2]), weight('conv/b', [4])], {
    strides: [2, 2],
    dilations: [1, 1],
    pads: [1, 1, 1, 1],
  });
  const pooled = b.op('mean', [b.op('relu', [conv])], { axes: [1, 2], keepDims: false });
  const logits = b.op('dense', [pooled, weight('fc/w', [CLASSES, 4]), weight('fc/b', [CLASSES])]);
  const loss = appendCrossEntropy(b, logits, labels);
  return { graph: b.build([loss]), loss, parameters: ['conv/w', 'conv/b', 'fc/w', 'fc/b'] };
}

const engines: readonly [string, () => Promise<Engine>][] = [
  ['onnx', createOnnxEngine],
  ['tfjs-cpu', () => createTfjsEngine('tfjs-cpu')],
  ['tfjs-wasm', () => createTfjsEngine('tfjs-wasm')],
];

describe.each(engines)("steps equal to PyTorch's within 1e-6 on %s", (_id, create) => {
  it.each(golden.cases.map((c) => [c.name, c] as const))('%s', async (_name, c) => {
    const { name: _, learningRate, steps, ...adam } = c;
    const problem = torchProblem();
    const places = packedPlaces(problem.graph, problem.parameters);
    const step = await compileStep(problem, adam, { engine: await create(), threads: 1 });
    let state = step.initial;
    for (const [i, { loss, parameters }] of steps.entries()) {
      const { x, labels } = golden.batches[i] as Golden['batches'][number];
      const feeds = { x: Float32Array.from(x), labels: oneHot(Int32Array.from(labels), CLASSES) };
      const result = await step.run(state, feeds, learningRate);
      state = result.state;
      expect(state.step).toBe(i + 1);
      expect(Math.abs(result.loss - loss)).toBeLessThan(1e-6);
      for (const [id, values] of unpackValues(places, state.parameters)) {
        const theirs = parameters[id] as number[];
        const largest = Math.max(...values.map((v, k) => Math.abs(v - (theirs[k] as number))));
        expect(largest, `${id} after step ${i + 1}`).toBeLessThan(1e-6);
      }
    }
    await step.dispose();
  });
});

describe("losses and their gradients equal PyTorch's", () => {
  const { logits, other, labels, rows } = golden.losses;
  it.each(rows.map((row, i) => [`${row.loss} ${row.smoothing ?? row.temperature ?? ''} (${i})`, row] as const))(
    '%s',
    (_name, row) => {
      const b = new GraphBuilder('loss', SHAPES);
      const z = b.input('z', [BATCH, CLASSES]);
      const t = b.input('t', [BATCH, CLASSES]);
      const loss =
        row.loss === 'crossEntropy'
          ? appendCrossEntropy(b, z, t)
          : row.loss === 'distillation'
            ? appendDistillation(b, z, t, row.temperature as number)
            : appendRelativeError(b, z, t);
      const { graph, gradients } = gradientGraph(b.build([loss]), { of: loss, wrt: ['z', 't'] });
      const second = row.loss === 'crossEntropy' ? oneHot(Int32Array.from(labels), CLASSES, row.smoothing ?? 0) : other;
      const dz = gradients.get('z') as string;
      const values = runReference(graph, { z: logits, t: second }, [loss, dz]);
      expectClose(values[loss] as Float64Array, [row.value], 1e-6, 'PyTorch');
      expectClose(values[dz] as Float64Array, row.gradient, 1e-6, "PyTorch's gradient");
      // Targets and teachers are not taught; labels could be, but nobody asks.
      if (row.loss !== 'crossEntropy') expect(gradients.has('t')).toBe(false);
    },
  );
});
