import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { readTflmModel } from '../../../converters/tflite/tflm-model.js';
import { predictTflmArena, TFLM_TARGETS } from '../../../src/memory/tflm-arena.js';
import { type CmsisVariant, chooseCmsisKernel } from '../../../src/memory/tflm-cmsis-nn.js';
import { chooseEspKernel, type EspVariant } from '../../../src/memory/tflm-esp-nn.js';
import type { ByteRange, LibraryKernel } from '../../../src/memory/tflm-kernels.js';
import type { TflmTensor } from '../../../src/memory/tflm-model.js';
import { describeNeeding, sharedData, sharedTestData } from '../../support/shared-data.js';

type Row = Readonly<Record<string, number>>;

/** Sizes and what the library's own functions return for them. */
function scratchTable(name: string): Row[] {
  const { columns, rows } = JSON.parse(readFileSync(new URL(`./${name}.json`, import.meta.url), 'utf8')) as {
    columns: string[];
    rows: number[][];
  };
  return rows.map((row) => Object.fromEntries(row.map((value, i) => [columns[i], value])));
}

const int8 = (dims: readonly number[]): TflmTensor => ({
  dims,
  bytesPerElement: 1,
  constant: false,
  variable: false,
  channels: 1,
});

/** Scratch that a kernel of the library asks for. */
function scratchOf(kernel: LibraryKernel, builtin: string, row: Row): ByteRange[] {
  const n = (name: string): number => row[name] as number;
  const depthwise = builtin === 'DEPTHWISE_CONV_2D';
  const outputs = depthwise ? n('inputChannels') * n('multiplier') : n('outputChannels');
  const kernelSize = [n('kernelHeight'), n('kernelWidth')];
  const activation = int8([1, n('inputHeight'), n('inputWidth'), n('inputChannels')]);
  const weights = int8(depthwise ? [1, ...kernelSize, outputs] : [outputs, ...kernelSize, n('inputChannels')]);
  const options = {
    stride_h: n('stride'),
    stride_w: n('stride'),
    padding: n('same') ? 'SAME' : 'VALID',
    depth_multiplier: n('multiplier'),
  };
  const operator = { builtin, options, inputs: [0, 1, 2], outputs: [3] };
  const { prepare } = kernel(
    {
      operator,
      input: (i) => (i === 1 ? weights : activation),
      output: int8([1, n('outputHeight'), n('outputWidth'), outputs]),
    },
    { prepare: [] },
  );
  return prepare.flatMap((step) => ('scratch' in step ? [step.scratch] : []));
}

const onlyScratch = (kernel: LibraryKernel, builtin: string, row: Row): ByteRange =>
  scratchOf(kernel, builtin, row)[0] ?? { low: 0, high: 0 };

describe('scratch of ESP-NN spans the two revisions', () => {
  const spans = (row: Row, column: string) => [row[column] as number, row[`${column}Before`] as number] as const;

  it.each<[EspVariant, string, string]>([
    ['esp32s3', 'CONV_2D', 'convS3'],
    ['esp32p4', 'CONV_2D', 'convP4'],
    ['esp32s3', 'DEPTHWISE_CONV_2D', 'depthwiseS3'],
  ])('%s %s', (variant, builtin, column) => {
    for (const row of scratchTable('esp-nn-scratch')) {
      const [now, before] = spans(row, column);
      // 1.2.0 to 1.2.2 left 32 bytes less for alignment.
      const low = column === 'convS3' ? Math.min(now - 32, before) : Math.min(now, before);
      const expected = { low, high: Math.max(now, before) };
      expect([row, onlyScratch(chooseEspKernel(variant), builtin, row)]).toEqual([row, expected]);
    }
  });

  it('is nothing where plain C runs', () => {
    for (const row of scratchTable('esp-nn-scratch')) {
      expect(scratchOf(chooseEspKernel('generic'), 'CONV_2D', row)).toEqual([]);
      expect(scratchOf(chooseEspKernel('esp32p4'), 'DEPTHWISE_CONV_2D', row)).toEqual([]);
    }
  });
});

describe('scratch of CMSIS-NN', () => {
  const table = scratchTable('cmsis-nn-scratch');
  const value = (row: Row, column: string): number => row[column] as number;
  const isPointwise = (row: Row): boolean => row.kernelHeight === 1 && row.kernelWidth === 1;

  it.each<[CmsisVariant, string]>([
    ['plain', ''],
    ['dsp', 'Dsp'],
    ['mve', 'Mve'],
  ])('%s', (variant, suffix) => {
    const kernel = chooseCmsisKernel(variant);
    for (const row of table) {
      const conv = onlyScratch(kernel, 'CONV_2D', row);
      expect([row, conv.low]).toEqual([row, value(row, `conv${suffix}`)]);
      // Only Arm's own compiler takes a buffer for 1 × 1 convolutions with DSP instructions.
      const compilerBytes =
        variant === 'dsp' && isPointwise(row) && row.stride === 1 ? 4 * value(row, 'inputChannels') : 0;
      expect([row, conv.high - conv.low]).toEqual([row, compilerBytes]);

      const depthwise = onlyScratch(kernel, 'DEPTHWISE_CONV_2D', row);
      expect(depthwise.low).toBeLessThanOrEqual(value(row, `depthwise${suffix}`));
      expect(depthwise.high).toBeGreaterThanOrEqual(value(row, `depthwise${suffix}`));
      const dependsOnCompiler = variant === 'mve' && row.inputChannels === 1;
      if (!dependsOnCompiler) expect([row, depthwise.low]).toEqual([row, depthwise.high]);

      const transpose = scratchOf(kernel, 'TRANSPOSE_CONV', row).map(({ high }) => high);
      const expected = [value(row, variant === 'mve' ? 'transposeMve' : 'transpose'), value(row, 'transposeReverse')];
      expect([row, transpose]).toEqual([row, expected]);
    }
  });
});

describeNeeding([sharedTestData], 'arena on a microcontroller', () => {
  const predict = (target: keyof typeof TFLM_TARGETS) =>
    predictTflmArena(readTflmModel(readFileSync(sharedData('models/tflm/person_detect.tflite'))), TFLM_TARGETS[target]);

  it('is the 82.3 KB that person_detect reported on a Cortex-M7, with reference kernels and with CMSIS-NN', () => {
    expect(predict('reference').lowBytes).toBeGreaterThan(82_250);
    expect(predict('reference').highBytes).toBeLessThan(82_350);
    expect(predict('cmsis-nn-dsp').lowBytes).toBeLessThan(82_350);
    expect(predict('cmsis-nn-dsp').highBytes).toBeGreaterThan(82_250);
  });

  it('is a range only where something is not known', () => {
    const widths = Object.keys(TFLM_TARGETS).map((id) => {
      const { lowBytes, highBytes, minimumBytes } = predict(id as keyof typeof TFLM_TARGETS);
      expect(minimumBytes).toBeGreaterThanOrEqual(highBytes);
      return [id, highBytes - lowBytes > 0];
    });
    expect(widths.filter(([, isRange]) => isRange)).toEqual([['cmsis-nn-dsp', true]]);
  });
});

describe('predictTflmArena of an operator that no head contains', () => {
  it('ends with a coded error', () => {
    const model = {
      tensors: [int8([1, 4]), int8([1, 4])],
      operators: [{ builtin: 'WHILE', options: {}, inputs: [0], outputs: [1] }],
      inputs: [0],
      outputs: [1],
    };
    expect(() => predictTflmArena(model, TFLM_TARGETS.reference)).toThrow(
      expect.objectContaining({ code: 'E_OP_UNSUPPORTED' }),
    );
  });
});
