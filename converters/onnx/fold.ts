/** Operators on values known when the file is read: shape arithmetic, and weights that exporters transpose or rescale. */
import { elementCount } from '../../src/ir/graph.js';
import { permute } from './layout.js';
import type { AttributeEntry, NodeEntry } from './parse.js';
import { type Constant, isReadableType, readTensor } from './tensor-data.js';

type Attributes = ReadonlyMap<string, AttributeEntry>;
type Fold = (inputs: readonly (Constant | undefined)[], attributes: Attributes) => Constant | undefined;

const MAX_INTEGERS = 4096;

function make(kind: Constant['kind'], dims: readonly number[], values: ArrayLike<number>): Constant {
  return kind === 'float'
    ? { kind, dims, data: values instanceof Float32Array ? values : Float32Array.from(values) }
    : { kind, dims, data: values instanceof Float64Array ? values : Float64Array.from(values) };
}

/** Integers of a rank-0 or rank-1 constant. */
export function integers(constant: Constant | undefined): number[] | undefined {
  if (!constant || constant.dims.length > 1 || constant.data.length > MAX_INTEGERS) return undefined;
  return [...constant.data];
}

/** Axes of an operator that takes them as an attribute or, since opset 13, as input 1. */
export function axesOf(inputs: readonly (Constant | undefined)[], attributes: Attributes): number[] | undefined {
  return attributes.has('axes') ? [...(attributes.get('axes') as AttributeEntry).ints] : integers(inputs[1]);
}

/** Dimensions after Reshape, or undefined when they do not fit. */
export function reshapedDims(from: readonly number[], to: readonly number[], allowZero = false): number[] | undefined {
  const total = elementCount(from);
  const dims = to.map((d, i) => (d === 0 && !allowZero ? (from[i] ?? 0) : d));
  const open = dims.indexOf(-1);
  if (open >= 0) {
    const known = elementCount(dims.filter((d) => d !== -1));
    if (known <= 0 || total % known !== 0) return undefined;
    dims[open] = total / known;
  }
  return dims.every((d) => Number.isSafeInteger(d) && d > 0) && elementCount(dims) === total ? dims : undefined;
}

export function squeezedDims(dims: readonly number[], axes: readonly number[] | undefined): number[] | undefined {
  const drop = new Set(
    (axes ?? dims.flatMap((d, i) => (d === 1 ? [i] : []))).map((a) => (a < 0 ? a + dims.length : a)),
  );
  if ([...drop].some((a) => dims[a] !== 1)) return undefined;
  return dims.filter((_, i) => !drop.has(i));
}

export function unsqueezedDims(dims: readonly number[], axes: readonly number[]): number[] | undefined {
  const rank = dims.length + axes.length;
  const added = new Set(axes.map((a) => (a < 0 ? a + rank : a)));
  if (added.size !== axes.length || [...added].some((a) => !(a >= 0 && a < rank))) return undefined;
  let next = 0;
  return Array.from({ length: rank }, (_, i) => (added.has(i) ? 1 : (dims[next++] as number)));
}

function elementwise(f: (a: number, b: number) => number): Fold {
  return ([a, b]) => {
    if (!a || !b || a.kind !== b.kind) return undefined;
    const large = a.data.length >= b.data.length ? a : b;
    const same = a.dims.length === b.dims.length && a.dims.every((d, i) => d === b.dims[i]);
    // Broadcasting a single value is all that shape arithmetic and rescaled weights need.
    if (!same && a.data.length !== 1 && b.data.length !== 1) return undefined;
    const dims = a.dims.length === b.dims.length ? large.dims : a.dims.length > b.dims.length ? a.dims : b.dims;
    if (elementCount(dims) !== large.data.length) return undefined;
    const at = (c: Constant, i: number): number => c.data[c.data.length === 1 ? 0 : i] as number;
    return make(
      a.kind,
      dims,
      Array.from({ length: large.data.length }, (_, i) => f(at(a, i), at(b, i))),
    );
  };
}

const reshapeTo = (x: Constant, dims: number[] | undefined): Constant | undefined => dims && make(x.kind, dims, x.data);

const FOLDS: Readonly<Record<string, Fold>> = {
  Identity: ([x]) => x,
  Dropout: ([x]) => x,
  Cast: ([x], attributes) => {
    const to = attributes.get('to')?.int;
    if (!x || to === undefined) return undefined;
    if ([1, 10, 11].includes(to)) return make('float', x.dims, x.data);
    return [6, 7].includes(to) ? make('int', x.dims, x.data.map(Math.trunc)) : undefined;
  },
  Add: elementwise((a, b) => a + b),
  Sub: elementwise((a, b) => a - b),
  Mul: elementwise((a, b) => a * b),
  Div: (inputs, attributes) =>
    elementwise(inputs[0]?.kind === 'int' ? (a, b) => Math.trunc(a / b) : (a, b) => a / b)(inputs, attributes),
  Floor: ([x]) => x && make(x.kind, x.dims, x.data.map(Math.floor)),
  Ceil: ([x]) => x && make(x.kind, x.dims, x.data.map(Math.ceil)),
  Sqrt: ([x]) => x && make(x.kind, x.dims, x.data.map(Math.sqrt)),
  Neg: ([x]) =>
    x &&
    make(
      x.kind,
      x.dims,
      x.data.map((v) => -v),
    ),
  Reshape: ([x, shape]) => {
    const to = integers(shape);
    return x && to && reshapeTo(x, reshapedDims(x.dims, to));
  },
  Squeeze: (inputs, attributes) => {
    const [x] = inputs;
    return x && reshapeTo(x, squeezedDims(x.dims, axesOf(inputs, attributes)));
  },
  Unsqueeze: (inputs, attributes) => {
    const [x] = inputs;
    const axes = axesOf(inputs, attributes);
    return x && axes && reshapeTo(x, unsqueezedDims(x.dims, axes));
  },
  Transpose: ([x], attributes) => {
    const perm = attributes.get('perm')?.ints ?? x?.dims.map((_, i) => i).reverse();
    if (!x || !perm || !isPermutation(perm, x.dims.length)) return undefined;
    const dims = perm.map((p) => x.dims[p] as number);
    return make(x.kind, dims, permute(x.data, x.dims, perm));
  },
  Concat: (inputs, attributes) => {
    if (inputs.some((x) => x?.dims.length !== 1) || ![0, -1].includes(attributes.get('axis')?.int ?? 0))
      return undefined;
    const parts = inputs as readonly Constant[];
    const kind = parts[0]?.kind;
    const values = parts.flatMap((x) => integers(x) ?? []);
    if (kind === undefined || parts.some((x) => x.kind !== kind) || values.length > MAX_INTEGERS) return undefined;
    return make(kind, [values.length], values);
  },
  Gather: ([x, index], attributes) => {
    const values = integers(x);
    const at = integers(index);
    if (x?.dims.length !== 1 || !values || !at || !index || (attributes.get('axis')?.int ?? 0) !== 0) return undefined;
    const picked = at.map((i) => values[i < 0 ? i + values.length : i]);
    return picked.some((v) => v === undefined) ? undefined : make(x.kind, index.dims, picked as number[]);
  },
  Slice: ([x, starts, ends, axes, steps], attributes) => {
    const start = attributes.get('starts')?.ints ?? integers(starts);
    const end = attributes.get('ends')?.ints ?? integers(ends);
    const along = attributes.get('axes')?.ints ?? integers(axes) ?? [0];
    const step = integers(steps)?.[0] ?? 1;
    if (!x || !start || !end || start.length !== 1 || end.length !== 1 || along.length !== 1) return undefined;
    return slice(x, start[0] as number, end[0] as number, along[0] as number, step);
  },
  ReduceProd: ([x], attributes) => {
    const values = integers(x);
    if (!x || !values) return undefined;
    const product = values.reduce((a, b) => a * b, 1);
    return make(x.kind, (attributes.get('keepdims')?.int ?? 1) === 1 ? x.dims.map(() => 1) : [], [product]);
  },
  ConstantOfShape: ([shape], attributes) => {
    const dims = integers(shape);
    if (!dims || dims.some((d) => d < 0) || elementCount(dims) > MAX_INTEGERS) return undefined;
    const tensor = attributes.get('value')?.tensor;
    const value = tensor && isReadableType(tensor.dataType) && !tensor.external ? readTensor(tensor) : undefined;
    if (tensor && value?.data.length !== 1) return undefined;
    return make(value?.kind ?? 'float', dims, new Array<number>(elementCount(dims)).fill(value?.data[0] ?? 0));
  },
};

/** Whether a node is shape arithmetic, which is read only where its inputs are known. */
export function isFoldable(opType: string): boolean {
  return Object.hasOwn(FOLDS, opType);
}

export function isPermutation(perm: readonly number[], rank: number): boolean {
  return perm.length === rank && new Set(perm).size === rank && perm.every((p) => p >= 0 && p < rank);
}

function slice(x: Constant, start: number, end: number, axis: number, step: number): Constant | undefined {
  const at = axis < 0 ? axis + x.dims.length : axis;
  const size = x.dims[at];
  if (size === undefined || x.data.length > MAX_INTEGERS || (step !== 1 && step !== -1)) return undefined;
  const place = (i: number, low: number, high: number): number => Math.min(Math.max(i < 0 ? i + size : i, low), high);
  const first = step > 0 ? place(start, 0, size) : place(start, 0, size - 1);
  const last = step > 0 ? place(end, 0, size) : place(end, -1, size - 1);
  const picked = Array.from({ length: Math.max((last - first) * step, 0) }, (_, i) => first + i * step);
  const inner = elementCount(x.dims.slice(at + 1));
  const outer = elementCount(x.dims.slice(0, at));
  const values: number[] = [];
  for (let o = 0; o < outer; o++) {
    for (const p of picked) for (let i = 0; i < inner; i++) values.push(x.data[(o * size + p) * inner + i] as number);
  }
  return make(
    x.kind,
    x.dims.map((d, i) => (i === at ? picked.length : d)),
    values,
  );
}

/** The node's only result when all its inputs are known, else undefined. */
export function foldNode(node: NodeEntry, inputs: readonly (Constant | undefined)[]): Constant | undefined {
  const fold = Object.hasOwn(FOLDS, node.opType) ? FOLDS[node.opType] : undefined;
  const missing = node.inputs.some((name, i) => name !== '' && inputs[i] === undefined);
  return !fold || missing || inputs.length === 0 ? undefined : fold(inputs, node.attributes);
}
