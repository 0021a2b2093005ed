import {
  addConstant,
  addNode,
  inputType,
  type LayerCall,
  onlyInput,
  type PrepareLayer,
  resolveAxis,
} from '../layer-call.js';
import { type LayerConfig, show } from '../layer-config.js';
import { numberList } from './convolution.js';

/** x · scale + offset with scalars or one value a channel. */
function addAffine(call: LayerCall, config: LayerConfig, scale: readonly number[], offset: readonly number[]): string {
  const x = onlyInput(call);
  const channels = inputType(call).shape.at(-1) ?? 1;
  for (const list of [scale, offset]) {
    if (list.length !== 1 && list.length !== channels) {
      config.corrupt(`it has ${list.length} values for ${channels} channels`);
    }
  }
  const shift = offset.some((v) => v !== 0);
  const shape = (list: readonly number[]): number[] => (list.length === 1 ? [] : [list.length]);
  const scaled = addNode(call, 'mul', [x, addConstant(call, 'scale', shape(scale), scale)], {}, shift ? 'scaled' : '');
  return shift ? addNode(call, 'add', [scaled, addConstant(call, 'offset', shape(offset), offset)]) : scaled;
}

export const NORMALIZATION_LAYERS: Readonly<Record<string, PrepareLayer>> = {
  BatchNormalization(config) {
    const raw = config.any('axis') ?? -1;
    const axes = Array.isArray(raw) ? raw : [raw];
    const epsilon = config.number('epsilon', 1e-3);
    const scale = config.bool('scale', true);
    const center = config.bool('center', true);
    return (call) => {
      const { shape } = inputType(call);
      const axis = axes.length === 1 ? resolveAxis(config, config.checkNumber('axis', axes[0]), shape.length) : -1;
      if (axis !== shape.length - 1) config.refuse(`axis ${show(raw)} is not supported, only the last one`);
      const channels = shape.at(-1) as number;
      const vector = (name: string) => ({ id: name, names: [name], shape: [channels] });
      const ids = call.constants([
        ...(scale ? [vector('gamma')] : []),
        ...(center ? [vector('beta')] : []),
        vector('moving_mean'),
        vector('moving_variance'),
      ]);
      if (!scale) ids.unshift(addConstant(call, 'gamma', [channels], new Float32Array(channels).fill(1)));
      if (!center) ids.splice(1, 0, addConstant(call, 'beta', [channels], new Float32Array(channels)));
      return addNode(call, 'batch_norm', [onlyInput(call), ...ids], { epsilon });
    };
  },

  Rescaling(config) {
    const scale = numberList(config, 'scale', config.any('scale') ?? config.corrupt('scale is missing'));
    const offset = numberList(config, 'offset', config.any('offset') ?? 0);
    return (call) => addAffine(call, config, scale, offset);
  },

  /** (x − mean) / max(√variance, 1e-7), as keras.layers.Normalization. */
  Normalization(config) {
    if (config.bool('invert', false)) config.refuse('invert=True is not supported');
    const raw = config.raw('axis');
    const axes = raw === undefined ? [-1] : raw === null ? [] : Array.isArray(raw) ? raw : [raw];
    const mean = config.any('mean');
    const variance = config.any('variance');
    return (call) => {
      const { shape } = inputType(call);
      const onlyLast =
        axes.length === 1 &&
        resolveAxis(config, config.checkNumber('axis', axes[0]), shape.length) === shape.length - 1;
      if (axes.length > 0 && !onlyLast) config.refuse(`axis ${show(raw)} is not supported, only the last one or None`);
      const size = axes.length === 0 ? [] : [shape.at(-1) as number];
      let means: readonly number[];
      let variances: readonly number[];
      if (mean !== undefined && variance !== undefined) {
        means = numberList(config, 'mean', mean);
        variances = numberList(config, 'variance', variance);
      } else {
        const ids = call.constants([
          { id: 'mean', names: ['mean'], shape: size },
          { id: 'variance', names: ['variance'], shape: size },
        ]);
        [means, variances] = ids.map((id) => Array.from(call.builder.type(id).data ?? [])) as [number[], number[]];
      }
      if (variances.length !== means.length) config.corrupt('mean and variance have different lengths');
      const scale = variances.map((v) => 1 / Math.max(Math.sqrt(v), 1e-7));
      return addAffine(
        call,
        config,
        scale,
        means.map((m, i) => -m * (scale[i] as number)),
      );
    };
  },
};
