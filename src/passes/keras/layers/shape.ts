import { elementCount } from '../../../ir/graph.js';
import { addNode, imageShape, inputType, type LayerCall, onlyInput, type PrepareLayer } from '../layer-call.js';
import { type Json, type LayerConfig, show } from '../layer-config.js';

/** Reshape to [batch, …target], where one entry of the target may be −1. */
export function addReshape(call: LayerCall, config: LayerConfig, x: string, target: readonly number[]): string {
  const elements = elementCount(call.builder.type(x).shape.slice(1));
  const known = target.reduce((n, d) => (d === -1 ? n : n * d), 1);
  const holes = target.filter((d) => d === -1).length;
  if (holes > 1 || known < 1 || (holes === 1 ? elements % known !== 0 : elements !== known)) {
    config.corrupt(`${elements} values cannot take the shape [${target}]`);
  }
  return addNode(call, 'reshape', [x], { shape: [-1, ...target.map((d) => (d === -1 ? elements / known : d))] });
}

/** [[top, bottom], [left, right]]; numbers stand for both sides. */
function borders(config: LayerConfig, value: Json | undefined): [[number, number], [number, number]] {
  const list = typeof value === 'number' ? [value, value] : value;
  if (!Array.isArray(list) || list.length !== 2) config.corrupt(`padding is ${show(value)}`);
  return list.map((side) => {
    const two = typeof side === 'number' ? [side, side] : config.ints('padding', 0, side as Json);
    if (two.length !== 2) config.corrupt(`padding is ${show(value)}`);
    return two.map((v) => config.checkInt('padding', v, 0));
  }) as [[number, number], [number, number]];
}

function resize(config: LayerConfig, interpolation: string, halfPixelCenters: { nearest: boolean; bilinear: boolean }) {
  if (interpolation !== 'nearest' && interpolation !== 'bilinear') {
    config.refuse(`interpolation "${interpolation}" is not supported, only nearest and bilinear`);
  }
  return (call: LayerCall, size: readonly number[]): string =>
    addNode(call, `resize_${interpolation}`, [onlyInput(call)], {
      size,
      alignCorners: false,
      halfPixelCenters: halfPixelCenters[interpolation],
    });
}

export const SHAPE_LAYERS: Readonly<Record<string, PrepareLayer>> = {
  ZeroPadding2D(config) {
    config.requireChannelsLast();
    const [[top, bottom], [left, right]] = borders(config, config.any('padding') ?? [1, 1]);
    return (call) => {
      imageShape(call);
      return addNode(call, 'pad', [onlyInput(call)], { paddings: [0, 0, top, bottom, left, right, 0, 0], value: 0 });
    };
  },

  Flatten(config) {
    config.requireChannelsLast();
    return (call) => addReshape(call, config, onlyInput(call), [elementCount(inputType(call).shape.slice(1))]);
  },

  Reshape(config) {
    const target = config.ints('target_shape', -1);
    return (call) => addReshape(call, config, onlyInput(call), target);
  },

  Permute(config) {
    const dims = config.ints('dims', 1);
    return (call) => addNode(call, 'transpose', [onlyInput(call)], { perm: [0, ...dims] });
  },

  UpSampling2D(config, dialect) {
    config.requireChannelsLast();
    const [sh, sw] = config.pair('size', 1, [2, 2]);
    // Nearest by whole factors is the same with both conventions; corners are what old runtimes and accelerators have.
    const add = resize(config, config.string('interpolation', 'nearest'), {
      nearest: false,
      bilinear: dialect.bilinearHalfPixel,
    });
    return (call) => {
      const [height, width] = imageShape(call);
      return add(call, [height * sh, width * sw]);
    };
  },

  Resizing(config) {
    if (config.bool('crop_to_aspect_ratio', false)) config.refuse('crop_to_aspect_ratio is not supported');
    if (config.bool('pad_to_aspect_ratio', false)) config.refuse('pad_to_aspect_ratio is not supported');
    if (config.bool('antialias', false)) config.refuse('antialias is not supported');
    config.requireChannelsLast();
    const size = [config.int('height', 1), config.int('width', 1)];
    const add = resize(config, config.string('interpolation', 'bilinear'), { nearest: true, bilinear: true });
    return (call) => {
      imageShape(call);
      return add(call, size);
    };
  },
};
