/**
 * The problems of `npm run bench -- train`: a seeded network cut at an inner tensor, with a bottleneck in the cut. The head is frozen,
 * everything behind it is learnt from labels and a teacher's logits: stage 2 of a split's training.
 */
import { ARCHITECTURES } from '../models/index.js';
import { createRandom } from '../src/core/random.js';
import { GraphBuilder } from '../src/ir/builder.js';
import { elementCount, type Shape, tensorOf } from '../src/ir/graph.js';
import { SHAPES } from '../src/ops/index.js';
import { resolvePads } from '../src/ops/window.js';
import { normaliseGraph } from '../src/passes/normalise.js';
import { appendCrossEntropy, appendDistillation } from '../src/train/losses.js';
import type { TrainingProblem } from '../src/train/training.js';

export interface TrainCase {
  readonly name: string;
  readonly architecture: string;
  /** Height and width of the picture. */
  readonly size: number;
  readonly batch: number;
  readonly classes: number;
  /** Tensor that is cut. */
  readonly cut: string;
  /** Channels of the wire. */
  readonly channels: number;
}

export interface BenchProblem {
  readonly problem: TrainingProblem;
  readonly inputs: { readonly picture: string; readonly labels: string; readonly teacher: string };
  readonly logits: string;
  /** Number of values that are learnt. */
  readonly learnt: number;
}

export const TEMPERATURE = 4;
const WIRE_LEVELS = 15;

/** Encoder: 3×3 convolution of stride 2, relu6, 4 bits; decoder: transposed convolution of stride 2, relu. */
export function buildProblem({ architecture, size, batch, classes, cut, channels }: TrainCase): BenchProblem {
  const built = ARCHITECTURES.find((a) => a.id === architecture);
  if (!built) throw new Error(`no architecture ${architecture}`);
  const network = normaliseGraph(built.build({ inputShape: [size, size, 3], classes, seed: 0 }));
  const b = new GraphBuilder(`${architecture}-${size}`, SHAPES);
  const random = createRandom(2);
  const weights = (id: string, shape: Shape, fanIn: number): string => {
    const deviation = Math.sqrt(2 / fanIn);
    return b.constant(
      id,
      shape,
      Float32Array.from({ length: elementCount(shape) }, () => random.normal() * deviation),
    );
  };
  const zeros = (id: string, count: number): string => b.constant(id, [count], new Float32Array(count));
  const parameters: string[] = [];
  const picture = b.input('picture', [batch, size, size, 3]);
  const values = new Map<string, string>([[network.inputs[0] as string, picture]]);
  let behindCut = false;
  let logits = '';
  for (const node of network.nodes) {
    if (node.kind === 'softmax') break;
    const inputs = node.inputs.map((id) => {
      let known = values.get(id);
      if (known === undefined) {
        const { shape, data } = tensorOf(network, id);
        known = b.constant(id, shape, data as Float32Array);
        values.set(id, known);
        if (behindCut) parameters.push(known);
      }
      return known;
    });
    logits = b.op(node.kind, inputs, node.attrs, { id: node.outputs[0] as string });
    values.set(node.outputs[0] as string, logits);
    if (logits !== cut) continue;
    behindCut = true;
    const [, h, w, c] = b.type(cut).shape as [number, number, number, number];
    const conv = { strides: [2, 2], dilations: [1, 1], pads: resolvePads('same', [h, w], [3, 3], [2, 2]) };
    const encoder = [weights('encoder/kernel', [channels, 3, 3, c], 9 * c), zeros('encoder/bias', channels)];
    const decoder = [weights('decoder/kernel', [c, 3, 3, channels], 3 * channels), zeros('decoder/bias', c)];
    parameters.push(...encoder, ...decoder);
    const encoded = b.op('relu6', [b.op('conv2d', [cut, ...encoder], conv)]);
    const codes = b.op('round', [b.op('mul', [encoded, b.scalar(WIRE_LEVELS / 6)])]);
    const wire = b.op('mul', [codes, b.scalar(6 / WIRE_LEVELS)], {}, { id: 'wire' });
    values.set(cut, b.op('relu', [b.op('conv2d_transpose', [wire, ...decoder], { ...conv, outputSize: [h, w] })]));
  }
  const labels = b.input('labels', [batch, classes]);
  const teacher = b.input('teacher', [batch, classes]);
  const loss = b.op('add', [
    appendCrossEntropy(b, logits, labels),
    appendDistillation(b, logits, teacher, TEMPERATURE),
  ]);
  const graph = b.build([loss]);
  const learnt = parameters.reduce((sum, id) => sum + elementCount(tensorOf(graph, id).shape), 0);
  return {
    problem: { graph, loss, parameters, smallestPart: 8 },
    inputs: { picture, labels, teacher },
    logits,
    learnt,
  };
}
