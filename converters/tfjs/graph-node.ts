import { fail } from '../../src/core/errors.js';
import { isObject, type Json, own } from '../../src/passes/keras/index.js';
import { type NodeRef, parseRef } from './graph-check.js';
import type { ConverterNode } from './graph-model-loader.js';

/**
 * Checked access to a node of TF.js's converter. Parameters are called as TF.js calls them (`dataFormat`), attributes as
 * TensorFlow does (`data_format`).
 */
export class GraphNode {
  readonly name: string;
  readonly op: string;
  readonly inputs: readonly NodeRef[];
  /** Names of the nodes that read this one, once for each time they do. */
  readonly readers: readonly string[];
  readonly #node: ConverterNode;

  constructor(node: ConverterNode) {
    this.name = node.name;
    this.op = node.op;
    this.inputs = node.inputNames.map(parseRef);
    this.readers = node.children.map((child) => child.name);
    this.#node = node;
  }

  /** @throws IsplitError E_OP_UNSUPPORTED */
  refuse(why: string): never {
    fail('E_OP_UNSUPPORTED', `node "${this.name}" (${this.op}): ${why}`, { node: this.name, op: this.op });
  }

  /** @throws IsplitError E_MODEL_CORRUPT */
  corrupt(why: string): never {
    fail('E_MODEL_CORRUPT', `node "${this.name}" (${this.op}): ${why}`, { node: this.name, op: this.op });
  }

  /** Text in lower case. */
  text(param: string, fallback: string): string {
    const value = this.#param(param) ?? fallback;
    // The converter's own defaults are not in lower case.
    return typeof value === 'string' ? value.toLowerCase() : this.corrupt(`${param} is no text`);
  }

  /** Texts in lower case; none when the op has no such parameter. */
  texts(param: string): readonly string[] {
    const value = this.#param(param) ?? [];
    const good = Array.isArray(value) && value.every((entry) => typeof entry === 'string');
    return good ? (value as readonly string[]) : this.corrupt(`${param} is no list of texts`);
  }

  flag(param: string): boolean {
    const value = this.#param(param) ?? false;
    return typeof value === 'boolean' ? value : this.corrupt(`${param} is no boolean`);
  }

  number(param: string, fallback?: number): number {
    const value = this.#param(param) ?? fallback;
    return typeof value === 'number' && Number.isFinite(value) ? value : this.corrupt(`${param} is no number`);
  }

  int(param: string): number {
    const value = this.number(param);
    return Number.isSafeInteger(value) ? value : this.corrupt(`${param} is ${value}`);
  }

  ints(param: string): readonly number[] {
    const value = this.#param(param) ?? [];
    const good = Array.isArray(value) && value.every((entry) => Number.isSafeInteger(entry));
    return good ? (value as readonly number[]) : this.corrupt(`${param} is no list of integers`);
  }

  /** Dimensions of a shape, −1 where unknown; undefined when there is none or its rank is unknown. */
  shape(param: string): readonly number[] | undefined {
    const value = this.#param(param);
    if (value === undefined) return undefined;
    if (!Array.isArray(value)) return this.corrupt(`${param} is no shape`);
    return value.map((size: unknown) => (Number.isSafeInteger(size) ? (size as number) : -1));
  }

  /** A boolean attribute that TF.js does not read. */
  rawFlag(attr: string): boolean | undefined {
    const value = this.#raw(attr, 'b');
    return typeof value === 'boolean' ? value : undefined;
  }

  /** A number attribute that TF.js does not read. */
  rawNumber(attr: string): number | undefined {
    const value = this.#raw(attr, 'f');
    return typeof value === 'number' ? value : undefined;
  }

  #param(name: string): unknown {
    return Object.hasOwn(this.#node.attrParams, name) ? this.#node.attrParams[name]?.value : undefined;
  }

  #raw(name: string, field: string): Json | undefined {
    const attr = Object.hasOwn(this.#node.rawAttrs, name) ? this.#node.rawAttrs[name] : undefined;
    return isObject(attr) ? own(attr, field) : undefined;
  }
}
