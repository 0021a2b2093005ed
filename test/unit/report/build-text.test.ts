import { describe, expect, it } from 'vitest';
import { renderEvaluationText, renderVerifyText } from '../../../src/report/build-text.js';
import { buildEvaluation, verifyReport } from './build-fixtures.js';

describe('terminal text of evaluate and verify', () => {
  it('gives accuracies, difference, classes and confusions', () => {
    const [head, ...lines] = renderEvaluationText(buildEvaluation(), 100).split('\n');
    expect(head).toBe('accuracy  (fashion, test part · 40 samples, 95 % interval)');
    expect(lines).toEqual([
      '  whole network, float32                 95.0 % [83.5 – 98.6]',
      '  split, float32                         95.0 % [83.5 – 98.6]',
      '  split, int8 head, 1 568 B on the wire  87.5 % [73.9 – 94.5]',
      '  int8 split minus whole network: -7.50 points [-19.86 … +1.92]; right only in float32: 3, only in',
      '  int8: 0',
      '  same class as the whole network on 92.5 % of the samples',
      '',
      '  class  samples    float  split float  split int8',
      '  cat         10   90.0 %       90.0 %      90.0 %',
      '  dog         10   90.0 %       90.0 %      80.0 %',
      '  eel         10  100.0 %      100.0 %      90.0 %',
      '  fox         10  100.0 %      100.0 %      90.0 %',
      '',
      'confused  cat → fox 1, dog → cat 1, dog → fox 1, eel → cat 1, fox → cat 1',
    ]);
  });

  it('names those that agree, those that deviate, those that failed or are missing', () => {
    expect(renderVerifyText(verifyReport(), 200).split('\n')).toEqual([
      'verify   our executor = TensorFlow Lite Micro: 31 360 of 31 360 bytes equal',
      '         tfjs-tflite (optimised kernels): up to 3 LSB in 260 of 31 360 bytes, top-1 equal on 19 of 20, single operators within 1 LSB (most: conv1_1)',
      '         node-tflite failed: crashed with SIGSEGV',
      '         not found: LiteRT (.venv/bin/pip install ai-edge-litert)',
      '         not verified here: ESP-NN assembly (runs on the board only)',
      '         known bug esp-nn#31 of ESP-NN may touch conv2_1: last row may be wrong',
    ]);
  });

  it('breaks long lines under their label', () => {
    const lines = renderVerifyText(verifyReport(), 60).split('\n');
    expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(60);
    expect(lines.filter((line) => line.startsWith('verify'))).toHaveLength(1);
  });
});
