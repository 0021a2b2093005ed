import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect, it } from 'vitest';
import { readTflmModel } from '../../../converters/tflite/tflm-model.js';
import { writeTflite } from '../../../converters/tflite/write.js';
import { measureInWheel, quantizeRoughly } from '../../../evidence/arena.js';
import { GraphBuilder } from '../../../src/ir/builder.js';
import type { Attrs, Graph, Shape } from '../../../src/ir/graph.js';
import { describeGraphForTflm } from '../../../src/memory/describe-graph.js';
import { predictTflmArena, TFLM_TARGETS } from '../../../src/memory/tflm-arena.js';
import { SHAPES } from '../../../src/ops/index.js';
import { legaliseTflite } from '../../../src/passes/legalise-tflite.js';
import { describeNeeding, oraclePython, pythonOracle } from '../../support/shared-data.js';

interface Case {
  readonly kind: string;
  readonly attrs?: Attrs;
  /** Constants after the inputs. */
  readonly constants?: readonly Shape[];
  /** How many times the activation is an input. */
  readonly times?: number;
}

const VALID = { strides: [1, 1], dilations: [1, 1], pads: [0, 0, 0, 0] };
const WINDOW = { kernelSize: [2, 2], strides: [2, 2], pads: [0, 0, 0, 0] };

/** Each op that a head can contain, on an activation [1, 6, 10, 5]. */
const CASES: readonly Case[] = [
  { kind: 'conv2d', attrs: VALID, constants: [[7, 3, 3, 5], [7]] },
  { kind: 'depthwise_conv2d', attrs: VALID, constants: [[1, 3, 3, 10], [10]] },
  {
    kind: 'conv2d_transpose',
    attrs: { ...VALID, strides: [2, 2], outputSize: [13, 21] },
    constants: [[3, 3, 3, 5], [3]],
  },
  { kind: 'relu' },
  { kind: 'relu6' },
  { kind: 'hard_swish' },
  { kind: 'sigmoid' },
  { kind: 'tanh' },
  { kind: 'leaky_relu', attrs: { alpha: 0.1 } },
  { kind: 'softmax', attrs: { axis: -1 } },
  { kind: 'add', times: 2 },
  { kind: 'sub', times: 2 },
  { kind: 'mul', constants: [[1, 1, 1, 5]] },
  { kind: 'concat', times: 3, attrs: { axis: 3 } },
  { kind: 'pad', attrs: { paddings: [0, 0, 1, 1, 2, 0, 0, 0], value: 0 } },
  { kind: 'pad', attrs: { paddings: [0, 0, 1, 1, 2, 0, 0, 0], value: 1 } },
  { kind: 'transpose', attrs: { perm: [0, 2, 1, 3] } },
  { kind: 'reshape', attrs: { shape: [1, 60, 5] } },
  { kind: 'max_pool2d', attrs: WINDOW },
  { kind: 'avg_pool2d', attrs: WINDOW },
  { kind: 'mean', attrs: { axes: [1, 2], keepDims: false } },
  { kind: 'reduce_max', attrs: { axes: [1, 2], keepDims: true } },
  { kind: 'resize_nearest', attrs: { size: [12, 20], alignCorners: false, halfPixelCenters: false } },
  { kind: 'resize_bilinear', attrs: { size: [12, 20], alignCorners: false, halfPixelCenters: true } },
];

/** relu → op → dense, so that the operator stands inside a network. */
function networkWith({ kind, attrs = {}, constants = [], times = 1 }: Case): Graph {
  const b = new GraphBuilder(kind, SHAPES);
  const weights = (name: string, shape: Shape): string =>
    b.constant(name, shape, new Float32Array(shape.reduce((n, d) => n * d, 1)).fill(0.5));
  const x = b.op('relu', [b.input('x', [1, 6, 10, 5])]);
  const y = b.op(kind, [...Array<string>(times).fill(x), ...constants.map((s, i) => weights(`c${i}`, s))], attrs);
  const width = b.type(y).shape.reduce((n, d) => n * d, 1);
  const flat = b.op('reshape', [y], { shape: [1, width] });
  return b.build([b.op('dense', [flat, weights('w', [3, width]), weights('b', [3])])]);
}

describeNeeding([pythonOracle], 'memory of each operator in TFLite-Micro', () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'isplit-operators-'));
  const models = CASES.flatMap((operator) => {
    const graph = legaliseTflite(networkWith(operator));
    const name = `${operator.kind} ${JSON.stringify(operator.attrs ?? {})}`;
    return [
      { name: `${name} int8`, graph: quantizeRoughly(graph), float: graph },
      { name: `${name} float32`, graph, float: graph },
    ];
  });
  const files = models.map(({ graph }, i) => {
    const file = path.join(folder, `${i}.tflite`);
    writeFileSync(file, writeTflite(graph));
    return file;
  });
  const measured = measureInWheel(oraclePython() as string, files);
  rmSync(folder, { recursive: true });

  it.each(models.map(({ name }, i) => [name, i] as const))('%s', (_, i) => {
    const { graph, float } = models[i] as (typeof models)[number];
    const predicted = predictTflmArena(readTflmModel(writeTflite(graph)), TFLM_TARGETS.wheel);
    expect({ smallestBytes: predicted.minimumBytes, recordedBytes: predicted.highBytes }).toEqual(measured[i]);
    const foreseen = predictTflmArena(describeGraphForTflm(float, { quantized: graph !== float }), TFLM_TARGETS.wheel);
    expect(foreseen).toEqual(predicted);
  });
});
