import { onlyInput, type PrepareLayer } from '../layer-call.js';
import type { KerasLayer } from '../model-config.js';
import { ACTIVATION_LAYERS } from './activation.js';
import { CONVOLUTION_LAYERS } from './convolution.js';
import { keras3Operation, TF_OP_LAMBDA } from './functions.js';
import { MERGE_LAYERS } from './merge.js';
import { NORMALIZATION_LAYERS } from './normalization.js';
import { POOLING_LAYERS } from './pooling.js';
import { SHAPE_LAYERS } from './shape.js';

/** Layers that only do something in training; they leave no trace in the graph. */
export const TRAINING_ONLY: ReadonlySet<string> = new Set([
  'ActivityRegularization',
  'AlphaDropout',
  'Dropout',
  'GaussianDropout',
  'GaussianNoise',
  'RandomBrightness',
  'RandomContrast',
  'RandomFlip',
  'RandomHeight',
  'RandomRotation',
  'RandomTranslation',
  'RandomWidth',
  'RandomZoom',
  'SpatialDropout2D',
]);

const LAYERS: Readonly<Record<string, PrepareLayer>> = {
  ...ACTIVATION_LAYERS,
  ...CONVOLUTION_LAYERS,
  ...MERGE_LAYERS,
  ...NORMALIZATION_LAYERS,
  ...POOLING_LAYERS,
  ...SHAPE_LAYERS,
  TFOpLambda: TF_OP_LAMBDA,
};

/** Class names that are read, for documentation. */
export const SUPPORTED_LAYERS: readonly string[] = ['InputLayer', ...Object.keys(LAYERS), ...TRAINING_ONLY].sort();

/** The reader of a layer's configuration. @throws IsplitError E_OP_UNSUPPORTED for layers that are not known */
export function prepareOf(layer: KerasLayer): PrepareLayer {
  const { className, module, registeredName, config } = layer;
  const foreign = module !== '' && !/^(tf_)?keras(\.|$)|^tensorflow\./.test(module);
  if (registeredName.includes('>') || foreign) config.refuse(`it is a custom layer (${registeredName || module})`);
  if (/^keras\.src\.(ops|activations)(\.|$)/.test(module)) {
    if (module.startsWith('keras.src.activations')) {
      if (Object.hasOwn(ACTIVATION_LAYERS, className)) return ACTIVATION_LAYERS[className] as PrepareLayer;
    }
    return keras3Operation(className) ?? config.refuse(`the operation keras.ops ${className} is not supported`);
  }
  // Keras 3 .h5 files name no module; operations take their operands one by one, merge layers take a list.
  const loose = module === '' && layer.calls.some((call) => call.args.length > 1);
  const operation = loose || !Object.hasOwn(LAYERS, className) ? keras3Operation(className) : undefined;
  if (operation) return operation;
  if (TRAINING_ONLY.has(className)) return () => onlyInput;
  if (!Object.hasOwn(LAYERS, className)) config.refuse('this kind of layer is not supported');
  return LAYERS[className] as PrepareLayer;
}
