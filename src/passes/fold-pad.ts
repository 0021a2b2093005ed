import { type Graph, type Node, tensorOf } from '../ir/graph.js';
import { producers } from '../ir/walk.js';
import type { Pads } from '../ops/window.js';
import { withNodes } from './rewrite.js';

/** Kinds whose result is never negative, whatever the input. */
const NEVER_NEGATIVE = new Set(['abs', 'exp', 'relu', 'relu6', 'sigmoid', 'softmax', 'sqrt']);
/** Kinds whose result is not negative when no input is. */
const KEEP_SIGN = new Set([
  'add',
  'avg_pool2d',
  'concat',
  'identity',
  'max_pool2d',
  'mean',
  'mul',
  'reduce_max',
  'reshape',
  'resize_bilinear',
  'resize_nearest',
  'transpose',
]);

/**
 * Folds pads of height and width into the padding of the convolutions and max pools that read them, where that changes no
 * value: convolutions take zeros; max pools, whose own padding never wins, take −∞, and zeros when the input is not
 * negative. A pad that is an output of the graph or has other readers stays for those.
 */
export function foldPad(graph: Graph): Graph {
  const producerOf = producers(graph);
  const nodes = graph.nodes.map((node): Node => {
    const pad = producerOf.get(node.inputs[0] as string);
    if (pad?.kind !== 'pad' || graph.outputs.includes(pad.outputs[0] as string)) return node;
    const extra = spatialPads(pad);
    if (!extra) return node;
    const old = node.attrs.pads as Pads | undefined;
    const pads = old?.map((p, i) => p + (extra[i] as number));
    const fits =
      node.kind === 'max_pool2d'
        ? fitsMaxPool(graph, producerOf, pad, node, pads as unknown as Pads)
        : (node.kind === 'conv2d' || node.kind === 'depthwise_conv2d') && pad.attrs.value === 0;
    if (!fits || !pads) return node;
    return { ...node, inputs: [pad.inputs[0] as string, ...node.inputs.slice(1)], attrs: { ...node.attrs, pads } };
  });
  const read = new Set([...graph.outputs, ...nodes.flatMap((n) => n.inputs)]);
  return withNodes(
    graph,
    nodes.filter((node) => node.kind !== 'pad' || read.has(node.outputs[0] as string)),
  );
}

/** [top, bottom, left, right] of a pad of rank 4 that leaves batch and channels alone. */
function spatialPads(pad: Node): Pads | undefined {
  const paddings = pad.attrs.paddings as readonly number[];
  if (paddings.length !== 8) return undefined;
  const [n0, n1, top, bottom, left, right, c0, c1] = paddings as [number, number, ...Pads, number, number];
  return n0 + n1 + c0 + c1 === 0 ? [top, bottom, left, right] : undefined;
}

function fitsMaxPool(
  graph: Graph,
  producerOf: ReadonlyMap<string, Node>,
  pad: Node,
  pool: Node,
  [top, bottom, left, right]: Pads,
): boolean {
  const [kh, kw] = pool.attrs.kernelSize as readonly [number, number];
  // Every window must hold a real element, or its maximum would be the padding's.
  if (Math.max(top, bottom) >= kh || Math.max(left, right) >= kw) return false;
  const value = pad.attrs.value as number;
  return (
    value <= LOWEST_FLOAT32 || (value === 0 && isNeverNegative(graph, producerOf, pad.inputs[0] as string, new Map()))
  );
}

const LOWEST_FLOAT32 = -3.4028234663852886e38;

function isNeverNegative(
  graph: Graph,
  producerOf: ReadonlyMap<string, Node>,
  id: string,
  known: Map<string, boolean>,
): boolean {
  let answer = known.get(id);
  if (answer === undefined) {
    const node = producerOf.get(id);
    const { data } = tensorOf(graph, id);
    if (data) answer = data.every((v: number) => v >= 0);
    else if (!node) answer = false;
    else {
      const clamped = node.attrs.activation === 'relu' || node.attrs.activation === 'relu6';
      answer =
        clamped ||
        NEVER_NEGATIVE.has(node.kind) ||
        (KEEP_SIGN.has(node.kind) && node.inputs.every((x) => isNeverNegative(graph, producerOf, x, known)));
    }
    known.set(id, answer);
  }
  return answer;
}
