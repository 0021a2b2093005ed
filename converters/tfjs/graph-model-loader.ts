/**
 * The one place that knows the inside of @tensorflow/tfjs-converter. The package exports no parser: what its GraphModel made
 * of a file lies in the private `executor.graph`, of which this is the view, checked while running.
 */
import { fail, IsplitError } from '../../src/core/errors.js';
import { isObject } from '../../src/passes/keras/index.js';
import type { GraphDef } from './graph-check.js';

/** Version whose inside this file was written against; package.json asks for exactly this one. */
const KNOWN_VERSION = '4.22.0';

/** A node as the converter keeps it. */
export interface ConverterNode {
  readonly name: string;
  readonly op: string;
  /** `name` or `name:1`. */
  readonly inputNames: readonly string[];
  /** The nodes behind `inputNames`. */
  readonly inputs: readonly ConverterNode[];
  /** The nodes that read this one, once for each time they do. */
  readonly children: readonly ConverterNode[];
  /** Attributes that TF.js runs the op with, decoded, with TF.js's names and defaults; text is in lower case. */
  readonly attrParams: Readonly<Record<string, { readonly value?: unknown }>>;
  /** Attributes as they are in the file. */
  readonly rawAttrs: Readonly<Record<string, unknown>>;
}

export interface ConverterGraph {
  readonly nodes: ReadonlyMap<string, ConverterNode>;
  /** By the signature; every Placeholder without one. */
  readonly inputs: readonly ConverterNode[];
  /** By the signature; everything that nobody reads without one. */
  readonly outputs: readonly ConverterNode[];
}

/**
 * Lets TensorFlow.js's GraphModel load a graph. The weights stay out of it: as tensors they would need a backend, and the
 * active backend belongs to the engine that runs. So do functions and the initializer (control flow, hash tables), which only
 * ops that are not supported use.
 * @throws IsplitError E_MODEL_CORRUPT when the library refuses the graph, E_INTERNAL when the library is another one
 */
export async function loadConverterGraph(def: GraphDef, file: string): Promise<ConverterGraph> {
  const { GraphModel, version_converter: version } = await import('@tensorflow/tfjs-converter');
  const artifacts = {
    modelTopology: { node: def.nodes.map((node) => ({ ...node })), versions: {} },
    signature: { inputs: def.inputs, outputs: def.outputs },
    weightSpecs: [],
    weightData: new ArrayBuffer(0),
  };
  const model = new GraphModel({ load: async () => artifacts });
  try {
    await model.load();
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    const message = `${file}: TensorFlow.js cannot load the graph: ${reason.slice(0, 300)}`;
    throw new IsplitError({ code: 'E_MODEL_CORRUPT', message, context: { file } }, { cause });
  }
  const graph = viewConverterGraph(model, version);
  model.dispose();
  return graph;
}

/** @throws IsplitError E_INTERNAL when the package does not look like the version that this was written for */
export function viewConverterGraph(model: object, version: string): ConverterGraph {
  const changed = (what: string): never =>
    fail(
      'E_INTERNAL',
      `@tensorflow/tfjs-converter ${version} is not built like ${KNOWN_VERSION}: ${what}`,
      { version, known: KNOWN_VERSION },
      `npm install --save-exact @tensorflow/tfjs-converter@${KNOWN_VERSION}`,
    );
  const executor = Reflect.get(model, 'executor');
  const graph = isObject(executor) ? Reflect.get(executor, 'graph') : undefined;
  if (!isObject(graph)) return changed('GraphModel has no executor.graph');
  const { nodes, inputs, outputs } = graph as { [key: string]: unknown };
  if (!isObject(nodes)) return changed('executor.graph.nodes is no object');
  const isNode = (node: unknown): node is ConverterNode =>
    isObject(node) &&
    typeof node.name === 'string' &&
    typeof node.op === 'string' &&
    isListOf(node.inputNames, (name) => typeof name === 'string') &&
    isListOf(node.inputs, isObject) &&
    isListOf(node.children, isObject) &&
    isObject(node.attrParams) &&
    Object.values(node.attrParams).every(isObject) &&
    isObject(node.rawAttrs);
  const list = Object.values(nodes);
  const odd = list.find((node) => !isNode(node));
  if (odd !== undefined) return changed(`a node has the fields ${Object.keys(Object(odd))}`);
  if (!isListOf(inputs, isNode) || !isListOf(outputs, isNode))
    return changed('inputs or outputs are no lists of nodes');
  return {
    nodes: new Map((list as unknown as ConverterNode[]).map((node) => [node.name, node])),
    inputs: inputs as readonly ConverterNode[],
    outputs: outputs as readonly ConverterNode[],
  };
}

function isListOf(value: unknown, holds: (entry: unknown) => boolean): boolean {
  return Array.isArray(value) && value.every(holds);
}
