import type { KernelWork } from '../../../src/cost/latency.js';

/**
 * person_detect.tflite of TensorFlow Lite Micro (MobileNetV1-0.25, 96×96×1, int8) as kernel work: shapes read from the
 * flatbuffer with TensorFlow's own schema (tensorflow.lite.python.schema_py_generated), one row an operator.
 * [operator, output height = width, output channels, input channels, kernel]
 */
const LAYERS: readonly (readonly ['dw' | 'conv', number, number, number, number])[] = [
  ['dw', 48, 8, 1, 3],
  ['dw', 48, 8, 8, 3],
  ['conv', 48, 16, 8, 1],
  ['dw', 24, 16, 16, 3],
  ['conv', 24, 32, 16, 1],
  ['dw', 24, 32, 32, 3],
  ['conv', 24, 32, 32, 1],
  ['dw', 12, 32, 32, 3],
  ['conv', 12, 64, 32, 1],
  ['dw', 12, 64, 64, 3],
  ['conv', 12, 64, 64, 1],
  ['dw', 6, 64, 64, 3],
  ['conv', 6, 128, 64, 1],
  ['dw', 6, 128, 128, 3],
  ['conv', 6, 128, 128, 1],
  ['dw', 6, 128, 128, 3],
  ['conv', 6, 128, 128, 1],
  ['dw', 6, 128, 128, 3],
  ['conv', 6, 128, 128, 1],
  ['dw', 6, 128, 128, 3],
  ['conv', 6, 128, 128, 1],
  ['dw', 6, 128, 128, 3],
  ['conv', 6, 128, 128, 1],
  ['dw', 3, 128, 128, 3],
  ['conv', 3, 256, 128, 1],
  ['dw', 3, 256, 256, 3],
  ['conv', 3, 256, 256, 1],
];

/** The network's input: 96×96 grey. */
export const PERSON_DETECT_INPUT_BYTES = 96 * 96;

function build(): KernelWork[] {
  let inputBytes = PERSON_DETECT_INPUT_BYTES;
  const works = LAYERS.map(([kind, size, channels, inputChannels, k], i): KernelWork => {
    const outputs = size * size * channels;
    const depthwise = kind === 'dw';
    const work: KernelWork = {
      name: `${kind}${i + 1}`,
      kernel: depthwise ? 'depthwise' : 'conv_1x1',
      macs: outputs * (depthwise ? k * k : inputChannels),
      elements: outputs,
      outputElements: outputs,
      inputBytes,
      outputBytes: outputs,
      weightBytes: channels * (depthwise ? k * k : inputChannels) + 4 * channels,
    };
    inputBytes = outputs;
    return work;
  });
  works.push(
    {
      name: 'pool',
      kernel: 'avg_pool',
      macs: 9 * 256,
      elements: 256,
      outputElements: 256,
      inputBytes: 2304,
      outputBytes: 256,
      weightBytes: 0,
    },
    {
      name: 'logits',
      kernel: 'conv_1x1',
      macs: 512,
      elements: 2,
      outputElements: 2,
      inputBytes: 256,
      outputBytes: 2,
      weightBytes: 520,
    },
    {
      name: 'softmax',
      kernel: 'softmax',
      macs: 0,
      elements: 2,
      outputElements: 2,
      inputBytes: 2,
      outputBytes: 2,
      weightBytes: 0,
    },
  );
  return works;
}

export const PERSON_DETECT: readonly KernelWork[] = build();
