import { resolvePads, samePadding } from '../../../ops/window.js';
import {
  addNode,
  type ConstantSpec,
  type Dialect,
  imageShape,
  inputType,
  type LayerCall,
  onlyInput,
  type PrepareLayer,
} from '../layer-call.js';
import type { Json, LayerConfig } from '../layer-config.js';
import { hwioToOhwi, hwoiToOhwi, transposeMatrix } from '../weight-layout.js';
import { type Activation, prepareActivation } from './activation.js';

interface Window {
  readonly kernel: [number, number];
  readonly strides: [number, number];
  readonly dilations: [number, number];
  readonly padding: 'same' | 'valid';
}

function prepareWindow(config: LayerConfig): Window {
  config.requireChannelsLast();
  const groups = config.int('groups', 1, 1);
  if (groups !== 1) config.refuse(`${groups} groups are not supported, only 1 or a DepthwiseConv2D`);
  return {
    kernel: config.pair('kernel_size', 1),
    strides: config.pair('strides', 1, [1, 1]),
    dilations: config.pair('dilation_rate', 1, [1, 1]),
    padding: config.padding(),
  };
}

/** Attributes of a convolution of the call's (or another) height and width. */
function convAttrs(window: Window, [h, w]: readonly [number, number, ...number[]]) {
  const { kernel, strides, dilations, padding } = window;
  return { strides, dilations, pads: resolvePads(padding, [h, w], kernel, strides, dilations) };
}

function convKernel(id: string, names: readonly string[], shape: [number, number, number, number]): ConstantSpec {
  const [kh, kw, i, o] = shape;
  return { id, names, shape, layout: (data) => ({ shape: [o, kh, kw, i], data: hwioToOhwi(data, shape) }) };
}

/** [kh, kw, channels, multiplier] is already in the order of [1, kh, kw, channels · multiplier]. */
function depthwiseKernel(id: string, [kh, kw, c, m]: [number, number, number, number]): ConstantSpec {
  const names = ['depthwise_kernel', 'kernel'];
  return { id, names, shape: [kh, kw, c, m], layout: (data) => ({ shape: [1, kh, kw, c * m], data }) };
}

export function bias(count: number): ConstantSpec {
  return { id: 'bias', names: ['bias'], shape: [count] };
}

/** Adds a weighted node and the activation behind it. */
export function addActivated(
  call: LayerCall,
  kind: string,
  inputs: readonly string[],
  attrs: Readonly<Record<string, number | readonly number[]>>,
  activation: Activation,
): string {
  const y = addNode(call, kind, inputs, attrs, activation ? 'linear' : '');
  return activation ? activation(call, y) : y;
}

const activationOf = (config: LayerConfig, dialect: Dialect): Activation =>
  prepareActivation(config.raw('activation'), config, dialect);

export const CONVOLUTION_LAYERS: Readonly<Record<string, PrepareLayer>> = {
  Conv2D(config, dialect) {
    const window = prepareWindow(config);
    const filters = config.int('filters', 1);
    const useBias = config.bool('use_bias', true);
    const activation = activationOf(config, dialect);
    return (call) => {
      const image = imageShape(call);
      const kernel = convKernel('kernel', ['kernel'], [...window.kernel, image[2], filters]);
      const weights = call.constants(useBias ? [kernel, bias(filters)] : [kernel]);
      return addActivated(call, 'conv2d', [onlyInput(call), ...weights], convAttrs(window, image), activation);
    };
  },

  DepthwiseConv2D(config, dialect) {
    const window = prepareWindow(config);
    const multiplier = config.int('depth_multiplier', 1, 1);
    const useBias = config.bool('use_bias', true);
    const activation = activationOf(config, dialect);
    return (call) => {
      const image = imageShape(call);
      const kernel = depthwiseKernel('kernel', [...window.kernel, image[2], multiplier]);
      const weights = call.constants(useBias ? [kernel, bias(image[2] * multiplier)] : [kernel]);
      return addActivated(
        call,
        'depthwise_conv2d',
        [onlyInput(call), ...weights],
        convAttrs(window, image),
        activation,
      );
    };
  },

  SeparableConv2D(config, dialect) {
    const window = prepareWindow(config);
    const filters = config.int('filters', 1);
    const multiplier = config.int('depth_multiplier', 1, 1);
    const useBias = config.bool('use_bias', true);
    const activation = activationOf(config, dialect);
    return (call) => {
      const image = imageShape(call);
      const channels = image[2] * multiplier;
      const specs = [
        depthwiseKernel('depthwise_kernel', [...window.kernel, image[2], multiplier]),
        convKernel('pointwise_kernel', ['pointwise_kernel'], [1, 1, channels, filters]),
      ];
      const [depthwise, ...pointwise] = call.constants(useBias ? [...specs, bias(filters)] : specs);
      const inner = [onlyInput(call), depthwise as string];
      const mid = addNode(call, 'depthwise_conv2d', inner, convAttrs(window, image), 'depthwise');
      const one = { strides: [1, 1], dilations: [1, 1], pads: [0, 0, 0, 0] };
      return addActivated(call, 'conv2d', [mid, ...pointwise], one, activation);
    };
  },

  Conv2DTranspose(config, dialect) {
    const window = prepareWindow(config);
    const filters = config.int('filters', 1);
    const useBias = config.bool('use_bias', true);
    const activation = activationOf(config, dialect);
    if (window.dilations.some((d) => d !== 1)) config.refuse('dilated transposed convolutions are not supported');
    const given = config.any('output_padding');
    const outputPadding = given === undefined ? undefined : config.pair('output_padding', 0);
    return (call) => {
      const [height, width, channels] = imageShape(call);
      const vertical = transposedAxis(height, 0);
      const horizontal = transposedAxis(width, 1);
      const shape: [number, number, number, number] = [...window.kernel, filters, channels];
      const [kh, kw] = window.kernel;
      const kernel: ConstantSpec = {
        id: 'kernel',
        names: ['kernel'],
        shape,
        // Keras stores [kh, kw, out, in]: only the outputs move to the front.
        layout: (data) => ({
          shape: [filters, kh, kw, channels],
          data: hwoiToOhwi(data, [kh, kw, filters, channels]),
        }),
      };
      const weights = call.constants(useBias ? [kernel, bias(filters)] : [kernel]);
      const attrs = {
        strides: window.strides,
        dilations: window.dilations,
        pads: [...vertical.pads, ...horizontal.pads],
        outputSize: [vertical.size, horizontal.size],
      };
      return addActivated(call, 'conv2d_transpose', [onlyInput(call), ...weights], attrs, activation);
    };

    /** Output size and cropping of one axis; sizes as in Keras' deconv_output_length. */
    function transposedAxis(input: number, axis: 0 | 1): { size: number; pads: [number, number] } {
      const k = window.kernel[axis];
      const s = window.strides[axis];
      const same = window.padding === 'same';
      const extra = outputPadding?.[axis];
      let size: number;
      if (extra !== undefined) size = (input - 1) * s + k - (same ? 2 * Math.floor(k / 2) : 0) + extra;
      else size = same ? input * s : input * s + Math.max(k - s, 0);
      if (same && Math.ceil(size / s) !== input)
        config.refuse(`output_padding ${extra} with stride ${s} is not supported`);
      return { size, pads: same ? samePadding(size, k, s) : [0, 0] };
    }
  },

  Dense(config, dialect) {
    const units = config.int('units', 1);
    const useBias = config.bool('use_bias', true);
    const activation = activationOf(config, dialect);
    if (config.any('quantization_config', 'lora_rank') !== undefined)
      config.refuse('quantized or LoRA layers are not read');
    return (call) => {
      const features = inputType(call).shape.at(-1) ?? config.corrupt('it is called with a scalar');
      const kernel: ConstantSpec = {
        id: 'kernel',
        names: ['kernel'],
        shape: [features, units],
        layout: (data) => ({ shape: [units, features], data: transposeMatrix(data, features, units) }),
      };
      const weights = call.constants(useBias ? [kernel, bias(units)] : [kernel]);
      return addActivated(call, 'dense', [onlyInput(call), ...weights], {}, activation);
    };
  },
};

/** A list of numbers from a configuration value. */
export function numberList(config: LayerConfig, key: string, value: Json): number[] {
  return (Array.isArray(value) ? value.flat(8) : [value]).map((v) => config.checkNumber(key, v as Json));
}
