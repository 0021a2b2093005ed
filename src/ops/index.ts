/** The op registry: one line an op. */
import { fail } from '../core/errors.js';
import type { ShapeTable } from '../ir/builder.js';
import type { Attrs } from '../ir/graph.js';
import { add } from './add.js';
import { conv2d } from './conv2d.js';
import { conv2dFilterGrad } from './conv2d-filter-grad.js';
import { conv2dInputGrad } from './conv2d-input-grad.js';
import { dense } from './dense.js';
import { gradCam } from './grad-cam.js';
import { matmul } from './matmul.js';
import { mul } from './mul.js';
import type { OpDef } from './op-def.js';
import { relu } from './relu.js';
import { sum } from './sum.js';

export const OPS = {
  add,
  conv2d,
  conv2d_filter_grad: conv2dFilterGrad,
  conv2d_input_grad: conv2dInputGrad,
  dense,
  grad_cam: gradCam,
  matmul,
  mul,
  relu,
  sum,
} as const;

export type OpKind = keyof typeof OPS;

/** Attributes of a kind. */
export type AttrsOf<K extends OpKind> = (typeof OPS)[K] extends OpDef<infer A> ? A : never;

/** Definition of a kind, with its attributes untyped: what graph walkers use. @throws IsplitError E_OP_UNSUPPORTED */
export function opDef(kind: string): OpDef {
  const def = (OPS as unknown as Readonly<Record<string, OpDef>>)[kind];
  if (def === undefined || !Object.hasOwn(OPS, kind)) fail('E_OP_UNSUPPORTED', `unknown op kind "${kind}"`, { kind });
  return def;
}

/** The registry as `ir` sees it. */
export const SHAPES: ShapeTable = {
  has: (kind) => Object.hasOwn(OPS, kind),
  inferShape: (kind, inputs, attrs: Attrs) => opDef(kind).inferShape(inputs, attrs),
};
