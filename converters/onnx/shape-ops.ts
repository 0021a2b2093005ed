/** Operators that move values, join them or reduce axes. */

import { axesOf, isPermutation, reshapedDims, squeezedDims, unsqueezedDims } from './fold.js';
import { channelsLast, identity, type Layout, sameLayout } from './layout.js';
import type { NodeContext, Translate } from './node-context.js';
import { type Activation, flatDims, floatConstant, type Value } from './translator.js';

/** Reshapes input 0; a flattened value is reshaped from its source, whose ONNX order is the same. */
function reshapeInput(n: NodeContext, dims: readonly number[] | undefined): Value {
  const value = n.value(0);
  const from = n.t.dimsOf(value) ?? [];
  if (!dims) return n.refuse(`[${from}] does not take the wanted shape`);
  if (value.kind === 'flattened') {
    return dims.length === 2 && dims[0] === from[0] ? value : n.t.reshape(value.source, dims, n.id);
  }
  return n.t.reshape(n.activation(0), dims, n.id);
}

const reshape: Translate = (n) => {
  const to = n.ints('shape') ?? n.integers(1, 'the shape') ?? n.refuse('the shape is missing');
  const from = n.t.dimsOf(n.value(0)) ?? [];
  return reshapeInput(n, reshapedDims(from, to, n.int('allowzero', 0) === 1));
};

const flatten: Translate = (n) => {
  const from = n.t.dimsOf(n.value(0)) ?? [];
  const given = n.int('axis', 1);
  const axis = given < 0 ? given + from.length : given;
  if (axis !== 1) return n.refuse(`axis ${given}, which merges the batch with other dimensions`);
  return reshapeInput(n, flatDims(from));
};

/** Axes given as an attribute or as input 1. */
function axes(n: NodeContext): number[] | undefined {
  const second = n.known(1, 'the axes');
  return axesOf([undefined, second?.constant], n.node.attributes);
}

const squeeze: Translate = (n) => {
  const from = n.t.dimsOf(n.value(0)) ?? [];
  const given = axes(n);
  const list = given?.length ? given.map((a) => n.axis(a, from.length)) : from.flatMap((d, i) => (d === 1 ? [i] : []));
  // "All dimensions of 1" includes a batch of one; the network is meant to keep its batch.
  if (list.includes(0)) return n.refuse('it removes the batch');
  return reshapeInput(n, squeezedDims(from, list));
};

const unsqueeze: Translate = (n) => {
  const from = n.t.dimsOf(n.value(0)) ?? [];
  return reshapeInput(n, unsqueezedDims(from, axes(n) ?? n.refuse('the axes are missing')));
};

/** Only the bookkeeping changes: the values stay as they are stored. */
const transpose: Translate = (n) => {
  const x = n.activation(0);
  const rank = x.layout.length;
  const perm = n.ints('perm') ?? identity(rank).reverse();
  if (!isPermutation(perm, rank)) return n.refuse(`perm [${perm}] for rank ${rank}`);
  if (perm[0] !== 0) return n.refuse(`perm [${perm}] moves the batch`);
  return { kind: 'activation', id: x.id, layout: x.layout.map((axis) => perm.indexOf(axis)) };
};

const concat: Translate = (n) => {
  const values = n.node.inputs.map((_, i) => n.value(i));
  const tensors = values.map((v, i) => (v.kind === 'known' ? undefined : n.activation(i)));
  const first = tensors.find((x) => x !== undefined) ?? n.refuse('all inputs are constants');
  const rank = first.layout.length;
  const axis = n.axis(n.int('axis', 0), rank);
  if (axis === 0) n.refuse('it joins batches');
  const usual = channelsLast(Math.max(rank, 2));
  const layout = tensors.some((x) => x && sameLayout(x.layout, usual)) ? usual : first.layout;
  const ids = tensors.map((x, i) => {
    if (x) return x.layout.length === rank ? n.t.inLayout(x, layout).id : n.refuse('inputs of different ranks');
    return constantInLayout(n, i, layout);
  });
  return n.t.emit('concat', ids, { axis: layout.indexOf(axis) }, layout, n.id);
};

function constantInLayout(n: NodeContext, i: number, layout: Layout): string {
  const known = n.weight(i, 'the constant');
  const { dims } = floatConstant(known);
  if (dims.length !== layout.length) n.refuse(`input ${i} is a constant of the shape [${dims}]`);
  return n.t.weights(known, layout);
}

const pad: Translate = (n) => {
  const mode = n.string('mode', 'constant');
  if (mode !== 'constant') return n.refuse(`padding mode ${mode}`);
  const x = n.activation(0);
  const rank = x.layout.length;
  const pads = n.ints('pads') ?? n.integers(1, 'the padding') ?? n.refuse('the padding is missing');
  const value = n.number('value', 2) ?? 0;
  const list = (n.integers(3, 'the axes') ?? identity(rank)).map((a) => n.axis(a, rank));
  if (pads.length !== 2 * list.length) n.refuse(`${pads.length} paddings for ${list.length} axes`);
  if (pads.some((p) => p < 0)) n.refuse(`negative padding [${pads}]`);
  const paddings = x.layout.flatMap((axis) => {
    const i = list.indexOf(axis);
    return i < 0 ? [0, 0] : [pads[i] as number, pads[i + list.length] as number];
  });
  if (paddings.every((p) => p === 0)) return x;
  if (paddings[2 * x.layout.indexOf(0)] || paddings[2 * x.layout.indexOf(0) + 1]) n.refuse('it pads the batch');
  return n.t.emit('pad', [x.id], { paddings, value }, x.layout, n.id);
};

function reduce(n: NodeContext, kind: 'mean' | 'reduce_max'): Activation {
  const x = n.activation(0);
  const rank = x.layout.length;
  const given = axes(n);
  if (!given?.length && n.int('noop_with_empty_axes', 0) === 1) return x;
  const reduced = (given?.length ? given : identity(rank)).map((a) => n.axis(a, rank));
  if (reduced.includes(0)) n.refuse('it reduces the batch');
  const stored = x.layout.flatMap((axis, k) => (reduced.includes(axis) ? [k] : []));
  const keepDims = n.int('keepdims', 1) === 1;
  if (keepDims) return n.t.emit(kind, [x.id], { axes: stored, keepDims }, x.layout, n.id);
  const left = identity(rank).filter((axis) => !reduced.includes(axis));
  const layout = x.layout.filter((axis) => left.includes(axis)).map((axis) => left.indexOf(axis));
  return n.t.emit(kind, [x.id], { axes: stored, keepDims }, layout, n.id);
}

/** Expand and Tile that change nothing. */
const expand: Translate = (n) => {
  const from = n.t.dimsOf(n.value(0)) ?? [];
  const to = n.integers(1, 'the shape') ?? [];
  const tile = n.node.opType === 'Tile';
  const same = tile
    ? to.every((d) => d === 1)
    : to.length <= from.length && to.every((d, i) => d === 1 || d === from[i + from.length - to.length]);
  return same ? n.value(0) : n.refuse(`it repeats values ([${from}] by [${to}])`);
};

const shape: Translate = (n) => {
  const dims = n.t.dimsOf(n.value(0)) ?? [];
  const part = dims.slice(n.int('start', 0), n.node.attributes.get('end')?.int ?? dims.length);
  return {
    kind: 'known',
    name: n.id,
    constant: { kind: 'int', dims: [part.length], data: Float64Array.from(part) },
  };
};

export const SHAPE_OPS: Readonly<Record<string, Translate>> = {
  Concat: concat,
  Expand: expand,
  Flatten: flatten,
  Pad: pad,
  ReduceMax: (n) => reduce(n, 'reduce_max'),
  ReduceMean: (n) => reduce(n, 'mean'),
  Reshape: reshape,
  Shape: shape,
  Squeeze: squeeze,
  Tile: expand,
  Transpose: transpose,
  Unsqueeze: unsqueeze,
};
