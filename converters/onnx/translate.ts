/** ONNX nodes → a graph: every node of the network in file order, through one table of operators. */
import { fail, IsplitError, Problems } from '../../src/core/errors.js';
import { elementCount, formatShape, type Graph } from '../../src/ir/graph.js';
import { verifyGraph } from '../../src/ir/verify.js';
import { SHAPES } from '../../src/ops/index.js';
import { describeRefusals, Refusal, type RefusedOperator } from '../refused-operators.js';
import { foldNode, isFoldable } from './fold.js';
import { channelsLast, identity, sameLayout, storedShape } from './layout.js';
import { activationId, tidy } from './names.js';
import { NodeContext, type Translate } from './node-context.js';
import type { NodeEntry, OnnxModel, TensorEntry, ValueEntry } from './parse.js';
import { SHAPE_OPS } from './shape-ops.js';
import { type Constant, dataTypeName } from './tensor-data.js';
import { type Activation, MAX_ELEMENTS, Translator, type Value } from './translator.js';
import { VALUE_OPS } from './value-ops.js';
import { WINDOW_OPS } from './window-ops.js';

const OPERATORS: Readonly<Record<string, Translate>> = { ...WINDOW_OPS, ...VALUE_OPS, ...SHAPE_OPS };

/** Float types of inputs; all are run as float32. */
const FLOAT_TYPES: ReadonlySet<number> = new Set([1, 10, 11]);

export interface OnnxSource {
  readonly model: OnnxModel;
  /** Name for messages and for the graph. */
  readonly name: string;
  /** Values of the initializers and of Constant nodes, by value name; undefined for types that are not read. */
  constantOf(name: string): Constant | undefined;
  /** How many values the constants of the graph may take in all. */
  readonly valueBudget: number;
}

export interface Translation {
  readonly graph: Graph;
  /** Transposes that had to be added. */
  readonly transposes: number;
  readonly warnings: readonly string[];
}

/**
 * Stores rank-4 inputs channels last (ONNX [N, C, H, W] becomes [N, H, W, C]) or as they are, whichever needs fewer
 * transposes. Both are exact; networks that TensorFlow's converters wrote have NHWC inputs already.
 * @throws IsplitError E_OP_UNSUPPORTED with every operator that cannot be read, E_SHAPE, E_MODEL_CORRUPT
 */
export function translateOnnx(source: OnnxSource): Translation {
  const order = looksChannelsLast(source.model) ? [false, true] : [true, false];
  const first = translateOnce(source, order[0] as boolean);
  if (first.transposes === 0) return first;
  const second = translateOnce(source, order[1] as boolean);
  return second.transposes < first.transposes ? second : first;
}

/** Whether the first image input has its channels last: a guess that only decides what is tried first. */
function looksChannelsLast(model: OnnxModel): boolean {
  const dims = model.inputs.find((v) => v.dims?.length === 4)?.dims;
  return dims !== undefined && Number(dims[3]) < Number(dims[1]);
}

function translateOnce(source: OnnxSource, channelsFirstInput: boolean): Translation {
  return new Pass(source, channelsFirstInput).run();
}

class Pass {
  readonly #source: OnnxSource;
  readonly #model: OnnxModel;
  readonly #t: Translator;
  readonly #channelsFirst: boolean;
  readonly #refused: RefusedOperator[] = [];
  readonly #problems = new Problems();
  readonly #readCounts: ReadonlyMap<string, number>;

  constructor(source: OnnxSource, channelsFirst: boolean) {
    this.#source = source;
    this.#model = source.model;
    this.#readCounts = countReads(source.model);
    this.#t = new Translator(source.name, source.valueBudget);
    this.#channelsFirst = channelsFirst;
  }

  run(): Translation {
    const needed = neededNodes(this.#model);
    for (const initializer of this.#model.initializers) this.#addInitializer(initializer);
    const constants = new Set(this.#model.initializers.map((i) => i.name));
    // Up to IR version 3, initializers are listed as inputs too.
    for (const input of this.#model.inputs) if (!constants.has(input.name)) this.#addInput(input);
    this.#model.nodes.forEach((node, index) => {
      if (needed.has(index)) this.#translateNode(node, index);
    });
    if (this.#refused.length > 0) {
      throw new IsplitError([describeRefusals(this.#source.name, this.#refused), ...this.#problems.list]);
    }
    this.#problems.throwIfAny();
    const outputs = this.#model.outputs.map((output) => this.#output(output));
    if (outputs.length === 0) fail('E_MODEL_CORRUPT', `"${this.#source.name}" has no output`);
    this.#problems.throwIfAny();
    const graph = this.#t.build(outputs);
    verifyGraph(graph, SHAPES);
    return { graph, transposes: this.#t.transposes, warnings: [...this.#t.warnings] };
  }

  #addInitializer({ name, dataType }: TensorEntry): void {
    const constant = this.#source.constantOf(name);
    const value: Value = constant
      ? { kind: 'known', constant, name: tidy(name, 'constant') }
      : { kind: 'lost', why: `"${name}" is of type ${dataTypeName(dataType)}` };
    this.#t.values.set(name, value);
  }

  #addInput(entry: ValueEntry): void {
    const id = tidy(entry.name, 'input');
    let shape: number[];
    try {
      shape = inputShape(entry, id);
    } catch (error) {
      if (error instanceof Refusal) this.#refused.push({ op: 'input', index: -1, output: id, why: error.message });
      else this.#problems.addCaught(error);
      this.#define(entry.name, { kind: 'lost' });
      return;
    }
    if (entry.elementType !== 1) {
      this.#t.warnings.add(`input "${id}" is ${dataTypeName(entry.elementType)} and is run as float32`);
    }
    const layout = this.#channelsFirst && shape.length === 4 ? channelsLast(4) : identity(shape.length);
    const stored = storedShape(shape, layout);
    const added = this.#t.builder.input(id, stored);
    if (!sameLayout(layout, identity(shape.length))) {
      this.#t.warnings.add(`input "${id}" is NCHW in the file [${shape}]; here it is NHWC: feed [${stored}]`);
    }
    this.#define(entry.name, { kind: 'activation', id: added, layout });
  }

  #define(name: string, value: Value): void {
    if (this.#t.values.has(name)) fail('E_MODEL_CORRUPT', `"${name}" is computed twice`, { value: name });
    this.#t.values.set(name, value);
  }

  #translateNode(node: NodeEntry, index: number): void {
    const output = node.outputs[0] ?? '';
    const id = activationId(output, node, index);
    const label = node.domain === '' || node.domain === 'ai.onnx' ? node.opType : `${node.domain}.${node.opType}`;
    let value: Value = { kind: 'lost' };
    try {
      const inputs = node.inputs.map((name) => (name === '' ? undefined : this.#input(name)));
      value = this.#evaluate(node, inputs, label, id);
    } catch (error) {
      if (error instanceof Refusal) this.#refused.push({ op: label, index, output: id, why: error.message });
      else if (error instanceof IsplitError && error.code !== 'E_MODEL_CORRUPT') {
        for (const p of error.all) {
          this.#problems.add(p.code, `operator ${index} ${label} "${id}": ${p.message}`, p.context, p.hint);
        }
      } else throw error;
    }
    node.outputs.forEach((name, i) => {
      if (name !== '') this.#define(name, i === 0 ? value : { kind: 'lost' });
    });
  }

  #input(name: string): Value {
    return (
      this.#t.values.get(name) ?? fail('E_MODEL_CORRUPT', `"${name}" is read before it is computed`, { value: name })
    );
  }

  #evaluate(node: NodeEntry, inputs: readonly (Value | undefined)[], label: string, id: string): Value {
    if (label === 'Constant') {
      const constant = this.#source.constantOf(node.outputs[0] ?? '');
      return constant ? { kind: 'known', constant, name: id } : this.#refuse('a constant of a type that is not read');
    }
    const translate = Object.hasOwn(OPERATORS, label) ? OPERATORS[label] : undefined;
    const known = inputs.map((v) => (v?.kind === 'known' ? v.constant : undefined));
    const folded = label === node.opType ? foldNode(node, known) : undefined;
    if (folded) {
      this.#t.spend(folded.data.length);
      return { kind: 'known', constant: folded, name: id };
    }
    const foldable = label === node.opType && isFoldable(label);
    if (!translate && !foldable) return this.#refuse('operator not supported');
    // What went wrong was reported where the value was lost.
    const lost = inputs.find((v) => v?.kind === 'lost');
    if (lost) return lost.why === undefined ? { kind: 'lost' } : this.#refuse(lost.why);
    if (!translate) return this.#refuse('operator not supported, but for the arithmetic of shapes');
    if ([...node.attributes.values()].some((a) => a.other))
      return this.#refuse('an attribute that is a graph or a list of tensors');
    const used = node.outputs.slice(1).find((name) => name !== '' && this.#readCounts.has(name));
    if (used !== undefined) return this.#refuse(`its output "${used}" is used`);
    return translate(new NodeContext(node, this.#t, this.#model.opset, id, this.#readCounts));
  }

  #refuse(why: string): never {
    throw new Refusal(why);
  }

  /** Id of a graph output; rank 4 leaves channels last. */
  #output({ name, dims }: ValueEntry): string {
    const value = this.#t.values.get(name) ?? fail('E_MODEL_CORRUPT', `output "${name}" is never computed`);
    if (value.kind === 'known' || value.kind === 'lost') {
      fail('E_MODEL_CORRUPT', `output "${name}" does not depend on the input`, { value: name });
    }
    const tensor = value.kind === 'flattened' ? this.#t.materialise(value) : this.#outputLayout(value);
    const own = this.#t.dims(tensor);
    const stated =
      dims?.length === own.length && dims.every((d, i) => i === 0 || typeof d === 'string' || d < 1 || d === own[i]);
    if (dims && !stated) {
      this.#problems.add('E_SHAPE', `output "${name}" is [${dims}] in the file, its operators give [${own}]`, {
        value: name,
        file: dims,
        computed: own,
      });
    }
    if (!sameLayout(tensor.layout, identity(own.length))) {
      const stored = formatShape(this.#t.builder.type(tensor.id).shape);
      this.#t.warnings.add(`output "${tensor.id}" is NCHW in the file [${own}]; here it is NHWC: ${stored}`);
    }
    return tensor.id;
  }

  #outputLayout(x: Activation): Activation {
    return x.layout.length === 4 && sameLayout(x.layout, channelsLast(4)) ? x : this.#t.plain(x);
  }
}

/** Fixed dimensions of an input for one sample. @throws Refusal, IsplitError E_SHAPE, E_MODEL_CORRUPT */
function inputShape({ elementType, dims }: ValueEntry, id: string): number[] {
  if (!FLOAT_TYPES.has(elementType)) {
    throw new Refusal(`of type ${dataTypeName(elementType)}; only float inputs are read`);
  }
  if (!dims || dims.length === 0) throw new Refusal('without a shape');
  const isFree = (d: number | string): d is string => typeof d === 'string' || d < 1;
  const open = dims.flatMap((d, i) => (i > 0 && isFree(d) ? [`axis ${i} (${d || 'unnamed'})`] : []));
  if (open.length > 0) {
    fail(
      'E_SHAPE',
      `input "${id}" leaves ${open.join(', ')} open`,
      { tensor: id, shape: dims },
      'Export the model with a fixed input size; only the batch may be free.',
    );
  }
  const shape = dims.map((d, i) => (i === 0 && isFree(d) ? 1 : Number(d)));
  if (shape[0] !== 1) {
    fail(
      'E_SHAPE',
      `input "${id}" has ${shape[0]} samples baked in ([${shape}])`,
      { tensor: id, shape },
      'Export the model with batch size 1 or a free batch.',
    );
  }
  if (!shape.every(Number.isSafeInteger) || elementCount(shape) > MAX_ELEMENTS) {
    fail('E_MODEL_CORRUPT', `input "${id}" has the impossible shape [${shape}]`, { tensor: id });
  }
  return shape;
}

/** Positions of the nodes that the outputs depend on; exporters leave others behind. */
function neededNodes(model: OnnxModel): Set<number> {
  const wanted = new Set(model.outputs.map((v) => v.name));
  const needed = new Set<number>();
  for (let i = model.nodes.length - 1; i >= 0; i--) {
    const node = model.nodes[i] as NodeEntry;
    if (!node.outputs.some((name) => name !== '' && wanted.has(name))) continue;
    needed.add(i);
    for (const name of node.inputs) if (name !== '') wanted.add(name);
  }
  return needed;
}

/** How often each value is read, by nodes and as an output of the network. */
function countReads(model: OnnxModel): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  for (const name of [...model.nodes.flatMap((n) => n.inputs), ...model.outputs.map((v) => v.name)]) {
    counts.set(name, (counts.get(name) ?? 0) + 1);
  }
  return counts;
}
