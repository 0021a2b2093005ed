/** What the translation of one ONNX node sees. */
import { Refusal } from '../refused-operators.js';
import { integers } from './fold.js';
import type { NodeEntry } from './parse.js';
import type { Activation, Known, Translator, Value } from './translator.js';

export class NodeContext {
  readonly node: NodeEntry;
  readonly t: Translator;
  /** Opset of the file. */
  readonly opset: number;
  /** Id for the node's first output. */
  readonly id: string;
  readonly #readCounts: ReadonlyMap<string, number>;

  constructor(node: NodeEntry, t: Translator, opset: number, id: string, readCounts: ReadonlyMap<string, number>) {
    this.#readCounts = readCounts;
    this.node = node;
    this.t = t;
    this.opset = opset;
    this.id = id;
  }

  has(i: number): boolean {
    return (this.node.inputs[i] ?? '') !== '';
  }

  /** How often input i is read in the whole file, as an output of the network too. */
  reads(i: number): number {
    return this.#readCounts.get(this.node.inputs[i] ?? '') ?? 0;
  }

  value(i: number): Value {
    const value = this.has(i) ? this.t.values.get(this.node.inputs[i] as string) : undefined;
    if (!value) throw new Refusal(`input ${i} is missing`);
    return value;
  }

  /** Input i as a tensor of our graph. @throws Refusal when it is a constant */
  activation(i: number): Activation {
    const value = this.value(i);
    if (value.kind === 'activation') return value;
    if (value.kind === 'flattened') return this.t.materialise(value);
    throw new Refusal(`input ${i} ("${this.node.inputs[i]}") is a constant`);
  }

  /** Input i, which must be known when the file is read; undefined when it is absent. @throws Refusal */
  known(i: number, what: string): Known | undefined {
    if (!this.has(i)) return undefined;
    const value = this.value(i);
    if (value.kind !== 'known') throw new Refusal(`${what} must be known when the file is read`);
    return value;
  }

  weight(i: number, what: string): Known {
    return this.known(i, what) ?? this.refuse(`${what} is missing`);
  }

  /** Integers of input i; undefined when it is absent. */
  integers(i: number, what: string): number[] | undefined {
    const known = this.known(i, what);
    return known && (integers(known.constant) ?? this.refuse(`${what} is no list of numbers`));
  }

  /** A single number, from an attribute or from input i; undefined when both are absent. */
  number(attribute: string, i: number): number | undefined {
    const known = this.known(i, attribute);
    if (known && known.constant.data.length !== 1) this.refuse(`${attribute} is not one number`);
    return known ? known.constant.data[0] : this.node.attributes.get(attribute)?.float;
  }

  int(name: string, fallback: number): number {
    return this.node.attributes.get(name)?.int ?? fallback;
  }

  float(name: string, fallback: number): number {
    return this.node.attributes.get(name)?.float ?? fallback;
  }

  string(name: string, fallback: string): string {
    return this.node.attributes.get(name)?.string ?? fallback;
  }

  ints(name: string): readonly number[] | undefined {
    return this.node.attributes.get(name)?.ints;
  }

  /** Axis in 0 … rank − 1. @throws Refusal */
  axis(axis: number, rank: number): number {
    const a = axis < 0 ? axis + rank : axis;
    if (!Number.isInteger(a) || a < 0 || a >= rank) throw new Refusal(`axis ${axis} is outside rank ${rank}`);
    return a;
  }

  /** Dimensions of a rank-4 activation [N, C, H, W]. @throws Refusal */
  rank4(x: Activation): [number, number, number, number] {
    const dims = this.t.dims(x);
    if (dims.length !== 4) throw new Refusal(`its input has rank ${dims.length}; only two spatial dimensions are read`);
    return dims as [number, number, number, number];
  }

  refuse(why: string): never {
    throw new Refusal(why);
  }
}

/** Translates a node and returns the value of its first output. */
export type Translate = (n: NodeContext) => Value;
