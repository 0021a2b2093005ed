/** Runs a mutant as `isplit-edge run` does, and says how that ended. */
import { readModel } from '../../converters/index.js';
import { IsplitError } from '../../src/core/errors.js';
import { countMacs } from '../../src/cost/cut-cost.js';
import { createEngine } from '../../src/engines/index.js';
import { createRecordRunner } from '../../src/evaluate/record-runner.js';
import { memoryFile } from '../formats/model-file.js';
import type { FuzzFile } from './fuzz-file.js';
import type { ReadOutcome } from './read-mutant.js';

/** A network may be as large as it likes; waiting for it is no defect, but not this test's business either. */
const MOST_MACS = 5e7;
const RECORDS = 2;

/** An error code, `ran`, or `not run` where it would only take long; anything else is a defect and has a stack. */
export async function runMutant(file: FuzzFile, fileName: string): Promise<ReadOutcome> {
  try {
    const { graph } = await readModel(memoryFile(file.bytes, fileName, file.siblings));
    if (countMacs(graph) > MOST_MACS) return { outcome: 'not run: too many MACs' };
    const runner = await createRecordRunner(graph, { engine: () => createEngine('onnx'), threads: 1 });
    try {
      const records = Uint8Array.from({ length: RECORDS * runner.inputBytes }, (_, i) => (i * 73) & 0xff);
      const outputs = await runner.run(records, RECORDS, {});
      const wanted = RECORDS * runner.outputBytes;
      if (outputs.length === wanted) return { outcome: 'ran' };
      return { outcome: 'wrong size', defect: `${outputs.length} B of output, wanted ${wanted}` };
    } finally {
      await runner.dispose();
    }
  } catch (error) {
    if (error instanceof IsplitError && error.code !== 'E_INTERNAL') {
      JSON.stringify(error.toJSON());
      return { outcome: error.code, message: error.message };
    }
    return { outcome: error instanceof Error ? error.name : 'thrown value', defect: describe(error) };
  }
}

function describe(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message).split('\n').slice(0, 6).join('\n') : String(error);
}
