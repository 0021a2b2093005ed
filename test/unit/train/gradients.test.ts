/** What a step takes as gradient of every kind of parameter, against finite differences in float64. */
import { describe, expect, it } from 'vitest';
import { createRandom } from '../../../src/core/random.js';
import { GraphBuilder } from '../../../src/ir/builder.js';
import { elementCount, tensorOf } from '../../../src/ir/graph.js';
import { SHAPES } from '../../../src/ops/index.js';
import { runReference } from '../../../src/ops/reference.js';
import { useBatchStatistics } from '../../../src/train/batch-norm.js';
import {
  appendCrossEntropy,
  appendDistillation,
  appendRelativeError,
  appendWeightedSum,
  oneHot,
} from '../../../src/train/losses.js';
import { buildStepGraph } from '../../../src/train/step-graph.js';
import { packConstants, packedPlaces, trainableConstants } from '../../../src/train/trainable-constants.js';
import type { TrainingProblem } from '../../../src/train/training.js';
import { CLASSES, drawNormal, smallNet, smallSamples } from './small-net.js';

const BATCH = 3;
const STEP = 1e-5;

type Feeds = Readonly<Record<string, Float32Array>>;

function problemOf(kind: string): { problem: TrainingProblem; feeds: Feeds } {
  const plain = smallNet(BATCH);
  const net = kind.includes('batch statistics') ? useBatchStatistics(plain).graph : plain;
  const b = new GraphBuilder(kind, SHAPES, net);
  const { x, labels } = smallSamples(BATCH);
  const random = createRandom(11);
  const parameters = trainableConstants(plain);
  if (kind === 'relative error of an activation') {
    const target = b.input('target', tensorOf(net, 'up').shape);
    const loss = appendRelativeError(b, 'up', target);
    const feeds = { x, target: drawNormal(random, tensorOf(net, 'up').shape) };
    const before = parameters.filter((id) => !id.startsWith('fc/'));
    return { problem: { graph: b.build([loss]), loss, parameters: before }, feeds };
  }
  const truth = b.input('labels', [BATCH, CLASSES]);
  const entropy = appendCrossEntropy(b, 'logits', truth);
  const feeds = { x, labels: oneHot(labels, CLASSES, 0.1) };
  if (!kind.includes('distillation'))
    return { problem: { graph: b.build([entropy]), loss: entropy, parameters }, feeds };
  const teacher = b.input('teacher', [BATCH, CLASSES]);
  const terms = [
    { loss: entropy, weight: 0.3 },
    { loss: appendDistillation(b, 'logits', teacher, 4), weight: 1 },
  ];
  const loss = appendWeightedSum(b, terms);
  const taught = { ...feeds, teacher: drawNormal(random, [BATCH, CLASSES], 2) };
  return { problem: { graph: b.build([loss]), loss, parameters }, feeds: taught };
}

describe('the gradient of every trained parameter', () => {
  it.each([
    'cross entropy',
    'cross entropy and distillation',
    'relative error of an activation',
    'cross entropy, batch norm by batch statistics',
  ])('%s', (kind) => {
    const { problem, feeds } = problemOf(kind);
    const { graph, inputs, outputs } = buildStepGraph(problem, { beta1: 0.5 });
    const parameters = Float64Array.from(packConstants(problem.graph, problem.parameters));
    const zeros = new Float32Array(parameters.length);
    const all = (values: Float64Array) => ({
      ...feeds,
      [inputs.parameters]: values,
      [inputs.firstMoment]: zeros,
      [inputs.secondMoment]: zeros,
      [inputs.stepSize]: [0],
      [inputs.epsilon]: [1],
    });
    // From zero, the first moment becomes half of the gradient.
    const first = runReference(graph, all(parameters), [outputs.firstMoment])[outputs.firstMoment] as Float64Array;
    const lossAt = (values: Float64Array): number =>
      (runReference(graph, all(values), [problem.loss])[problem.loss] as Float64Array)[0] as number;
    for (const { id, begin, length } of packedPlaces(problem.graph, problem.parameters)) {
      let largest = 0;
      for (let k = begin; k < begin + length; k++) {
        const moved = (by: number): number => {
          const values = parameters.slice();
          values[k] = (values[k] as number) + by;
          return lossAt(values);
        };
        const expected = (moved(STEP) - moved(-STEP)) / (2 * STEP);
        const got = 2 * (first[k] as number);
        largest = Math.max(largest, Math.abs(expected));
        expect(Math.abs(got - expected), `${id}[${k - begin}]: ${got} against ${expected}`).toBeLessThan(
          1e-7 * (1 + Math.abs(expected)),
        );
      }
      // What is added before batch statistics cancels: its gradient is zero.
      const cancels = kind.includes('batch statistics') && id === 'conv/b';
      if (!cancels) expect(largest, `${id} has a gradient to check`).toBeGreaterThan(1e-4);
    }
  });

  it('is asked for every kind of parameter there is', () => {
    const net = smallNet(1);
    const names = ['conv', 'norm', 'dw', 'up', 'fc'];
    const expected = names.flatMap((n) => (n === 'norm' ? ['norm/gamma', 'norm/beta'] : [`${n}/w`, `${n}/b`]));
    expect(trainableConstants(net)).toEqual(expected);
    expect(trainableConstants(net, ['norm', 'logits'])).toEqual(['norm/gamma', 'norm/beta', 'fc/w', 'fc/b']);
    expect(elementCount(tensorOf(net, 'up/w').shape)).toBe(48);
  });

  it('is refused for what the loss does not depend on, and for what is no constant', () => {
    const { problem } = problemOf('relative error of an activation');
    const wrong =
      (...parameters: string[]) =>
      () =>
        buildStepGraph({ ...problem, parameters }, {});
    expect(wrong('conv/w', 'fc/w')).toThrow('does not depend on fc/w');
    expect(wrong('x')).toThrow('"x" is no float32 constant');
    expect(wrong()).toThrow('nothing is to be learnt');
  });
});
