import { beforeAll, describe, expect, it } from 'vitest';
import { tfliteReader } from '../../converters/tflite/index.js';
import { parseTflite } from '../../converters/tflite/parse.js';
import { type Attrs, type Graph, type Node, type Tensor, tensorOf } from '../../src/ir/graph.js';
import { OPS } from '../../src/ops/index.js';
import { isUnsupported, type OpDef } from '../../src/ops/op-def.js';
import { fuseActivation } from '../../src/passes/fuse-activation.js';
import { describeNeeding, pythonOracle } from '../support/shared-data.js';
import { ONE_OP_CASES } from './tflite-cases.js';
import { nodeTflite, type RuntimeAnswer, runInNodeTflite, runInPython } from './tflite-runtimes.js';
import { checkAnswer, SAMPLES, TITLES } from './tflite-samples.js';

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

describe('every op that is written', () => {
  it('has a case, and what is not written says why', () => {
    const network = (Object.values(OPS) as unknown as OpDef[]).filter((def) => def.role === 'network');
    const written = network.filter((def) => !isUnsupported(def.tflite.encode)).map((def) => def.kind);
    const covered = new Set([...ONE_OP_CASES.map((c) => c.kind), 'quantize', 'dequantize']);
    expect(written.toSorted()).toEqual([...covered].toSorted());
    const missing = network.filter((def) => isUnsupported(def.tflite.encode)).map((def) => def.kind);
    expect(missing.toSorted()).toEqual(['abs', 'batch_norm', 'div', 'exp', 'identity', 'log', 'round', 'sqrt']);
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

describeNeeding([pythonOracle], 'written files in LiteRT and TFLite-Micro', () => {
  let answers: ReturnType<typeof runInPython>;
  beforeAll(() => {
    answers = runInPython(SAMPLES.map(({ bytes, inputs }) => ({ model: bytes, inputs })));
  }, 120_000);

  it.each(TITLES)('%s', (_, sample) => {
    const answer = answers[SAMPLES.indexOf(sample)] as (typeof answers)[number];
    for (const [runtime, result] of Object.entries(answer)) checkAnswer(runtime, result, sample);
  });
});

describeNeeding([nodeTflite], 'written files in TFLite 2.2', () => {
  let answers: RuntimeAnswer[];
  beforeAll(() => {
    answers = runInNodeTflite(SAMPLES.map(({ bytes, inputs }) => ({ model: bytes, inputs })));
  }, 120_000);

  it.each(TITLES)('%s', (_, sample) => {
    checkAnswer('node-tflite', answers[SAMPLES.indexOf(sample)] as RuntimeAnswer, sample);
  });
});
