/** What the ops' `tflite.decode` hooks write to: the nodes of one operator, with the file's ids, types and quantization. */
import { fail } from '../../src/core/errors.js';
import type { GraphBuilder } from '../../src/ir/builder.js';
import { type Attrs, formatShape, type QuantParams, type Shape, sameShape, type Tensor } from '../../src/ir/graph.js';
import type { TensorIds } from '../../src/ir/tensor-id.js';
import type { TfliteOperator, TfliteSink } from '../../src/ops/op-def.js';
import { Refusal } from '../refused-operators.js';

/** Kinds that only move values: their result keeps the quantization of their first input. */
const MOVES_VALUES: ReadonlySet<string> = new Set(['reshape', 'transpose', 'identity', 'slice']);

const FUSED: Readonly<Record<string, string>> = { RELU: 'relu', RELU6: 'relu6', TANH: 'tanh' };

/** The reader's state that all operators share. */
export interface DecodeState {
  readonly builder: GraphBuilder;
  readonly ids: TensorIds;
  /** Adds a constant of the file to the graph when a node first reads it. */
  use(id: string): void;
  /** Marks a tensor of the file as computed. @throws IsplitError E_MODEL_CORRUPT when it was already */
  define(id: string): void;
}

export class OperatorSink implements TfliteSink {
  readonly #op: TfliteOperator;
  readonly #state: DecodeState;

  constructor(op: TfliteOperator, state: DecodeState) {
    this.#op = op;
    this.#state = state;
  }

  emit(kind: string, inputs: readonly string[], attrs: Attrs, output = 0): void {
    const target = this.#output(output);
    this.#state.define(target.id);
    const id = this.#add(kind, inputs, attrs, target.id, target.quant);
    const type = this.#state.builder.type(id);
    // Old converters leave shapes of inner values out; every runtime infers them, and so do we.
    const stated = target.shape.length > 0 || type.shape.length === 0;
    if (type.dtype !== target.dtype || (stated && !sameShape(type.shape, target.shape))) {
      fail(
        'E_SHAPE',
        `the file records ${target.dtype} ${formatShape(target.shape)}, ${kind} gives ${type.dtype} ${formatShape(type.shape)}`,
        { tensor: id, kind },
      );
    }
  }

  inner(kind: string, inputs: readonly string[], attrs: Attrs, suffix: string): string {
    const first = inputs[0];
    const moved = MOVES_VALUES.has(kind) && first !== undefined;
    if (moved) this.#state.use(first);
    const quant = moved ? this.#state.builder.type(first).quant : this.#output(0).quant;
    return this.#add(kind, inputs, attrs, this.#innerId(suffix), quant);
  }

  constant(suffix: string, shape: Shape, data: Float32Array): string {
    return this.#state.builder.constant(this.#innerId(suffix), shape, data);
  }

  emitFused(kind: string, inputs: readonly string[], attrs: Attrs): void {
    const name = String(this.#op.options.fused_activation_function ?? 'NONE');
    const activation = FUSED[name];
    if (name === 'NONE') this.emit(kind, inputs, attrs);
    else if (activation === undefined) this.refuse(`fused activation ${name}`);
    else this.emit(activation, [this.inner(kind, inputs, attrs, 'linear')], {});
  }

  refuse(why: string): never {
    throw new Refusal(why);
  }

  #add(kind: string, inputs: readonly string[], attrs: Attrs, id: string, quant: QuantParams | undefined): string {
    for (const input of inputs) this.#state.use(input);
    return this.#state.builder.op(kind, inputs, attrs, quant ? { id, quant } : { id });
  }

  #output(i: number): Tensor {
    const output = this.#op.outputs[i];
    if (!output) fail('E_MODEL_CORRUPT', `the operator has ${this.#op.outputs.length} outputs, output ${i} is missing`);
    return output;
  }

  #innerId(suffix: string): string {
    return this.#state.ids.unique(`${this.#output(0).id}/${suffix}`);
  }
}
