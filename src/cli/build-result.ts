import { renderBuildResultText } from '../report/build-result-text.js';
import type { BuiltModel } from '../sdk.js';
import type { Terminal } from './terminal.js';

/**
 * Prints what a build gave, its warnings first.
 * @throws IsplitError E_BUDGET_INFEASIBLE when no cut fitted
 */
export function showBuild(built: BuiltModel, folder: string, terminal: Terminal): void {
  if (built.kind === 'infeasible') {
    if (built.planFile === undefined) terminal.warn(`${folder} holds an earlier build, which was left as it is`);
    else terminal.warn(`every cut with its reasons: ${built.planFile}`);
    throw built.error;
  }
  for (const warning of [...built.analysis.warnings, ...(built.quantization?.warnings ?? [])]) terminal.warn(warning);
  terminal.result(summarise(built), () => renderBuildResultText(built, terminal.width));
}

/** The document of --json. */
function summarise(built: Extract<BuiltModel, { kind: 'built' }>): object {
  const { manifest, plan, folder } = built;
  const { testPath: _typed, ...samples } = built.samples;
  return {
    folder,
    splitId: manifest.splitId,
    cut: manifest.cut,
    why: plan.chosen?.why,
    samples,
    sizes: plan.chosen?.built ?? plan.chosen?.planned,
    arena: manifest.arena,
    wire: manifest.wire,
    accuracy: manifest.accuracy,
    quantization: built.quantization && {
      outputSqnrDb: built.quantization.outputSqnrDb,
      worst: built.quantization.worst,
    },
    verify: built.verify?.runtimes.map(({ id, version, status, reason, endToEnd }) => ({
      id,
      version,
      status,
      reason,
      endToEnd,
    })),
    rejected: plan.rejected,
    files: manifest.files,
  };
}
