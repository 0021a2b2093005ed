/** State of one translation: what each ONNX value is in our graph, and the nodes made so far. */
import { fail } from '../../src/core/errors.js';
import { GraphBuilder } from '../../src/ir/builder.js';
import { type Attrs, elementCount, type Graph, type Shape } from '../../src/ir/graph.js';
import { cleanTensorId } from '../../src/ir/tensor-id.js';
import { neededFor } from '../../src/ir/walk.js';
import { SHAPES } from '../../src/ops/index.js';
import { Refusal } from '../refused-operators.js';
import {
  channelsLast,
  identity,
  type Layout,
  onnxDims,
  ordersAlike,
  permute,
  sameLayout,
  storedShape,
} from './layout.js';
import type { Constant } from './tensor-data.js';

/** A tensor of our graph. */
export interface Activation {
  readonly kind: 'activation';
  readonly id: string;
  readonly layout: Layout;
}

/**
 * [batch, rest] made of a tensor whose stored order is not ONNX's. A dense layer takes it as it is stored and permutes its
 * weights; everything else makes it a tensor first, with a transpose.
 */
export interface Flattened {
  readonly kind: 'flattened';
  readonly source: Activation;
  readonly id: string;
}

export interface Known {
  readonly kind: 'known';
  readonly constant: Constant;
  /** Name for a constant of our graph. */
  readonly name: string;
}

/** Result of an operator that was refused, or a constant that cannot be read. */
export interface Lost {
  readonly kind: 'lost';
  /** Why, where no operator was refused for it. */
  readonly why?: string;
}

/** How an activation was made. */
export interface Origin {
  readonly kind: string;
  readonly inputs: readonly string[];
}

export type Value = Activation | Flattened | Known | Lost;

/** No activation of a network for one sample has more. */
export const MAX_ELEMENTS = 2 ** 31;

export class Translator {
  readonly builder: GraphBuilder;
  readonly values = new Map<string, Value>();
  readonly warnings = new Set<string>();
  /** Transposes that had to be added. */
  transposes = 0;
  /** How every activation of our graph was made, by id. */
  readonly origins = new Map<string, Origin>();
  /** x of every hard sigmoid (x + 3) / 6 between 0 and 1, by the id of its result. */
  readonly gates = new Map<string, string>();
  readonly #relaid = new Map<string, Activation>();
  readonly #constants = new Map<string, string>();
  #budget: number;

  /** @param valueBudget how many values constants may take in all; a file can use one weight many times */
  constructor(name: string, valueBudget: number) {
    this.builder = new GraphBuilder(name, SHAPES);
    this.#budget = valueBudget;
  }

  /** ONNX dimensions of an activation. */
  dims(x: Activation): number[] {
    return onnxDims(this.builder.type(x.id).shape, x.layout);
  }

  /** ONNX dimensions of any value; undefined when they are lost. */
  dimsOf(value: Value): readonly number[] | undefined {
    if (value.kind === 'known') return value.constant.dims;
    if (value.kind === 'activation') return this.dims(value);
    if (value.kind === 'lost') return undefined;
    return flatDims(this.dims(value.source));
  }

  /** Adds a node. @throws IsplitError E_SHAPE */
  emit(kind: string, inputs: readonly string[], attrs: Attrs, layout: Layout, id: string): Activation {
    const output = this.builder.op(kind, inputs, attrs, { id });
    const { shape } = this.builder.type(output);
    if (elementCount(shape) > MAX_ELEMENTS) {
      fail('E_MODEL_CORRUPT', `"${output}" would have the shape [${shape}]`, { tensor: output });
    }
    this.origins.set(output, { kind, inputs });
    return { kind: 'activation', id: output, layout };
  }

  /** The same values stored in another order: nothing, a reshape, or a transpose. */
  inLayout(x: Activation, layout: Layout): Activation {
    if (sameLayout(x.layout, layout)) return x;
    const key = `${x.id}|${layout}`;
    const known = this.#relaid.get(key);
    if (known) return known;
    const dims = this.dims(x);
    const alike = ordersAlike(dims, x.layout, layout) && layout[0] === 0;
    const shape = storedShape(dims, layout);
    const result = alike
      ? this.emit('reshape', [x.id], { shape: [-1, ...shape.slice(1)] }, layout, `${x.id}/relaid`)
      : this.emit('transpose', [x.id], { perm: layout.map((a) => x.layout.indexOf(a)) }, layout, `${x.id}/transposed`);
    if (!alike) this.transposes++;
    this.#relaid.set(key, result);
    return result;
  }

  /** In ONNX's own order. */
  plain(x: Activation): Activation {
    return this.inLayout(x, identity(x.layout.length));
  }

  /** A flattened value as [batch, rest] in ONNX's order. */
  materialise(x: Flattened): Activation {
    const key = `${x.id}|flattened|${x.source.id}`;
    const known = this.#relaid.get(key);
    if (known) return known;
    const plain = this.plain(x.source);
    const shape = flatDims(this.dims(plain));
    const result = this.emit('reshape', [plain.id], { shape: [-1, shape[1] as number] }, [0, 1], x.id);
    this.#relaid.set(key, result);
    return result;
  }

  /** A flattened value as [batch, rest] in the stored order of its source. */
  flatAsStored(x: Flattened): Activation {
    const key = `${x.id}|as stored|${x.source.id}`;
    const known = this.#relaid.get(key);
    if (known) return known;
    const rest = flatDims(this.dims(x.source))[1] as number;
    const result = this.emit('reshape', [x.source.id], { shape: [-1, rest] }, [0, 1], x.id);
    this.#relaid.set(key, result);
    return result;
  }

  /**
   * Other ONNX dimensions over the same elements.
   * @param id of the result
   * @throws Refusal when samples would be mixed
   */
  reshape(x: Activation, dims: readonly number[], id: string): Activation | Flattened {
    const from = this.dims(x);
    if (dims[0] !== 1 || x.layout[0] !== 0) {
      throw new Refusal(`it reshapes [${from}] to [${dims}], which merges the batch with other dimensions`);
    }
    const target = this.#layoutAfterReshape(x, dims);
    if (target) {
      const shape = storedShape(dims, target);
      return this.emit('reshape', [x.id], { shape: [-1, ...shape.slice(1)] }, target, id);
    }
    if (dims.length === 2) return { kind: 'flattened', source: x, id };
    const plain = this.plain(x);
    const layout = this.#layoutAfterReshape(plain, dims) as Layout;
    return this.emit('reshape', [plain.id], { shape: [-1, ...storedShape(dims, layout).slice(1)] }, layout, id);
  }

  /** Layout in which the reshaped tensor can be stored without moving an element; undefined when there is none. */
  #layoutAfterReshape(x: Activation, dims: readonly number[]): Layout | undefined {
    const from = this.dims(x);
    const candidates = dims.length === 4 ? [channelsLast(4), identity(4)] : [identity(dims.length)];
    if (ordersAlike(from, x.layout, identity(from.length))) {
      return candidates.find((layout) => ordersAlike(dims, layout, identity(dims.length)));
    }
    // Only dimensions of 1 come and go: the others keep their stored order.
    const moving = (d: readonly number[]): number[] => d.flatMap((size, i) => (i === 0 || size !== 1 ? [i] : []));
    const before = moving(from);
    const after = moving(dims);
    if (before.length !== after.length || before.some((axis, i) => from[axis] !== dims[after[i] as number])) {
      return undefined;
    }
    const order = x.layout.filter((a) => before.includes(a)).map((a) => after[before.indexOf(a)] as number);
    const rest = identity(dims.length).filter((a) => !after.includes(a));
    return candidates.find((layout) => ordersAlike(dims, layout, [...order, ...rest])) ?? [...order, ...rest];
  }

  /**
   * A float constant of our graph, made once per key.
   * @param key what it is made of and how
   */
  constant(key: string, name: string, make: () => { shape: Shape; data: Float32Array }): string {
    const known = this.#constants.get(key);
    if (known !== undefined) return known;
    const { shape, data } = make();
    this.spend(data.length);
    const id = this.builder.constant(cleanTensorId(name, 'constant'), shape, data);
    this.#constants.set(key, id);
    return id;
  }

  /** Constant whose axes are exchanged: stored axis k is ONNX axis perm[k]. */
  weights(known: Known, perm: Layout): string {
    const { dims, data } = floatConstant(known);
    return this.constant(`${known.name}|${perm}`, known.name, () => ({
      shape: storedShape(dims, perm),
      data: permute(data, dims, perm),
    }));
  }

  /** Per-channel constant [channels]. @throws Refusal */
  vector(known: Known, channels: number, what: string): string {
    const { dims, data } = floatConstant(known);
    if (data.length !== channels) throw new Refusal(`${what} has the shape [${dims}] for ${channels} channels`);
    return this.constant(`${known.name}|vector`, known.name, () => ({ shape: [channels], data }));
  }

  /** A number as a constant. */
  scalar(value: number): string {
    return this.constant(`scalar ${value}`, 'scalar', () => ({ shape: [1], data: Float32Array.of(value) }));
  }

  spend(values: number): void {
    this.#budget -= values;
    if (this.#budget < 0) fail('E_MODEL_CORRUPT', 'the constants of the ONNX file multiply past what it can hold');
  }

  /** The graph, without what nothing reads any more because a better node was found for it. */
  build(outputs: readonly string[]): Graph {
    const graph = this.builder.build(outputs);
    const needed = neededFor(graph, outputs);
    return {
      ...graph,
      nodes: graph.nodes.filter((node) => node.outputs.some((id) => needed.has(id))),
      tensors: new Map([...graph.tensors].filter(([id]) => needed.has(id) || graph.inputs.includes(id))),
    };
  }
}

export function flatDims(dims: readonly number[]): [number, number] {
  return [dims[0] as number, elementCount(dims.slice(1))];
}

/** @throws Refusal when it holds integers */
export function floatConstant(known: Known): { dims: readonly number[]; data: Float32Array } {
  const { constant } = known;
  if (constant.kind !== 'float') throw new Refusal(`"${known.name}" holds integers where weights belong`);
  return constant;
}
