import type { Command } from 'commander';
import { Problems } from '../../core/errors.js';
import { formatBytes, formatCount } from '../../core/units.js';
import { formatShape } from '../../ir/graph.js';
import { type RunSummary, type RunTensor, runFile } from '../../sdk/run-file.js';
import { ENGINE_CHOICES } from '../../sdk.js';
import { defineCommand, runAction } from '../command.js';
import { readOptions } from '../data-options.js';
import type { RawOptions } from '../values.js';

export function runCommand(): Command {
  const command = defineCommand(
    'run',
    'any TFLite file over records of raw bytes: int8 in our own executor, float in the engine',
    [
      'run head.tflite --input pixels.bin --output wire.bin',
      'run person_detect.tflite --input x.bin --output y.bin --threads 2 --json',
      'run model_float.tflite --input x.f32 --output y.f32 --engine tfjs',
    ],
  );
  command
    .argument('[file]', 'TFLite file')
    .option('--input <file>', 'records back to back: raw tensor bytes, little-endian, no header')
    .option('--output <file>', 'where the outputs go, record by record; written whole or not at all')
    .option('--engine <id>', `for float models: ${ENGINE_CHOICES.join(', ')} (default onnx)`)
    .option('--threads <n>', 'threads (default: all cores)');
  return command.action((file: string | undefined, raw: RawOptions) =>
    runAction(raw, async ({ terminal, ctx }) => {
      const { model, input, output } = readPaths(file, raw);
      const { engine, threads } = readOptions({ engine: raw.engine, threads: raw.threads }, undefined).analyze;
      const summary = await runFile(model, { input, output, engine, threads }, ctx);
      terminal.result(summary, () => describe(summary, output));
      return 0;
    }),
  );
}

/** Everything that is missing at once. */
function readPaths(file: string | undefined, raw: RawOptions): { model: string; input: string; output: string } {
  const problems = new Problems();
  const needed = (value: unknown, what: string): string => {
    if (typeof value === 'string') return value;
    problems.add('E_USAGE', `${what} is missing`, {}, 'isplit-edge run FILE.tflite --input X.bin --output Y.bin');
    return '';
  };
  const paths = {
    model: needed(file, 'the TFLite file'),
    input: needed(raw.input, '--input'),
    output: needed(raw.output, '--output'),
  };
  problems.throwIfAny();
  return paths;
}

function describe(summary: RunSummary, output: string): string {
  const tensors = (list: readonly RunTensor[]): string =>
    list.map((t) => `${t.id} ${t.dtype} ${formatShape(t.shape)}`).join(', ');
  const { records, seconds, recordsPerSecond } = summary;
  const rate = recordsPerSecond >= 100 ? formatCount(recordsPerSecond) : recordsPerSecond.toFixed(1);
  return [
    `model    ${summary.model.name} · ${summary.model.description}`,
    `input    ${tensors(summary.inputs)} · ${formatBytes(summary.inputBytes)} a record`,
    `output   ${tensors(summary.outputs)} · ${formatBytes(summary.outputBytes)} a record`,
    `ran      ${formatCount(records)} record${records === 1 ? '' : 's'} in ${summary.by}, ${rate} a second (${seconds.toFixed(2)} s)`,
    `wrote    ${output} (${formatBytes(records * summary.outputBytes)})`,
  ].join('\n');
}
