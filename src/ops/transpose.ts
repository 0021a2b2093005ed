import type * as tfjs from '@tensorflow/tfjs-core';
import type { Shape, TensorType } from '../ir/graph.js';
import { rowMajorSteps, walkStrided } from '../ir/strided-walk.js';
import { requireInputs, shapeError } from './checks.js';
import { prepareInt8Transpose } from './int8-moves.js';
import { LATER, type OpDef, type RefTensor, unsupported } from './op-def.js';
import { inputIdsOf, versionSinceInt8 } from './tflite-encode.js';

export interface TransposeAttrs {
  /** Output axis i is input axis perm[i]. */
  readonly perm: readonly number[];
}

/** Exchanges axes. */
export const transpose: OpDef<TransposeAttrs> = {
  kind: 'transpose',
  summary: 'exchanges axes',
  role: 'network',

  inferShape(inputs, attrs) {
    requireInputs('transpose', inputs, 1);
    const { shape, dtype } = inputs[0] as TensorType;
    const { perm } = attrs;
    if (!Array.isArray(perm) || perm.length !== shape.length || shape.some((_, i) => !perm.includes(i))) {
      shapeError('transpose', `attribute perm must order the axes 0 to ${shape.length - 1}, got [${perm}]`, inputs);
    }
    return [{ shape: perm.map((p: number) => shape[p] as number), dtype }];
  },
  macs: () => 0,
  reference: ([x], attrs) => [permute(x as RefTensor, attrs.perm)],
  vjp: (sink, { attrs, gradients }) => [sink.op('transpose', [gradients[0] as string], { perm: invert(attrs.perm) })],
  toOnnx(e, { perm }) {
    const rank = perm.length;
    // Physical position → graph axis of the output, then → physical position in the input.
    const graphAxis = invert(perm.map((_, i) => e.axis(rank, i)));
    const ints = graphAxis.map((a) => e.axis(rank, perm[a] as number));
    return [e.add('Transpose', [e.input(0)], { perm: { ints } })];
  },
  toTfjs: (tf, [x], attrs) => [tf.transpose(x as tfjs.Tensor, [...attrs.perm])],
  toTfjsGraph: (e, { perm }) => [e.add('Transpose', [e.input(0), e.int32s('perm', [perm.length], perm)])],
  tflite: {
    decode: {
      TRANSPOSE(op, sink) {
        const [x, perm] = op.inputs;
        if (!x || !perm) return sink.refuse('TRANSPOSE lacks its input or permutation');
        if (!perm.data) return sink.refuse('TRANSPOSE computes its permutation at run time');
        sink.emit('transpose', [x.id], { perm: [...perm.data] });
      },
    },
    encode(e, attrs) {
      const rank = attrs.perm.length;
      return {
        builtin: 'TRANSPOSE',
        version: rank > 6 ? 8 : rank > 5 ? 6 : rank > 4 ? 4 : versionSinceInt8(e),
        options: {},
        inputs: [...inputIdsOf(e), e.int32s('perm', [rank], attrs.perm)],
      };
    },
  },
  int8: { output: 'as-inputs', prepare: prepareInt8Transpose },
  emitC: LATER.emitC,
  edgeTpu: unsupported('the Edge TPU compiler does not map TRANSPOSE'),
};

/** Inverse of a permutation. */
function invert(perm: readonly number[]): number[] {
  const inverse = new Array<number>(perm.length);
  perm.forEach((p, i) => {
    inverse[p] = i;
  });
  return inverse;
}

function permute(x: RefTensor, perm: readonly number[]): Float64Array {
  const strides = rowMajorSteps(x.shape);
  const shape: Shape = perm.map((p) => x.shape[p] as number);
  const y = new Float64Array(x.data.length);
  const steps = perm.map((p) => strides[p] as number);
  walkStrided(shape, steps, 0, (position, place) => {
    y[position] = x.data[place] as number;
  });
  return y;
}
