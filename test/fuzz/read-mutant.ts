/** Reads a mutant as the command line would, and says how that ended. */
import { readModel } from '../../converters/index.js';
import { IsplitError } from '../../src/core/errors.js';
import { countMacs } from '../../src/cost/cut-cost.js';
import { verifyGraph } from '../../src/ir/verify.js';
import { planArena } from '../../src/memory/plan-arena.js';
import { SHAPES } from '../../src/ops/index.js';
import { dequantizeGraph, isQuantized } from '../../src/passes/dequantize-graph.js';
import { normaliseGraph } from '../../src/passes/normalise.js';
import { memoryFile } from '../formats/model-file.js';
import type { FuzzFile } from './fuzz-file.js';

/** An error code, or `graph`; anything else is a defect and has a stack. */
export interface ReadOutcome {
  readonly outcome: string;
  readonly message?: string;
  readonly defect?: string;
}

export async function readMutant(file: FuzzFile, fileName: string): Promise<ReadOutcome> {
  try {
    const { graph } = await readModel(memoryFile(file.bytes, fileName, file.siblings));
    try {
      verifyGraph(graph, SHAPES);
    } catch (error) {
      return { outcome: 'invalid graph', defect: describe(error) };
    }
    // What every command does next with a model that was read.
    const network = normaliseGraph(isQuantized(graph) ? dequantizeGraph(graph) : graph);
    planArena(network, { elementBytes: 1 });
    countMacs(network);
    return { outcome: 'graph' };
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
