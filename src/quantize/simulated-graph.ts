/** An int8 network as a float32 graph that gives nearly its values at the engine's speed: what is trained behind a quantized head starts from it. */
import { GraphBuilder } from '../ir/builder.js';
import { type Graph, tensorOf } from '../ir/graph.js';
import { SHAPES } from '../ops/index.js';
import { dequantizeData } from '../passes/dequantize-graph.js';
import { fuseActivation } from '../passes/fuse-activation.js';
import { INT8_MAX, INT8_MIN } from './quant-params.js';
import { movesValues, ROUNDING } from './simulate.js';

/**
 * Weights and biases are what the integers stand for, every activation is clipped and rounded to its codes; sums are float32. Values
 * differ from the executor's by a code where a sum is nearly a tie. Not for differentiation: rounding has no slope.
 * @param graph what `quantizeGraph` gives or the TFLite reader reads from it: int8 activations only
 * @returns float32 graph with the same ids of inputs and outputs; both are real values
 */
export function simulatedGraph(graph: Graph, batch: number): Graph {
  const int8 = fuseActivation(graph);
  const builder = new GraphBuilder(`${int8.name}-simulated`, SHAPES);
  const rounding = builder.constant('rounding', [], Float32Array.of(ROUNDING));
  const values = new Map<string, string>();
  const round = (x: string, quantized: string, id: string): string => {
    const { quant } = tensorOf(int8, quantized);
    if (!quant) throw new Error(`"${quantized}" of an int8 graph has no quantization`);
    const [scale, zeroPoint] = [quant.scale[0] as number, quant.zeroPoint[0] as number];
    const op = (kind: string, a: string, b: string): string => builder.op(kind, [a, b], {}, { id: `${id}/codes` });
    const low = builder.scalar(INT8_MIN - zeroPoint);
    const high = builder.scalar(INT8_MAX - zeroPoint);
    const relu = (y: string): string => builder.op('relu', [y], {}, { id: `${id}/codes` });
    // min(t, high), then max(t, low), of the kinds that every engine has.
    let steps = op('mul', x, builder.scalar(1 / scale));
    steps = op('sub', high, relu(op('sub', high, steps)));
    steps = op('add', low, relu(op('sub', steps, low)));
    steps = op('sub', op('add', steps, rounding), rounding);
    return builder.op('mul', [steps, builder.scalar(scale)], {}, { id });
  };
  for (const id of int8.inputs) {
    const { shape } = tensorOf(int8, id);
    values.set(id, round(builder.input(id, [batch, ...shape.slice(1)]), id, `${id}/rounded`));
  }
  for (const node of int8.nodes) {
    const [y] = node.outputs as [string];
    const inputs = node.inputs.map((id) => {
      const tensor = tensorOf(int8, id);
      if (!tensor.data) return values.get(id) as string;
      return builder.constant(id, tensor.shape, dequantizeData(tensor.data, tensor.shape, tensor.quant));
    });
    if (movesValues(node)) {
      values.set(y, builder.op(node.kind, inputs, node.attrs, { id: y }));
      continue;
    }
    // Between int8 tensors `quantize` is nothing but the rounding.
    const isRounding = node.kind === 'quantize';
    const computed = isRounding ? inputs[0] : builder.op(node.kind, inputs, node.attrs, { id: `${y}/real` });
    values.set(y, round(computed as string, y, y));
  }
  return builder.build(int8.outputs.map((id) => values.get(id) as string));
}
