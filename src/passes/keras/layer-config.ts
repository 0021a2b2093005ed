import { fail } from '../../core/errors.js';

export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };
export type JsonObject = { readonly [key: string]: Json };

export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** A layer's own entry of an object: inherited names such as `constructor` are never taken for configuration. */
export function own(object: JsonObject, key: string): Json | undefined {
  return Object.hasOwn(object, key) ? object[key] : undefined;
}

/**
 * Checked access to the configuration of one layer. Values of a wrong type are E_MODEL_CORRUPT; what is legal in Keras but
 * not expressible here is E_OP_UNSUPPORTED. Both name the layer.
 */
export class LayerConfig {
  readonly layer: string;
  readonly className: string;
  readonly #values: JsonObject;

  constructor(layer: string, className: string, values: JsonObject) {
    this.layer = layer;
    this.className = className;
    this.#values = values;
  }

  refuse(why: string, hint?: string): never {
    const message = `layer "${this.layer}" (${this.className}): ${why}`;
    fail('E_OP_UNSUPPORTED', message, { layer: this.layer, className: this.className }, hint);
  }

  corrupt(why: string): never {
    const message = `layer "${this.layer}" (${this.className}): ${why}`;
    fail('E_MODEL_CORRUPT', message, { layer: this.layer, className: this.className });
  }

  raw(key: string): Json | undefined {
    return own(this.#values, key);
  }

  /** The first of these keys that has a value: layers were renamed between Keras versions. */
  any(...keys: string[]): Json | undefined {
    for (const key of keys) {
      const value = this.raw(key);
      if (value !== undefined && value !== null) return value;
    }
    return undefined;
  }

  string(key: string, fallback?: string): string {
    const value = this.any(key) ?? fallback;
    if (typeof value !== 'string') this.corrupt(`${key} must be a string, it is ${show(value)}`);
    return value;
  }

  /** Keras 2 sometimes wrote 0 and 1 for booleans. */
  bool(key: string, fallback: boolean): boolean {
    const value = this.any(key) ?? fallback;
    if (value === 0 || value === 1) return value === 1;
    if (typeof value !== 'boolean') this.corrupt(`${key} must be true or false, it is ${show(value)}`);
    return value;
  }

  number(key: string, fallback?: number): number {
    return this.checkNumber(key, this.any(key) ?? fallback);
  }

  checkNumber(key: string, value: Json | undefined): number {
    if (typeof value !== 'number' || !Number.isFinite(value)) {
      this.corrupt(`${key} must be a number, it is ${show(value)}`);
    }
    return value;
  }

  /** Integer of at least `min`. */
  int(key: string, min: number, fallback?: number): number {
    return this.checkInt(key, this.any(key) ?? fallback, min);
  }

  checkInt(key: string, value: Json | undefined, min: number): number {
    if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < min) {
      this.corrupt(`${key} must be an integer of at least ${min}, it is ${show(value)}`);
    }
    return value;
  }

  /** [vertical, horizontal]; one integer stands for both. */
  pair(key: string, min: number, fallback?: readonly [number, number]): [number, number] {
    const value = this.any(key) ?? fallback;
    if (typeof value === 'number') {
      const both = this.checkInt(key, value, min);
      return [both, both];
    }
    if (!Array.isArray(value) || value.length !== 2) this.corrupt(`${key} must be two integers, it is ${show(value)}`);
    return [this.checkInt(key, value[0] as Json, min), this.checkInt(key, value[1] as Json, min)];
  }

  ints(key: string, min: number, value: Json | undefined = this.any(key)): number[] {
    if (!Array.isArray(value)) this.corrupt(`${key} must be a list of integers, it is ${show(value)}`);
    return value.map((v) => this.checkInt(key, v as Json, min));
  }

  /** Rejects `channels_first`. */
  requireChannelsLast(): void {
    const format = this.any('data_format') ?? 'channels_last';
    if (format !== 'channels_last') this.refuse(`data_format ${show(format)} is not read, only channels_last`);
  }

  padding(): 'same' | 'valid' {
    const padding = this.string('padding', 'valid').toLowerCase();
    if (padding !== 'same' && padding !== 'valid') this.refuse(`padding "${padding}" is not supported`);
    return padding;
  }
}

export function show(value: unknown): string {
  const text = value === undefined ? 'missing' : JSON.stringify(value);
  return text.length > 80 ? `${text.slice(0, 80)}…` : text;
}
