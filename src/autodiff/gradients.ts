import { Problems } from '../core/errors.js';
import { GraphBuilder } from '../ir/builder.js';
import { elementCount, type Graph, type Node, sameShape } from '../ir/graph.js';
import { neededFor, reachableFrom } from '../ir/walk.js';
import { activationGradient, type Fusable } from '../ops/fused-activation.js';
import { opDef, SHAPES } from '../ops/index.js';
import { type GradientSink, isUnsupported } from '../ops/op-def.js';

export interface GradientRequest {
  /** Tensor that is differentiated. */
  readonly of: string;
  /** Its incoming gradient: a tensor of the same shape. Absent: ones, i.e. the gradient of its sum. */
  readonly seed?: string;
  /** Tensors (activations, inputs or constants such as weights) with respect to which. */
  readonly wrt: readonly string[];
}

/**
 * Reverse-mode differentiation as graph construction: appends the nodes of the vector-Jacobian product seedᵀ · ∂of/∂wrt to a
 * builder that already holds the forward graph. Only paths from `wrt` to `of` are differentiated.
 * Source: Baydin et al., "Automatic Differentiation in Machine Learning", JMLR 2018, §3.2.
 * @returns id of each gradient by wrt id; a tensor that `of` does not depend on is absent
 * @throws IsplitError E_HOOK_UNSUPPORTED naming every node on the way that has no gradient
 */
export function appendGradients(builder: GraphBuilder, forward: Graph, request: GradientRequest): Map<string, string> {
  const { of, wrt } = request;
  const depends = reachableFrom(forward, wrt);
  const needed = neededFor(forward, [of]);
  const onPath = (id: string): boolean => depends.has(id) && needed.has(id);
  const gradients = new Map<string, string[]>();
  const sink = createSink(builder);
  const ofShape = builder.type(of).shape;
  if (request.seed !== undefined && !sameShape(builder.type(request.seed).shape, ofShape)) {
    throw new RangeError(`seed "${request.seed}" must have the shape of "${of}"`);
  }
  gradients.set(of, [request.seed ?? sink.constant(ofShape, new Float32Array(elementCount(ofShape)).fill(1))]);

  const totals = new Map<string, string>();
  const totalOf = (id: string): string | undefined => {
    const known = totals.get(id);
    if (known !== undefined) return known;
    const parts = gradients.get(id);
    if (!parts) return undefined;
    const total = parts.reduce((a, b) => sink.op('add', [a, b]));
    totals.set(id, total);
    return total;
  };

  const problems = new Problems();
  for (let i = forward.nodes.length - 1; i >= 0; i--) {
    const node = forward.nodes[i] as Node;
    const needs = node.inputs.map(onPath);
    if (!needs.some(Boolean) || !node.outputs.some((id) => onPath(id) && gradients.has(id))) continue;
    const def = opDef(node.kind);
    if (isUnsupported(def.vjp)) {
      problems.add('E_HOOK_UNSUPPORTED', `"${node.id}" (${node.kind}) has no gradient: ${def.vjp.unsupported}`, {
        node: node.id,
        kind: node.kind,
      });
      continue;
    }
    if (problems.size > 0) continue;
    const incoming = node.outputs.map(totalOf);
    const { activation = 'none' } = node.attrs as Fusable;
    if (def.fusesActivation && activation !== 'none' && incoming[0] !== undefined) {
      incoming[0] = activationGradient(sink, node.outputs[0] as string, incoming[0], activation);
    }
    const results = def.vjp(sink, {
      inputs: node.inputs,
      outputs: node.outputs,
      attrs: node.attrs,
      gradients: incoming,
      needs,
    });
    node.inputs.forEach((id, k) => {
      const g = results[k];
      if (!needs[k] || g === undefined) return;
      const list = gradients.get(id);
      if (list) list.push(g);
      else gradients.set(id, [g]);
    });
  }
  problems.throwIfAny();

  const found = new Map<string, string>();
  for (const id of wrt) {
    const total = totalOf(id);
    if (total !== undefined) found.set(id, total);
  }
  return found;
}

/**
 * The same as a pass: a graph whose outputs are the given graph's outputs followed by one gradient per `wrt`.
 * @param request.seed when absent and `seedInput` is given, a new graph input of that name receives the seed
 */
export function gradientGraph(
  forward: Graph,
  request: GradientRequest,
  seedInput?: string,
): { graph: Graph; gradients: Map<string, string> } {
  const builder = new GraphBuilder(`${forward.name}-gradients`, SHAPES, forward);
  const seed = request.seed ?? (seedInput ? builder.input(seedInput, builder.type(request.of).shape) : undefined);
  const gradients = appendGradients(builder, forward, seed === undefined ? request : { ...request, seed });
  return { graph: builder.build([...new Set([...forward.outputs, ...gradients.values()])]), gradients };
}

function createSink(builder: GraphBuilder): GradientSink {
  const scalars = new Map<number, string>();
  return {
    type: (id) => builder.type(id),
    op: (kind, inputs, attrs = {}) => builder.op(kind, inputs, attrs, { id: `grad/${kind}` }),
    constant(shape, data) {
      if (shape.length > 0) return builder.constant('grad/constant', shape, data);
      const value = data[0] as number;
      let id = scalars.get(value);
      if (id === undefined) {
        id = builder.constant('grad/scalar', [], data);
        scalars.set(value, id);
      }
      return id;
    },
  };
}
