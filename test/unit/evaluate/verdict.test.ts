import { describe, expect, it } from 'vitest';
import type {
  BaselineCurve,
  BaselineId,
  BaselinePoint,
  Evaluation,
  Prediction,
} from '../../../src/evaluate/evaluation.js';
import { comparePaired } from '../../../src/evaluate/paired-difference.js';
import { tally } from '../../../src/evaluate/tally.js';
import { addBaselines, writeVerdict } from '../../../src/evaluate/verdict.js';

const SAMPLES = 1000;

/** The split is right on 841 of 1 000 samples and sends 232 B. */
function evaluationOf(right = 841): Evaluation {
  const predictions = Array.from({ length: SAMPLES }, (_, index): Prediction => {
    const splitInt8 = index < right ? 0 : 1;
    return { index, label: 0, full: 0, splitFloat: 0, splitInt8, wireBytes: 232 };
  });
  const data = { name: 'd', format: 'idx', part: null, sha256: '0'.repeat(64) };
  return tally({ splitId: 's', data, classNames: ['a', 'b'] }, predictions);
}

/** As if it were right on a part of what the split is right on, or on more. */
function point(accuracy: number | null, bytes: number | null, more: Partial<BaselinePoint> = {}): BaselinePoint {
  const distance = accuracy === null ? 0 : Math.round(841 - SAMPLES * accuracy);
  return {
    targetBytes: 232,
    exists: accuracy !== null,
    setting: 'a setting',
    bytesMean: bytes,
    bytesWithHeaders: null,
    accuracy,
    interval: accuracy === null ? null : [accuracy - 0.02, accuracy + 0.02],
    difference: accuracy === null ? null : comparePaired(Math.max(0, distance), Math.max(0, -distance), SAMPLES),
    fits: null,
    deviceLatencyUs: null,
    ...more,
  };
}

function curve(id: BaselineId, points: BaselinePoint[], more: Partial<BaselineCurve> = {}): BaselineCurve {
  const base = { name: id, fineTuned: false, practical: id !== 'webp', note: '', searchedOn: null };
  return { id, ...base, points, ...more };
}

describe('the verdict', () => {
  it('says what each has at the split’s bytes and who wins', () => {
    const text = writeVerdict(evaluationOf(), [
      curve('jpeg', [point(0.61, 230), point(0.85, 612, { targetBytes: 900 })]),
      curve('jpeg', [point(0.66, 230)], { fineTuned: true }),
      curve('webp', [point(0.89, 231)]),
      curve('on-device', [point(0.875, 0, { targetBytes: null, fits: true, deviceLatencyUs: 900_000 })]),
    ]);
    expect(text).toContain(
      'At 232 B the split has 84.1 %, JPEG 61.0 % (66.0 % with the classifier fine-tuned on it), WebP 89.0 %.',
    );
    expect(text).toContain(
      'The split wins over JPEG, +18.1 points; WebP (no encoder for microcontrollers) wins over the split',
    );
    expect(text).toContain('JPEG reaches 85.0 % with 612 B.');
    expect(text).toContain(
      'Everything on the device has 87.5 % and fits the board: it wins where its 900.0 ms an inference on the device is acceptable.',
    );
  });

  it('claims nothing that the samples do not show', () => {
    const text = writeVerdict(evaluationOf(), [curve('jpeg', [point(0.84, 231)])]);
    expect(text).toContain('These samples show no difference between the split and JPEG, +0.1 points.');
    expect(text).not.toContain('wins');
  });

  it('a rate that does not exist is a win, and is said to be one for that reason', () => {
    const text = writeVerdict(evaluationOf(), [curve('jpeg', [point(null, null)])]);
    expect(text).toContain('JPEG cannot be so small');
    expect(text).toContain('The split wins over JPEG, which does not exist at so few bytes.');
  });

  it('says so when simpler ideas are better', () => {
    const text = writeVerdict(evaluationOf(), [
      curve('jpeg', [point(0.9, 200)]),
      curve('on-gateway', [point(0.91, 200, { targetBytes: null })]),
      curve('on-device', [point(0.6, 0, { targetBytes: null, fits: false })]),
    ]);
    expect(text).toContain('JPEG wins over the split, -5.9 points for the split.');
    expect(text).toContain('JPEG reaches 90.0 % with 200 B, fewer than the split sends.');
    expect(text).toContain('sending it wins');
    expect(text).toContain('Everything on the device has 60.0 %, but does not fit the board.');
  });

  it('names the best other network that fits', () => {
    const other = (setting: string, accuracy: number, fits: boolean): BaselineCurve =>
      curve('on-device-other', [point(accuracy, 0, { setting, fits, targetBytes: null })]);
    const text = writeVerdict(evaluationOf(), [
      other('big', 0.95, false),
      other('small', 0.8, true),
      other('tiny', 0.7, true),
    ]);
    expect(text).toContain('The best other network on the device, small, has 80.0 %.');
  });

  it('stands in the evaluation with its curves', () => {
    const curves = [curve('jpeg', [point(0.61, 230)])];
    const grown = addBaselines(evaluationOf(), curves);
    expect(grown.baselines).toBe(curves);
    expect(grown.verdict).toBe(writeVerdict(evaluationOf(), curves));
    expect(evaluationOf()).toMatchObject({ baselines: null, verdict: null, headMacs: null, latencyUs: null });
  });
});
