import { formatCount } from '../src/core/units.js';
import type { QuantizationRow } from './quantization.js';

export interface QuantizationFigures {
  readonly converter: string;
  readonly rows: readonly QuantizationRow[];
}

type Table = (head: readonly string[], rows: readonly (readonly (string | number)[])[]) => string;

const percent = (x: number | null): string => (x === null ? '–' : `${(100 * x).toFixed(1)} %`);

export function renderQuantization({ converter, rows }: QuantizationFigures, table: Table): string {
  return `## int8 beside float and the official converter

\`npm run evidence -- quantization\` · whole networks, ${rows[0]?.calibrationSamples ?? 0} calibration samples from the training part, the very same ones for
TensorFlow's converter (${converter}). SQNR: dequantized int8 output against the float network's. Both files run in our executor. vww_96 and mobilenet see
tiny-imagenet pictures, whose labels are not theirs: agreement stands for accuracy.

${table(
  [
    'network',
    'test samples',
    'SQNR ours',
    'official',
    'top-1 as float ours',
    'official',
    'accuracy float',
    'ours',
    'official',
    'file ours',
    'official',
  ],
  rows.flatMap((row) =>
    row.tests.map((test) => [
      row.model,
      `${formatCount(test.samples)} ${test.name}`,
      `${test.ours.outputSqnrDb.toFixed(1)} dB`,
      test.official ? `${test.official.outputSqnrDb.toFixed(1)} dB` : '–',
      percent(test.ours.sameTop1),
      percent(test.official?.sameTop1 ?? null),
      percent(test.floatAccuracy),
      percent(test.ours.accuracy),
      percent(test.official?.accuracy ?? null),
      formatCount(row.bytes.ours),
      row.bytes.official === null ? '–' : formatCount(row.bytes.official),
    ]),
  ),
)}

${rows
  .map(
    (row) =>
      `${row.model}: ${row.equalised ? 'equalised' : 'not equalised'}, biases ${row.biasCorrected ? 'corrected' : 'as they were'}; worst layers ${row.worst.join(', ')}.`,
  )
  .join('\n')}`;
}
