import { fail, IsplitError, Problems } from '../../src/core/errors.js';
import { GraphBuilder } from '../../src/ir/builder.js';
import { elementCount, formatShape, type Graph, type Shape } from '../../src/ir/graph.js';
import { verifyGraph } from '../../src/ir/verify.js';
import { SHAPES } from '../../src/ops/index.js';
import type { Json, JsonObject } from '../../src/passes/keras/index.js';
import type { ConstantValue, GraphBuild, Handler, HandlerResult } from './graph-build.js';
import { checkGraphDef, type NodeRef, parseRef, sortAfterInputs } from './graph-check.js';
import { loadConverterGraph } from './graph-model-loader.js';
import { GraphNode } from './graph-node.js';
import type { TfjsWeight } from './manifest.js';
import { CONV_OPS } from './ops-conv.js';
import { ELEMENTWISE_OPS } from './ops-elementwise.js';
import { SHAPE_OPS } from './ops-shape.js';

const HANDLERS: Readonly<Record<string, Handler>> = { ...CONV_OPS, ...ELEMENTWISE_OPS, ...SHAPE_OPS };
const MAX_ACTIVATION_ELEMENTS = 2 ** 28;
/** Ops that are no outputs when nothing asks for them. */
const UNASKED: readonly string[] = ['Const', 'Placeholder', 'NoOp'];

/** TensorFlow ops that are read, for documentation. */
export const SUPPORTED_TF_OPS: readonly string[] = ['Const', 'Placeholder', ...Object.keys(HANDLERS)].sort();

/**
 * A graph-model: a TensorFlow GraphDef in JSON whose constants lie in the shards. TensorFlow.js's converter reads it, once it
 * has passed our checks.
 * @param signature `signature` of model.json, which names inputs and outputs; without it every Placeholder is an input and
 *   what nobody reads is an output
 * @throws IsplitError E_MODEL_CORRUPT, E_MODEL_TOO_LARGE, E_OP_UNSUPPORTED (all of them), E_SHAPE
 */
export async function readGraphModel(
  topology: JsonObject,
  signature: Json | undefined,
  weights: ReadonlyMap<string, TfjsWeight>,
  file: string,
): Promise<Graph> {
  const def = checkGraphDef(topology, signature, file);
  const loaded = await loadConverterGraph(def, file);
  const nodes = new Map([...loaded.nodes].map(([name, node]) => [name, new GraphNode(node)]));
  const known = (name: string): GraphNode => nodes.get(name) as GraphNode;
  const signed = Object.keys(def.outputs).length > 0;
  const outputs = loaded.outputs.map(({ name }) => known(name)).filter(({ op }) => signed || !UNASKED.includes(op));
  if (outputs.length === 0) fail('E_MODEL_CORRUPT', `${file}: the graph has no outputs`, { file });
  const order = sortAfterInputs(
    outputs,
    (node) => node.inputs.map((ref) => known(ref.name)),
    (names) => fail('E_MODEL_CORRUPT', `${file}: nodes wait for each other in a circle: ${names}`, { file }),
  );
  refuseUnknown(order);
  const reader = new GraphModelReader(file, nodes, order, outputs, weights);
  const shapes = Object.values(def.inputs).flatMap(({ name, shape }) => (shape ? [[parseRef(name).name, shape]] : []));
  return reader.build(
    loaded.inputs.map(({ name }) => name),
    new Map(shapes as [string, readonly number[]][]),
  );
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

class GraphModelReader implements GraphBuild {
  readonly builder: GraphBuilder;
  readonly #file: string;
  readonly #nodes: ReadonlyMap<string, GraphNode>;
  readonly #order: readonly GraphNode[];
  readonly #outputs: readonly GraphNode[];
  readonly #weights: ReadonlyMap<string, TfjsWeight>;
  /** Results by node; undefined when the node failed or waits for one that did. */
  readonly #values = new Map<string, HandlerResult | undefined>();
  readonly #asTensor = new Map<ConstantValue, string>();

  constructor(
    file: string,
    nodes: ReadonlyMap<string, GraphNode>,
    order: readonly GraphNode[],
    outputs: readonly GraphNode[],
    weights: ReadonlyMap<string, TfjsWeight>,
  ) {
    this.builder = new GraphBuilder(file.replace(/\.json$/, ''), SHAPES);
    this.#file = file;
    this.#nodes = nodes;
    this.#order = order;
    this.#outputs = outputs;
    this.#weights = weights;
  }

  build(inputs: readonly string[], shapes: ReadonlyMap<string, readonly number[]>): Graph {
    const problems = new Problems();
    const placeholders = this.#order.filter((node) => node.op === 'Placeholder');
    const rank = new Map(inputs.map((name, i) => [name, i]));
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
    const outputs = this.#outputs.map(({ name }) => {
      const value = this.#values.get(name);
      if (!value || !('tensor' in value)) fail('E_MODEL_CORRUPT', `${this.#file}: output "${name}" is a constant`);
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
    const only = node.readers.length === 1 ? this.#nodes.get(node.readers[0] as string) : undefined;
    if (!only || this.#outputs.includes(node) || only.op !== op || only.inputs[0]?.name !== node.name) return undefined;
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
