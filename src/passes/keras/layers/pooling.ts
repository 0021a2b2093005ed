import { resolvePads } from '../../../ops/window.js';
import { addNode, imageShape, onlyInput, type PrepareLayer } from '../layer-call.js';

const pool =
  (kind: 'max_pool2d' | 'avg_pool2d'): PrepareLayer =>
  (config) => {
    config.requireChannelsLast();
    const kernelSize = config.pair('pool_size', 1, [2, 2]);
    const strides = config.pair('strides', 1, kernelSize);
    const padding = config.padding();
    return (call) => {
      const [height, width] = imageShape(call);
      const pads = resolvePads(padding, [height, width], kernelSize, strides);
      return addNode(call, kind, [onlyInput(call)], { kernelSize, strides, pads });
    };
  };

const globalPool =
  (kind: 'mean' | 'reduce_max'): PrepareLayer =>
  (config) => {
    config.requireChannelsLast();
    const keepDims = config.bool('keepdims', false);
    return (call) => {
      imageShape(call);
      return addNode(call, kind, [onlyInput(call)], { axes: [1, 2], keepDims });
    };
  };

export const POOLING_LAYERS: Readonly<Record<string, PrepareLayer>> = {
  MaxPooling2D: pool('max_pool2d'),
  AveragePooling2D: pool('avg_pool2d'),
  GlobalAveragePooling2D: globalPool('mean'),
  GlobalMaxPooling2D: globalPool('reduce_max'),
};
