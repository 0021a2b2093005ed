import { createHash } from 'node:crypto';
import type { ArtifactManifest } from '../artifact/manifest.js';
import type { Evaluation } from '../evaluate/evaluation.js';
import type { Analysis } from '../plan/analysis.js';
import type { SplitPlan } from '../plan/split-plan.js';
import type { BuiltHead } from './build-head.js';
import type { BuildRequest } from './build-request.js';

/** What a manifest is made of. */
export interface Described {
  readonly analysis: Analysis;
  readonly plan: SplitPlan;
  readonly head: BuiltHead | undefined;
  readonly sent: Pick<BuiltHead, 'input' | 'wire'>;
  readonly evaluation: Evaluation;
  readonly classNames: readonly string[];
  readonly splitId: string;
  readonly files: Readonly<Record<string, string | Uint8Array>>;
}

/** The manifest of a build with the hashes of the files so far. */
export function describeBuild(request: BuildRequest, built: Described): ArtifactManifest {
  const { analysis, plan, head, sent, evaluation, classNames } = built;
  const { deployment, model } = request.analyze;
  const { full, splitFloat, splitInt8 } = evaluation.accuracy;
  const { intervals } = evaluation;
  const chosen = plan.chosen as NonNullable<SplitPlan['chosen']>;
  return {
    schemaVersion: 1,
    tool: analysis.tool,
    seed: analysis.seed,
    splitId: built.splitId,
    model: { name: model.name, format: model.format, description: model.description, sha256: model.sha256 },
    cut: chosen.id,
    bottleneck: chosen.bottleneck,
    classes: classNames,
    preprocessing: request.preprocessing,
    input: sent.input,
    wire: sent.wire,
    device: deployment
      ? {
          id: deployment.device.id,
          link: deployment.link.id,
          template: deployment.device.toolchain.template,
          kernelLibrary: deployment.device.kernelLibraries[0]?.name ?? '',
        }
      : null,
    budgets: { asked: { ...request.analyze.budgets }, met: withoutNull(chosen.built ?? chosen.planned) },
    arena: {
      plannedBytes: head?.arena.plannedBytes ?? 0,
      tfliteMicroBytes: head?.arena.tfliteMicroBytes ?? null,
    },
    operators: head?.operators ?? [],
    accuracy:
      full === null || splitFloat === null || splitInt8 === null
        ? null
        : {
            full,
            splitFloat,
            splitInt8,
            intervals: intervals as NonNullable<ArtifactManifest['accuracy']>['intervals'],
            samples: evaluation.samples,
            on: request.test.on,
            data: { name: evaluation.data.name, sha256: evaluation.data.sha256 },
          },
    calibration: { samples: request.calibration.count, data: request.calibration.data },
    files: hashFiles(built.files),
  };
}

function withoutNull(values: object): Record<string, number> {
  return Object.fromEntries(
    Object.entries(values).filter((entry): entry is [string, number] => typeof entry[1] === 'number'),
  );
}

/** sha256 of contents by path, sorted by path. */
export function hashFiles(files: Readonly<Record<string, string | Uint8Array>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(files)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([name, content]) => [name, createHash('sha256').update(content).digest('hex')]),
  );
}
