import type * as tfjs from '@tensorflow/tfjs-core';
import { dims4 } from './checks.js';
import { prepareInt8ResizeNearest } from './int8-windows.js';
import {
  decodeResize,
  encodeResize,
  inferResize,
  nearestIndices,
  nearestMap,
  onnxSizes,
  RESIZE_ON_EDGE_TPU,
  type ResizeAttrs,
  resizeMaps,
  wholeRepetition,
} from './interpolation.js';
import { LATER, type OpDef, type RefTensor } from './op-def.js';
import { referenceSeparable } from './separable.js';

/** Nearest-neighbour resize: [N, H, W, C] → [N, size, C]. */
export const resizeNearest: OpDef<ResizeAttrs> = {
  kind: 'resize_nearest',
  summary: 'nearest-neighbour resize of height and width, corners aligned or not, half-pixel centres or not',
  role: 'network',

  inferShape: (inputs, attrs) => inferResize('resize_nearest', inputs, attrs),
  macs: () => 0,
  reference: ([x], attrs) => [referenceSeparable(x as RefTensor, ...resizeMaps(nearestMap, x as RefTensor, attrs))],

  vjp(sink, { inputs, attrs, gradients }) {
    const [, h, w] = dims4(sink.type(inputs[0] as string));
    const { alignCorners, halfPixelCenters } = attrs;
    return [
      sink.op('resize_nearest_grad', [gradients[0] as string], { inputSize: [h, w], alignCorners, halfPixelCenters }),
    ];
  },

  toOnnx(e, attrs) {
    const [, h, w] = dims4(e.inputType(0));
    const rows = nearestIndices(h, attrs.size[0], attrs);
    const columns = nearestIndices(w, attrs.size[1], attrs);
    if (wholeRepetition(rows, h) && wholeRepetition(columns, w)) {
      return [
        e.add('Resize', [e.input(0), '', '', onnxSizes(e, attrs)], {
          mode: { string: 'nearest' },
          coordinate_transformation_mode: { string: 'asymmetric' },
          nearest_mode: { string: 'floor' },
        }),
      ];
    }
    // Runtimes round positions differently; picking rows and columns by number leaves nothing to round.
    const picked = e.add('Gather', [e.input(0), e.int64s([...rows])], { axis: { int: 2 } });
    return [e.add('Gather', [picked, e.int64s([...columns])], { axis: { int: 3 } })];
  },

  toTfjs(tf, [x], attrs) {
    const [, h, w] = dims4(x);
    const pick = (t: tfjs.Tensor, indices: Int32Array, axis: number): tfjs.Tensor =>
      tf.gather(t, tf.tensor1d(indices, 'int32'), axis);
    const rows = pick(x as tfjs.Tensor, nearestIndices(h, attrs.size[0], attrs), 1);
    return [pick(rows, nearestIndices(w, attrs.size[1], attrs), 2)];
  },

  toTfjsGraph(e, attrs) {
    const [, h, w] = dims4(e.inputType(0));
    const rows = nearestIndices(h, attrs.size[0], attrs);
    const columns = nearestIndices(w, attrs.size[1], attrs);
    if (wholeRepetition(rows, h) && wholeRepetition(columns, w)) {
      const plain = { align_corners: { bool: false }, half_pixel_centers: { bool: false } };
      return [e.add('ResizeNearestNeighbor', [e.input(0), e.int32s('size', [2], attrs.size)], plain)];
    }
    const pick = (x: string, indices: Int32Array, axis: number): string => {
      const list = e.int32s(`indices_${axis}`, [indices.length], [...indices]);
      return e.add('GatherV2', [x, list, e.int32s(`axis_${axis}`, [], [axis])], { batch_dims: { int: 0 } });
    };
    return [pick(pick(e.input(0), rows, 1), columns, 2)];
  },

  tflite: {
    decode: { RESIZE_NEAREST_NEIGHBOR: (op, sink) => decodeResize('resize_nearest', op, sink) },
    encode: encodeResize('RESIZE_NEAREST_NEIGHBOR'),
  },
  int8: { output: 'as-inputs', prepare: prepareInt8ResizeNearest },
  emitC: LATER.emitC,
  edgeTpu: RESIZE_ON_EDGE_TPU,
};
