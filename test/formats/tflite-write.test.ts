import { beforeAll, describe, expect, it } from 'vitest';
import { tfliteReader } from '../../converters/tflite/index.js';
import { parseTflite } from '../../converters/tflite/parse.js';
import { writeTflite } from '../../converters/tflite/write.js';
import { createRandom } from '../../src/core/random.js';
import { type Attrs, type Graph, type Node, type Tensor, tensorOf } from '../../src/ir/graph.js';
import { OPS } from '../../src/ops/index.js';
import { isUnsupported, type OpDef } from '../../src/ops/op-def.js';
import { runReference } from '../../src/ops/reference.js';
import { dequantizeGraph } from '../../src/passes/dequantize-graph.js';
import { fuseActivation } from '../../src/passes/fuse-activation.js';
import { describeNeeding, pythonOracle } from '../support/shared-data.js';
import { buildFloat, buildInt8, ONE_OP_CASES, type OneOpCase, randomCodes, randomFloats } from './tflite-cases.js';
import { nodeTflite, type RuntimeAnswer, runInNodeTflite, runInPython } from './tflite-runtimes.js';

const read = async (bytes: Uint8Array) => {
  const sibling = () => Promise.reject(new Error('a TFLite file has no siblings'));
  return tfliteReader.read({ name: 'one-op.tflite', bytes, sibling }, {});
};

/** What two graphs must share to be the same network: ids, types, values, quantization, nodes. */
function describeGraph(graph: Graph) {
  const used = [...graph.inputs, ...graph.nodes.flatMap((n) => [...n.inputs, ...n.outputs]), ...graph.outputs];
  const tensors = used.map((id) => {
    const { data, quant, shape, dtype } = tensorOf(graph, id);
    const quantization = quant && { scale: [...quant.scale], zeroPoint: [...quant.zeroPoint] };
    // Of one scale there is no axis.
    const axis = quant && quant.scale.length > 1 ? quant.axis : undefined;
    return { id, shape: [...shape], dtype, data: data && [...data], quantization, axis };
  });
  const nodes = graph.nodes.map(({ kind, inputs, outputs, attrs }) => ({
    kind,
    inputs,
    outputs,
    attrs: settle(kind, attrs),
  }));
  return { inputs: graph.inputs, outputs: graph.outputs, nodes, tensors };
}

/** Attributes that mean the same, written the same. */
function settle(kind: string, attrs: Attrs): Attrs {
  if (kind === 'softmax') return { axis: -1 };
  const { activation, ...rest } = attrs;
  return activation === undefined || activation === 'none' ? rest : { ...rest, activation };
}

/** The same graph of one convolution with the bias that the file has to have. */
function withZeroBias(graph: Graph): Graph {
  const node = graph.nodes[0] as Node;
  const [input, filter] = node.inputs.map((id) => tensorOf(graph, id)) as [Tensor, Tensor];
  const channels = tensorOf(graph, graph.outputs[0] as string).shape.at(-1) as number;
  const id = `${node.outputs[0]}/bias`;
  const scale = filter.quant?.scale.map((s) => s * (input.quant?.scale[0] as number));
  const bias: Tensor = scale
    ? {
        id,
        shape: [channels],
        dtype: 'int32',
        data: new Int32Array(channels),
        quant: { scale, zeroPoint: new Int32Array(channels), axis: 0 },
      }
    : { id, shape: [channels], dtype: 'float32', data: new Float32Array(channels) };
  return {
    ...graph,
    nodes: [{ ...node, inputs: [...node.inputs, id] }],
    tensors: new Map([...graph.tensors, [id, bias]]),
  };
}

interface Sample {
  readonly c: OneOpCase;
  readonly dtype: 'float32' | 'int8';
  readonly graph: Graph;
  readonly bytes: Uint8Array;
  readonly inputs: readonly (Float32Array | Int8Array)[];
}

function samplesOf(dtype: 'float32' | 'int8'): Sample[] {
  const random = createRandom(3);
  return ONE_OP_CASES.map((c) => {
    const graph = dtype === 'int8' ? buildInt8(c) : buildFloat(c);
    const inputs = c.inputs.map((shape) =>
      dtype === 'int8' ? randomCodes(random, shape) : randomFloats(random, shape, 2),
    );
    return { c, dtype, graph, bytes: writeTflite(graph), inputs };
  });
}

const SAMPLES = [...samplesOf('float32'), ...samplesOf('int8')];
const TITLES = SAMPLES.map((sample) => [`${sample.c.name}, ${sample.dtype}`, sample] as const);

describe('every op that is written', () => {
  it('has a case, and what is not written says why', () => {
    const network = (Object.values(OPS) as unknown as OpDef[]).filter((def) => def.role === 'network');
    const written = network.filter((def) => !isUnsupported(def.tflite.encode)).map((def) => def.kind);
    const covered = new Set([...ONE_OP_CASES.map((c) => c.kind), 'quantize', 'dequantize']);
    expect(written.toSorted()).toEqual([...covered].toSorted());
    const missing = network.filter((def) => isUnsupported(def.tflite.encode)).map((def) => def.kind);
    expect(missing.toSorted()).toEqual(['abs', 'batch_norm', 'div', 'exp', 'identity', 'log', 'sqrt']);
  });

  it.each(TITLES)('%s: one operator, of the lowest version, read back as the same graph', async (_, sample) => {
    const { c, graph, bytes, dtype } = sample;
    const model = parseTflite(bytes);
    expect(model.operators.map((op) => op.version)).toEqual([c.versions[dtype === 'int8' ? 1 : 0]]);
    const { graph: back, warnings } = await read(bytes);
    expect(warnings).toEqual([]);
    const wanted = c.zeroBias ? withZeroBias(graph) : graph;
    expect(describeGraph(fuseActivation(back))).toEqual(describeGraph(wanted));
  });
});

/** Float64 result; of an int8 graph the codes that its real values round to. */
function expectedOutput({ graph, dtype, inputs }: Sample): number[] {
  const output = graph.outputs[0] as string;
  if (dtype === 'float32') {
    const feeds = Object.fromEntries(graph.inputs.map((id, i) => [id, inputs[i] as Float32Array]));
    return [...(runReference(graph, feeds)[output] as Float64Array)];
  }
  const feeds = Object.fromEntries(
    graph.inputs.map((id, i) => {
      const [scale, zero] = quantOf(tensorOf(graph, id));
      return [id, Float32Array.from(inputs[i] as Int8Array, (q) => scale * (q - zero))];
    }),
  );
  const real = runReference(dequantizeGraph(graph), feeds)[output] as Float64Array;
  const [scale, zero] = quantOf(tensorOf(graph, output));
  return [...real].map((v) => Math.min(Math.max(Math.round(v / scale) + zero, -128), 127));
}

function quantOf({ quant }: Tensor): [number, number] {
  return [quant?.scale[0] as number, quant?.zeroPoint[0] as number];
}

/** Largest distance of an answer from the expected values; relative to their size for floats. */
function distance(runtime: string, answer: RuntimeAnswer, sample: Sample, expected: readonly number[]): number {
  if ('error' in answer) throw new Error(`${runtime}: ${answer.error}`);
  const raw = answer.outputs[0] as Uint8Array;
  const values = sample.dtype === 'int8' ? new Int8Array(raw.buffer) : new Float32Array(raw.buffer);
  expect(values).toHaveLength(expected.length);
  const size = sample.dtype === 'int8' ? 1 : 1 + Math.max(...expected.map(Math.abs));
  return Math.max(...expected.map((v, i) => Math.abs((values[i] as number) - v))) / size;
}

function check(runtime: string, answer: RuntimeAnswer, sample: Sample): void {
  const refusal = sample.c.refusedBy?.[runtime] ?? sample.c.refusedBy?.[`${runtime} ${sample.dtype}`];
  if (refusal) {
    expect([runtime, answer]).toEqual([runtime, { error: expect.stringMatching(refusal) }]);
    return;
  }
  // XNNPACK multiplies in float32 where the reference kernels shift integers.
  const codes = (sample.c.codes ?? 1) + (runtime === 'litert' ? 1 : 0);
  const allowed = sample.dtype === 'int8' ? codes : 1e-5;
  const error = distance(runtime, answer, sample, expectedOutput(sample));
  if (sample.c.wrongIn?.includes(`${runtime} ${sample.dtype}`)) expect(error, runtime).toBeGreaterThan(allowed);
  else expect(error, `${runtime} differs by ${error}`).toBeLessThanOrEqual(allowed);
}

describeNeeding([pythonOracle], 'written files in LiteRT and TFLite-Micro', () => {
  let answers: ReturnType<typeof runInPython>;
  beforeAll(() => {
    answers = runInPython(SAMPLES.map(({ bytes, inputs }) => ({ model: bytes, inputs })));
  }, 120_000);

  it.each(TITLES)('%s', (_, sample) => {
    const answer = answers[SAMPLES.indexOf(sample)] as (typeof answers)[number];
    for (const [runtime, result] of Object.entries(answer)) check(runtime, result, sample);
  });
});

describeNeeding([nodeTflite], 'written files in TFLite 2.2', () => {
  let answers: RuntimeAnswer[];
  beforeAll(() => {
    answers = runInNodeTflite(SAMPLES.map(({ bytes, inputs }) => ({ model: bytes, inputs })));
  }, 120_000);

  it.each(TITLES)('%s', (_, sample) => {
    check('node-tflite', answers[SAMPLES.indexOf(sample)] as RuntimeAnswer, sample);
  });
});
