import { elementCount } from '../../src/ir/graph.js';
import {
  addNode,
  type ConstantValue,
  constantInts,
  type GraphBuild,
  type Handler,
  type HandlerResult,
  rankOf,
  resolveAxis,
} from './graph-build.js';
import type { GraphNode } from './graph-node.js';

/** Reshape to `target`, where the batch is the first dimension and one entry may be −1. */
function addReshape(build: GraphBuild, node: GraphNode, x: string, target: readonly number[]): { tensor: string } {
  const elements = elementCount(build.builder.type(x).shape);
  const [batch, ...rest] = target;
  const holes = target.filter((d) => d === -1).length;
  const known = rest.reduce((n, d) => (d === -1 ? n : n * d), 1);
  if (batch === undefined || (batch !== 1 && batch !== -1))
    node.refuse(`a reshape to [${target}] does not keep the batch`);
  if (holes > 1 || known < 1 || elements % known !== 0)
    node.corrupt(`${elements} values cannot take the shape [${target}]`);
  const inner = rest.map((d) => (d === -1 ? elements / known : d));
  if (elementCount(inner) !== elements) node.refuse(`a reshape to [${target}] does not keep the batch`);
  return { tensor: addNode(build, node, 'reshape', [x], { shape: [-1, ...inner] }) };
}

function reshapeConstant(node: GraphNode, { data }: ConstantValue, target: readonly number[]): HandlerResult {
  const known = target.reduce((n, d) => (d === -1 ? n : n * d), 1);
  const shape = target.map((d) => (d === -1 ? data.length / known : d));
  const fits = shape.every((d) => Number.isSafeInteger(d) && d >= 0) && elementCount(shape) === data.length;
  if (!fits) node.corrupt(`${data.length} values cannot take the shape [${target}]`);
  return { constant: { shape, data } };
}

const reshape: Handler = (node, build) => {
  const target = constantInts(build, node, 1, 'the shape');
  const constant = build.constantOf(node, 0);
  if (constant) return reshapeConstant(node, constant, target);
  return addReshape(build, node, build.tensor(node, 0), target);
};

const squeeze: Handler = (node, build) => {
  const x = build.tensor(node, 0);
  const { shape } = build.builder.type(x);
  const listed = node.ints('axis').map((axis) => resolveAxis(node, axis, shape.length));
  const axes = listed.length > 0 ? listed : shape.flatMap((d, i) => (d === 1 && i > 0 ? [i] : []));
  if (axes.includes(0)) node.refuse('squeezing the batch is not supported');
  if (axes.some((axis) => shape[axis] !== 1)) node.corrupt(`axes [${axes}] of [${shape}] are not all 1`);
  return addReshape(build, node, x, [-1, ...shape.slice(1).filter((_, i) => !axes.includes(i + 1))]);
};

const expandDims: Handler = (node, build) => {
  const x = build.tensor(node, 0);
  const { shape } = build.builder.type(x);
  const [axis] = constantInts(build, node, 1, 'the axis');
  const at = resolveAxis(node, axis ?? node.corrupt('it has no axis'), shape.length + 1);
  if (at === 0) node.refuse('a dimension before the batch is not supported');
  return addReshape(build, node, x, [-1, ...shape.slice(1, at), 1, ...shape.slice(at)]);
};

const transpose: Handler = (node, build) => {
  const x = build.tensor(node, 0);
  return { tensor: addNode(build, node, 'transpose', [x], { perm: constantInts(build, node, 1, 'the permutation') }) };
};

const slice: Handler = (node, build) => {
  const x = build.tensor(node, 0);
  const { shape } = build.builder.type(x);
  const begin = constantInts(build, node, 1, 'where it begins');
  const size = constantInts(build, node, 2, 'its size');
  if (begin[0] !== 0 || (size[0] !== -1 && size[0] !== shape[0])) node.refuse('slicing the batch is not supported');
  return { tensor: addNode(build, node, 'slice', [x], { begin, size: [-1, ...size.slice(1)] }) };
};

const pad: Handler = (node, build) => {
  const x = build.tensor(node, 0);
  const paddings = constantInts(build, node, 1, 'the paddings');
  const value = node.op === 'PadV2' ? (build.requireConstant(node, 2, 'the value').data[0] ?? 0) : 0;
  return { tensor: addNode(build, node, 'pad', [x], { paddings, value }) };
};

/** Shapes have a handful of numbers; nodes that join one another's results could double them without end. */
const MAX_JOINED = 1024;

function joinConstants(node: GraphNode, parts: readonly ConstantValue[]): HandlerResult {
  const count = parts.reduce((n, part) => n + part.data.length, 0);
  if (count > MAX_JOINED) node.refuse(`it joins ${count} constant values, at most ${MAX_JOINED} are`);
  return vector(parts.flatMap((part) => Array.from(part.data)));
}

const concat: Handler = (node, build) => {
  const last = node.inputs.length - 1;
  const [axis] = constantInts(build, node, last, 'the axis');
  const parts = node.inputs.slice(0, last).map((_, i) => i);
  const constants = parts.map((i) => build.constantOf(node, i));
  if (parts.length > 0 && constants.every((c) => c !== undefined && c.shape.length === 1)) {
    return joinConstants(node, constants as readonly ConstantValue[]);
  }
  const inputs = parts.map((i) => build.tensor(node, i));
  const first = inputs[0] ?? node.corrupt('it joins nothing');
  const resolved = resolveAxis(node, axis ?? node.corrupt('it has no axis'), rankOf(build, first));
  return { tensor: addNode(build, node, 'concat', inputs, { axis: resolved }) };
};

const reduce =
  (kind: 'mean' | 'reduce_max' | 'sum'): Handler =>
  (node, build) => {
    const x = build.tensor(node, 0);
    const rank = rankOf(build, x);
    const axes = constantInts(build, node, 1, 'the axes').map((axis) => resolveAxis(node, axis, rank));
    if (axes.includes(0)) node.refuse('a reduction over the batch is not supported');
    const keepDims = node.flag('keepDims');
    return { tensor: addNode(build, node, kind, [x], { axes: axes.sort((a, b) => a - b), keepDims }) };
  };

const resize =
  (kind: 'resize_bilinear' | 'resize_nearest'): Handler =>
  (node, build) => {
    const x = build.tensor(node, 0);
    const size = constantInts(build, node, 1, 'the size');
    const alignCorners = node.flag('alignCorners');
    const halfPixelCenters = node.flag('halfPixelCenters');
    return { tensor: addNode(build, node, kind, [x], { size, alignCorners, halfPixelCenters }) };
  };

const vector = (data: readonly number[]): { constant: ConstantValue } => ({
  constant: { shape: [data.length], data: Float32Array.from(data) },
});

/** Shapes are fixed here, so what networks compute from shapes (to reshape by) is known while reading. */
const shapeOf: Handler = (node, build) => {
  const constant = build.constantOf(node, 0);
  return vector(constant ? [...constant.shape] : [...build.builder.type(build.tensor(node, 0)).shape]);
};

const stridedSlice: Handler = (node, build) => {
  const value = build.requireConstant(node, 0, 'slicing of activations is not supported; the value');
  const [begin, end, stride] = [1, 2, 3].map((i) => constantInts(build, node, i, 'a slice bound')[0]);
  const masks = ['ellipsisMask', 'newAxisMask'].some((param) => node.int(param) !== 0);
  if (value.shape.length !== 1 || begin === undefined || end === undefined || stride !== 1 || masks) {
    node.refuse('only plain slices of shapes are supported');
  }
  const from = node.int('beginMask') & 1 ? undefined : begin;
  const to = node.int('endMask') & 1 ? undefined : end;
  if (node.int('shrinkAxisMask') & 1) {
    return {
      constant: {
        shape: [],
        data: Float32Array.of(value.data.at(begin as number) ?? node.corrupt('it slices nothing')),
      },
    };
  }
  return vector(Array.from(value.data.slice(from, to)));
};

const pack: Handler = (node, build) =>
  joinConstants(
    node,
    node.inputs.map((_, i) => build.requireConstant(node, i, 'stacking activations is not supported; a part')),
  );

const prod: Handler = (node, build) => {
  const { data } = build.requireConstant(node, 0, 'the product of activations is not supported; the value');
  return { constant: { shape: [], data: Float32Array.of(data.reduce((n, d) => n * d, 1)) } };
};

const cast: Handler = (node, build) => {
  const constant = build.constantOf(node, 0);
  return constant ? { constant } : { tensor: build.tensor(node, 0) };
};

export const SHAPE_OPS: Readonly<Record<string, Handler>> = {
  Cast: cast,
  ConcatV2: concat,
  ExpandDims: expandDims,
  Max: reduce('reduce_max'),
  Mean: reduce('mean'),
  Pack: pack,
  Pad: pad,
  PadV2: pad,
  Prod: prod,
  Reshape: reshape,
  ResizeBilinear: resize('resize_bilinear'),
  ResizeNearestNeighbor: resize('resize_nearest'),
  Shape: shapeOf,
  Slice: slice,
  Squeeze: squeeze,
  StridedSlice: stridedSlice,
  Sum: reduce('sum'),
  Transpose: transpose,
};
