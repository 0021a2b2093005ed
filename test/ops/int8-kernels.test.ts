/** Every int8 kernel against the real TensorFlow Lite Micro: random one-op networks, byte for byte. */
import { expect, it } from 'vitest';
import { decodeTflite } from '../../converters/tflite/decode.js';
import { parseTflite } from '../../converters/tflite/parse.js';
import { writeTflite } from '../../converters/tflite/write.js';
import { type Graph, tensorOf } from '../../src/ir/graph.js';
import { prepareRecords } from '../../src/quantize/record-program.js';
import { describeNeeding, pythonOracle } from '../support/shared-data.js';
import { askTflm } from '../support/tflm-records.js';
import { INT8_CASES, makeInt8Case } from './int8-cases.js';

/** Random networks of a row that does not ask for more. */
const VARIANTS = 8;

function runOurs(graph: Graph, records: Uint8Array, count: number): Uint8Array {
  const program = prepareRecords(graph);
  const outputs = new Uint8Array(count * program.outputBytes);
  for (let i = 0; i < count; i++) program.runRecord(records, outputs, i);
  return outputs;
}

describeNeeding([pythonOracle], 'int8 kernels give the bytes of TensorFlow Lite Micro', () => {
  const made = INT8_CASES.flatMap((row) =>
    Array.from({ length: row.variants ?? VARIANTS }, (_, seed) => ({ name: row.name, ...makeInt8Case(row, seed) })),
  );
  const files = made.map(({ graph }) => writeTflite(graph));
  const answers = askTflm(made.map(({ records, count }, i) => ({ model: files[i] as Uint8Array, records, count })));

  it.each(INT8_CASES.map(({ name }) => name))('%s', (row) => {
    made.forEach(({ name, graph, records, count, about }, i) => {
      if (name !== row) return;
      const answer = answers[i] as (typeof answers)[number];
      if ('error' in answer) throw new Error(`${about}: ${answer.error}`);
      const ours = runOurs(graph, records, count);
      expect(Buffer.compare(ours, answer.outputs), about).toBe(0);
      // The reader takes one sample at a time.
      if (graph.inputs.some((id) => tensorOf(graph, id).shape[0] !== 1)) return;
      const file = files[i] as Uint8Array;
      const read = runOurs(decodeTflite(parseTflite(file), 'read', file.length), records, count);
      expect(Buffer.compare(read, answer.outputs), `read back: ${about}`).toBe(0);
    });
  });

  // Saturation is wanted, but not everywhere.
  it('most outputs vary', () => {
    const alike = answers.filter((a) => 'outputs' in a && new Set(a.outputs).size < 3);
    expect(alike.length).toBeLessThan(answers.length / 4);
  });
});
