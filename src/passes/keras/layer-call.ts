import { fail } from '../../core/errors.js';
import type { GraphBuilder } from '../../ir/builder.js';
import type { Attrs, Shape, Tensor } from '../../ir/graph.js';
import type { Json, LayerConfig } from './layer-config.js';
import type { VariableSpec } from './weights.js';

/** An argument whose tensors are ids of the graph under construction. */
export type Value =
  | { readonly tensor: string }
  | { readonly list: readonly Value[] }
  | { readonly value: Json | undefined };

/** How a constant made of a layer's variable lies in the graph. */
export interface ConstantSpec extends VariableSpec {
  /** Suffix of the constant's id. */
  readonly id: string;
  /** Shape and order in the graph; default: as in the file. */
  readonly layout?: (data: Float32Array) => { readonly shape: Shape; readonly data: Float32Array };
}

/** One call of one layer, while its nodes are added. */
export interface LayerCall {
  readonly config: LayerConfig;
  /** Id the layer's output must get. */
  readonly id: string;
  readonly builder: GraphBuilder;
  /** Every tensor among the arguments, in order. */
  readonly inputs: readonly string[];
  readonly args: readonly Value[];
  readonly kwargs: ReadonlyMap<string, Value>;
  /** Ids of constants made of the layer's variables; a shared layer makes them once. */
  constants(specs: readonly ConstantSpec[]): string[];
}

/** Adds the nodes of one call and returns the id of the output. */
export type EmitLayer = (call: LayerCall) => string;

/** What differs between the programs that wrote, and will run, the same configuration. */
export interface Dialect {
  readonly kerasMajor: 2 | 3;
  /** Bilinear up-sampling samples at pixel centres in Keras, at pixel corners in TF.js. */
  readonly bilinearHalfPixel: boolean;
}

/** Reads a layer's configuration and says how to emit it. @throws IsplitError E_OP_UNSUPPORTED, E_MODEL_CORRUPT */
export type PrepareLayer = (config: LayerConfig, dialect: Dialect) => EmitLayer;

/** The only tensor a layer is called with. */
export function onlyInput(call: LayerCall): string {
  const [x] = call.inputs;
  if (x === undefined || call.inputs.length > 1) {
    call.config.corrupt(`it is called with ${call.inputs.length} tensors instead of one`);
  }
  return x;
}

export function inputType(call: LayerCall): Tensor {
  return call.builder.type(onlyInput(call));
}

/** [height, width, channels] of the input. @throws IsplitError E_SHAPE when it is no picture */
export function imageShape(call: LayerCall): [number, number, number] {
  const { shape } = inputType(call);
  if (shape.length !== 4) {
    const message = `layer "${call.config.layer}" (${call.config.className}) wants [batch, height, width, channels], it gets [${shape}]`;
    fail('E_SHAPE', message, { layer: call.config.layer, shape: [...shape] });
  }
  return [shape[1] as number, shape[2] as number, shape[3] as number];
}

/** Adds a node whose output has the layer's id, or the id with a suffix for inner values. */
export function addNode(
  call: LayerCall,
  kind: string,
  inputs: readonly string[],
  attrs: Attrs = {},
  suffix = '',
): string {
  return call.builder.op(kind, inputs, attrs, { id: suffix === '' ? call.id : `${call.id}/${suffix}` });
}

/** Float32 constant of an inner value. */
export function addConstant(call: LayerCall, suffix: string, shape: Shape, values: ArrayLike<number>): string {
  return call.builder.constant(`${call.id}/${suffix}`, shape, Float32Array.from(values));
}

/** Resolves a possibly negative axis. */
export function resolveAxis(config: LayerConfig, axis: number, rank: number): number {
  const resolved = axis < 0 ? axis + rank : axis;
  if (!Number.isSafeInteger(axis) || resolved < 0 || resolved >= rank) {
    config.corrupt(`axis ${axis} does not exist in a tensor of rank ${rank}`);
  }
  return resolved;
}
