import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { BUILTIN_OPERATORS } from '../../converters/tflite/schema.js';
import { readTflmModel } from '../../converters/tflite/tflm-model.js';
import { IsplitError } from '../../src/core/errors.js';
import { describeNeeding, sharedData, sharedTestData } from '../support/shared-data.js';
import { buildTflite, floats } from './tflite-file.js';

const code = (name: string): number => BUILTIN_OPERATORS.indexOf(name);

describe('what TFLite-Micro’s allocator sees of a file', () => {
  it('shapes as recorded, element sizes, constants, variables, channels; operators as they stand', () => {
    const bytes = buildTflite({
      builtins: [code('ADD'), code('CUSTOM'), code('FULLY_CONNECTED')],
      buffers: [floats(1, 2, 3, 4), Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8)],
      tensors: [
        { name: 'x', shape: [7, 4], signature: [-1, 4] },
        { name: 'c', shape: [4], buffer: 1 },
        { name: 'state', shape: [2, 3], type: 7, variable: true },
        { name: 'w', shape: [2, 4], type: 9, buffer: 2, scale: [0.5, 0.25], zeroPoint: [0, 0] },
        { name: 'q', shape: [1, 2], type: 9, scale: [0.5], zeroPoint: [3] },
        { name: 'long', shape: [2], type: 4 },
        { name: 'scalar', shape: [], type: 6 },
      ],
      operators: [
        { code: 0, inputs: [0, 1], outputs: [0] },
        { code: 1, inputs: [4, 5], outputs: [6] },
        { code: 2, inputs: [4, 3, -1], outputs: [4], options: { union: 8, int8: { 2: 1 } } },
      ],
      inputs: [0],
      outputs: [6],
    });
    const plain = { constant: false, variable: false, channels: 0 };
    expect(readTflmModel(bytes)).toEqual({
      tensors: [
        { ...plain, dims: [7, 4], bytesPerElement: 4 },
        { ...plain, dims: [4], bytesPerElement: 4, constant: true },
        { ...plain, dims: [2, 3], bytesPerElement: 2, variable: true },
        { ...plain, dims: [2, 4], bytesPerElement: 1, constant: true, channels: 2 },
        { ...plain, dims: [1, 2], bytesPerElement: 1, channels: 1 },
        { ...plain, dims: [2], bytesPerElement: 8 },
        { ...plain, dims: [], bytesPerElement: 1 },
      ],
      operators: [
        {
          builtin: 'ADD',
          options: { fused_activation_function: 'NONE', pot_scale_int16: false },
          inputs: [0, 1],
          outputs: [0],
        },
        { builtin: 'CUSTOM', options: {}, inputs: [4, 5], outputs: [6] },
        {
          builtin: 'FULLY_CONNECTED',
          options: {
            fused_activation_function: 'NONE',
            weights_format: 'DEFAULT',
            keep_num_dims: true,
            asymmetric_quantize_inputs: false,
          },
          inputs: [4, 3, -1],
          outputs: [4],
        },
      ],
      inputs: [0],
      outputs: [6],
    });
  });

  it.each([
    ['several subgraphs', { subgraphs: 2, tensors: [{ shape: [1] }] }, /2 subgraphs/],
    ['a type without a size', { tensors: [{ name: 'text', shape: [1], type: 5 }] }, /tensor "text" is STRING/],
  ])('%s is refused', (_, spec, message) => {
    const bytes = buildTflite({ operators: [{ inputs: [0], outputs: [0] }], ...spec });
    expect(() => readTflmModel(bytes)).toThrow(message);
    expect(() => readTflmModel(bytes)).toThrow(IsplitError);
  });
});

describeNeeding([sharedTestData], 'files whose operators our graphs do not have', () => {
  it.each([
    ['tflm/audio_preprocessor_int8', 43, 22],
    ['tflm/person_detect_vela', 6, 1],
    ['coral/mobilenet_v1_0.25_128_quant', 89, 31],
  ])('%s: %i tensors, %i operators', (name, tensors, operators) => {
    const model = readTflmModel(readFileSync(sharedData(`models/${name}.tflite`)));
    expect([model.tensors.length, model.operators.length]).toEqual([tensors, operators]);
  });
});
