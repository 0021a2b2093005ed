import { fail, IsplitError, Problems } from '../../src/core/errors.js';
import { GraphBuilder } from '../../src/ir/builder.js';
import { elementCount, formatShape, type Graph, type Shape } from '../../src/ir/graph.js';
import { verifyGraph } from '../../src/ir/verify.js';
import { SHAPES } from '../../src/ops/index.js';
import { isObject, type Json, type JsonObject, own } from '../../src/passes/keras/index.js';
import type { ConstantValue, GraphBuild, Handler, HandlerResult } from './graph-build.js';
import { type GraphNode, type NodeRef, parseGraphDef, parseRef, parseShape, sortNodes } from './graph-def.js';
import type { TfjsWeight } from './manifest.js';
import { CONV_OPS } from './ops-conv.js';
import { ELEMENTWISE_OPS } from './ops-elementwise.js';
import { SHAPE_OPS } from './ops-shape.js';

const HANDLERS: Readonly<Record<string, Handler>> = { ...CONV_OPS, ...ELEMENTWISE_OPS, ...SHAPE_OPS };
const MAX_ACTIVATION_ELEMENTS = 2 ** 28;

/** TensorFlow ops that are read, for documentation. */
export const SUPPORTED_TF_OPS: readonly string[] = ['Const', 'Placeholder', ...Object.keys(HANDLERS)].sort();

/**
 * A graph-model: a TensorFlow GraphDef in JSON whose constants lie in the shards. It is parsed here and not by
 * tfjs-converter, whose parser is private, needs a backend and trusts its input.
 * @param signature `signature` of model.json, which names inputs and outputs; without it every Placeholder is an input and
 *   what nobody reads is an output
 */
export function readGraphModel(
  topology: JsonObject,
  signature: Json | undefined,
  weights: ReadonlyMap<string, TfjsWeight>,
  file: string,
): Graph {
  const nodes = parseGraphDef(topology, file);
  const outputs = signatureRefs(signature, 'outputs') ?? unreadNodes(nodes);
  for (const ref of outputs) {
    if (!nodes.has(ref.name)) fail('E_MODEL_CORRUPT', `${file}: output "${ref.name}" does not exist`, { file });
  }
  if (outputs.length === 0) fail('E_MODEL_CORRUPT', `${file}: the graph has no outputs`, { file });
  const order = sortNodes(
    nodes,
    outputs.map((ref) => ref.name),
  );
  refuseUnknown(order);
  const reader = new GraphModelReader(file, nodes, order, outputs, weights);
  const inputs = signatureRefs(signature, 'inputs') ?? [];
  return reader.build(inputs, signatureShapes(signature));
}

function refuseUnknown(order: readonly GraphNode[]): void {
  const problems = new Problems();
  for (const node of order) {
    if (node.op === 'Const' || node.op === 'Placeholder' || Object.hasOwn(HANDLERS, node.op)) continue;
    try {
      node.refuse('this operation is not supported');
    } catch (error) {
      problems.addCaught(error);
    }
  }
  problems.throwIfAny();
}

function signatureRefs(signature: Json | undefined, key: string): NodeRef[] | undefined {
  const part = isObject(signature) ? own(signature, key) : undefined;
  if (!isObject(part)) return undefined;
  return Object.values(part).flatMap((entry) => {
    const name = isObject(entry) ? own(entry, 'name') : undefined;
    return typeof name === 'string' ? [parseRef(name)] : [];
  });
}

/** Shapes of inputs by node name. */
function signatureShapes(signature: Json | undefined): Map<string, number[]> {
  const shapes = new Map<string, number[]>();
  const part = isObject(signature) ? own(signature, 'inputs') : undefined;
  for (const entry of isObject(part) ? Object.values(part) : []) {
    const name = isObject(entry) ? own(entry, 'name') : undefined;
    const shape = isObject(entry) ? own(entry, 'tensorShape') : undefined;
    const dims = isObject(shape) ? parseShape(shape) : undefined;
    if (typeof name === 'string' && dims) shapes.set(parseRef(name).name, dims);
  }
  return shapes;
}

function unreadNodes(nodes: ReadonlyMap<string, GraphNode>): NodeRef[] {
  const read = new Set([...nodes.values()].flatMap((node) => node.inputs.map((ref) => ref.name)));
  return [...nodes.values()]
    .filter((node) => !read.has(node.name) && node.op !== 'Const' && node.op !== 'Placeholder' && node.op !== 'NoOp')
    .map((node) => ({ name: node.name, index: 0 }));
}

class GraphModelReader implements GraphBuild {
  readonly builder: GraphBuilder;
  readonly #file: string;
  readonly #order: readonly GraphNode[];
  readonly #outputs: readonly NodeRef[];
  readonly #weights: ReadonlyMap<string, TfjsWeight>;
  readonly #readers = new Map<string, GraphNode[]>();
  /** Results by node; undefined when the node failed or waits for one that did. */
  readonly #values = new Map<string, HandlerResult | undefined>();
  readonly #asTensor = new Map<ConstantValue, string>();

  constructor(
    file: string,
    nodes: ReadonlyMap<string, GraphNode>,
    order: readonly GraphNode[],
    outputs: readonly NodeRef[],
    weights: ReadonlyMap<string, TfjsWeight>,
  ) {
    this.builder = new GraphBuilder(file.replace(/\.json$/, ''), SHAPES);
    this.#file = file;
    this.#order = order;
    this.#outputs = outputs;
    this.#weights = weights;
    for (const node of nodes.values()) {
      for (const ref of node.inputs) {
        const list = this.#readers.get(ref.name);
        if (list) list.push(node);
        else this.#readers.set(ref.name, [node]);
      }
    }
  }

  build(inputs: readonly NodeRef[], shapes: ReadonlyMap<string, number[]>): Graph {
    const problems = new Problems();
    const placeholders = this.#order.filter((node) => node.op === 'Placeholder');
    const rank = new Map(inputs.map((ref, i) => [ref.name, i]));
    placeholders.sort((a, b) => (rank.get(a.name) ?? inputs.length) - (rank.get(b.name) ?? inputs.length));
    for (const node of placeholders) this.#values.set(node.name, this.#addInput(node, shapes.get(node.name)));
    for (const node of this.#order) {
      if (node.op === 'Placeholder') continue;
      try {
        if (node.op === 'Const') this.#values.set(node.name, { constant: this.#weight(node) });
        else {
          const ready = node.inputs.every((ref) => this.#values.get(ref.name) !== undefined);
          this.#values.set(node.name, ready ? this.#handle(node) : undefined);
        }
      } catch (error) {
        this.#record(node, error, problems);
      }
    }
    problems.throwIfAny();
    const outputs = this.#outputs.map((ref) => {
      if (ref.index !== 0)
        fail('E_OP_UNSUPPORTED', `${this.#file}: output "${ref.name}:${ref.index}" is not the first of its node`);
      const value = this.#values.get(ref.name);
      if (!value || !('tensor' in value)) fail('E_MODEL_CORRUPT', `${this.#file}: output "${ref.name}" is a constant`);
      return value.tensor;
    });
    const graph = this.builder.build(outputs);
    verifyGraph(graph, SHAPES);
    return graph;
  }

  tensor(node: GraphNode, i: number): string {
    const value = this.#input(node, i);
    if ('tensor' in value) return value.tensor;
    let id = this.#asTensor.get(value.constant);
    if (id === undefined) {
      id = this.builder.constant((node.inputs[i] as NodeRef).name, value.constant.shape, value.constant.data);
      this.#asTensor.set(value.constant, id);
    }
    return id;
  }

  constantOf(node: GraphNode, i: number): ConstantValue | undefined {
    const value = this.#input(node, i);
    return 'constant' in value ? value.constant : undefined;
  }

  requireConstant(node: GraphNode, i: number, what: string): ConstantValue {
    return this.constantOf(node, i) ?? node.refuse(`${what} is computed by the network, only constants are supported`);
  }

  addConstant(node: GraphNode, suffix: string, shape: Shape, data: Float32Array): string {
    return this.builder.constant(`${node.name}/${suffix}`, shape, data);
  }

  soleReader(node: GraphNode, op: string): GraphNode | undefined {
    const readers = this.#readers.get(node.name) ?? [];
    const asked = this.#outputs.some((ref) => ref.name === node.name);
    const [only] = readers;
    if (asked || readers.length !== 1 || only?.op !== op || only.inputs[0]?.name !== node.name) return undefined;
    // Its bias is a weight that may come later in the order, so it is read here.
    const bias = only.inputs[1];
    if (bias && !this.#values.has(bias.name)) {
      const constant = this.#order.find((n) => n.name === bias.name && n.op === 'Const');
      if (!constant) return undefined;
      this.#values.set(bias.name, { constant: this.#weight(constant) });
    }
    return only;
  }

  #handle(node: GraphNode): HandlerResult {
    const result = (HANDLERS[node.op] as Handler)(node, this);
    if ('tensor' in result) {
      const { shape } = this.builder.type(result.tensor);
      if (!(elementCount(shape) <= MAX_ACTIVATION_ELEMENTS)) {
        fail('E_MODEL_TOO_LARGE', `node "${node.name}" gives ${formatShape(shape)}`, { node: node.name });
      }
    }
    return result;
  }

  #input(node: GraphNode, i: number): HandlerResult {
    const ref = node.inputs[i];
    if (!ref) return node.corrupt(`input ${i} is missing`);
    if (ref.index !== 0)
      return node.refuse(`it uses output ${ref.index} of "${ref.name}", only the first is supported`);
    return this.#values.get(ref.name) ?? node.corrupt(`input "${ref.name}" is not there yet`);
  }

  #weight(node: GraphNode): ConstantValue {
    const known = this.#values.get(node.name);
    if (known && 'constant' in known) return known.constant;
    const weight = this.#weights.get(node.name);
    if (!weight) return node.corrupt('the weights manifest does not have it');
    const data = weight.read();
    if (!data.every(Number.isFinite)) return node.corrupt('it has values that are not finite');
    return { shape: weight.shape, data };
  }

  #addInput(node: GraphNode, signatureShape: readonly number[] | undefined): HandlerResult {
    const shape = node.shape('shape') ?? signatureShape;
    if (!shape || shape.length < 2) node.refuse('its shape is not known');
    const [, ...rest] = shape;
    const dims = rest.map((d, i) => (d > 0 ? d : (signatureShape?.[i + 1] ?? -1)));
    if (dims.some((d) => d < 1)) {
      fail(
        'E_SHAPE',
        `input "${node.name}" has the shape [${shape.map((d) => (d < 0 ? '?' : d))}]: not all of its dimensions are fixed`,
        { node: node.name, shape },
        'Convert the model again with a fixed input size.',
      );
    }
    if (!(elementCount(dims) <= MAX_ACTIVATION_ELEMENTS))
      fail('E_MODEL_TOO_LARGE', `input "${node.name}" has the shape [${dims}]`);
    return { tensor: this.builder.input(node.name, [1, ...dims]) };
  }

  #record(node: GraphNode, error: unknown, problems: Problems): void {
    if (!(error instanceof IsplitError)) throw error;
    for (const problem of error.all) {
      const named = problem.message.includes(`"${node.name}"`);
      const message = named ? problem.message : `node "${node.name}" (${node.op}): ${problem.message}`;
      problems.add(problem.code, message, { node: node.name, ...problem.context }, problem.hint);
    }
  }
}
