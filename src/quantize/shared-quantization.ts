/**
 * Which activations must have the same quantization. Ops whose integer kernels only move, compare or average values (`as-inputs`)
 * tie their output to their data inputs; softmax, sigmoid and tanh fix their output's; the input may be fixed by the preprocessing.
 */
import { type Graph, isConstant, type Node, type Tensor, tensorOf } from '../ir/graph.js';
import { producers } from '../ir/walk.js';
import { opDef } from '../ops/index.js';
import { type Int8Support, isUnsupported } from '../ops/op-def.js';
import { freshIds, withNodes } from '../passes/rewrite.js';
import { type ActivationQuant, sameQuant } from './quant-params.js';

/** Activations (and constant operands beside them) that share one quantization. */
export interface QuantGroup {
  /** In order of the graph. */
  readonly members: readonly string[];
  /** Quantization that is not chosen from values, and why. */
  readonly fixed: { readonly quant: ActivationQuant; readonly why: 'fixed' | 'input' | 'output' } | undefined;
}

export interface SharedQuantization {
  /** The graph with an `identity` before each operand that had to be brought to another quantization. */
  readonly graph: Graph;
  readonly groups: readonly QuantGroup[];
  readonly groupOf: ReadonlyMap<string, QuantGroup>;
}

/** Integer support of a node that legalise-tflite let through. */
export function int8Support(node: Node): Int8Support<never> {
  const { int8 } = opDef(node.kind);
  if (isUnsupported(int8)) throw new Error(`"${node.id}" (${node.kind}) is not legalised: ${int8.unsupported}`);
  return int8;
}

/** Indices of the inputs that are values, not weights. */
export function dataInputs(node: Node): number[] {
  const weights = int8Support(node).weights;
  return node.inputs.map((_, i) => i).filter((i) => !weights || i < weights.input);
}

interface Class {
  readonly parent: { root?: Class };
  fixed: QuantGroup['fixed'];
}

/**
 * Ties tensors together. A fixed quantization is not forced upon others that meet it in a concatenation: a requantizing node
 * brings it to the range of all.
 * @param input fixes the quantization of the graph's input
 * @param output fixes that of its one output, made by a clamp (`requireClampedOutput`)
 */
export function shareQuantization(
  graph: Graph,
  input: ActivationQuant | undefined,
  output?: ActivationQuant,
): SharedQuantization {
  const fresh = freshIds(graph);
  const added: Tensor[] = [];
  const classes = new Map<string, Class>();
  const classOf = (id: string): Class => {
    let found = classes.get(id);
    if (!found) {
      found = { parent: {}, fixed: undefined };
      classes.set(id, found);
    }
    while (found.parent.root) found = found.parent.root;
    return found;
  };
  const fix = (id: string, quant: ActivationQuant, why: 'fixed' | 'input' | 'output'): void => {
    classOf(id).fixed = { quant, why };
  };
  if (input) for (const id of graph.inputs) fix(id, input, 'input');
  if (output) for (const id of graph.outputs) fix(id, output, 'output');

  const nodes: Node[] = [];
  for (const node of graph.nodes) {
    const support = int8Support(node);
    const y = node.outputs[0] as string;
    if (support.output !== 'as-inputs') {
      if (support.output !== 'calibrated') fix(y, support.output, 'fixed');
      nodes.push(node);
      continue;
    }
    const inputs = [...node.inputs];
    const data = dataInputs(node);
    const sources = [...new Set(data.map((i) => classOf(inputs[i] as string)))];
    const first = sources[0]?.fixed?.quant;
    const agree = first && sources.every((c) => c.fixed && sameQuant(c.fixed.quant, first));
    for (const i of data) {
      const x = inputs[i] as string;
      const [a, b] = [classOf(x), classOf(y)];
      if (a === b) continue;
      if (a.fixed && sources.length > 1 && !agree) {
        const { shape } = tensorOf(graph, x);
        const id = fresh(`${x}/requantized`);
        added.push({ id, shape, dtype: 'float32' });
        nodes.push({ id, kind: 'identity', inputs: [x], outputs: [id], attrs: {} });
        inputs[i] = id;
        classOf(id).parent.root = b;
        continue;
      }
      a.fixed ??= b.fixed;
      b.parent.root = a;
    }
    nodes.push({ ...node, inputs });
  }
  const result = withNodes(graph, nodes, added);
  return { graph: result, ...collectGroups(result, classOf) };
}

function collectGroups(
  graph: Graph,
  classOf: (id: string) => Class,
): { groups: QuantGroup[]; groupOf: Map<string, QuantGroup> } {
  const members = new Map<Class, string[]>();
  const enlist = (id: string): void => {
    const key = classOf(id);
    const list = members.get(key);
    if (!list) members.set(key, [id]);
    else if (!list.includes(id)) list.push(id);
  };
  graph.inputs.forEach(enlist);
  for (const node of graph.nodes) {
    const data = node.kind === 'identity' ? node.inputs : dataInputs(node).map((i) => node.inputs[i] as string);
    data.forEach(enlist);
    node.outputs.forEach(enlist);
  }
  const groups: QuantGroup[] = [];
  const groupOf = new Map<string, QuantGroup>();
  for (const [key, ids] of members) {
    const group = { members: ids, fixed: key.fixed };
    groups.push(group);
    for (const id of ids) groupOf.set(id, group);
  }
  return { groups, groupOf };
}

/**
 * Members whose values decide the range: those that a `calibrated` op, the input, a requantizing node or a constant brings in. What as-inputs ops
 * make of them lies within (an average, a maximum, a selection), padding aside.
 */
export function rangeSources(graph: Graph, group: QuantGroup): string[] {
  const producerOf = producers(graph);
  return group.members.filter((id) => {
    const node = producerOf.get(id);
    return !node || node.kind === 'identity' || int8Support(node).output !== 'as-inputs' || isConstant(graph, id);
  });
}
