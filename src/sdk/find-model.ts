import path from 'node:path';
import type { BuiltFolder } from '../artifact/built-folder.js';
import type { ArtifactManifest } from '../artifact/manifest.js';
import { readSourceHints } from '../artifact/source-hints.js';
import type { RunContext } from '../core/context.js';
import { fail, IsplitError } from '../core/errors.js';
import { type OpenedModel, openModel } from './open-model.js';

export interface ModelPlaces {
  /** The float model the folder was built from; another one is refused. */
  readonly model?: string | undefined;
  /** Where the model may lie: taken when it is the one. */
  readonly modelHint?: string | undefined;
}

export interface FoundModel {
  readonly file: string;
  readonly opened: OpenedModel;
}

/**
 * What a folder was built from: the model named, else one that is found by its hash; undefined when there is none.
 * @throws IsplitError E_MODEL_MISMATCH, and what opening the model named throws
 */
export async function findBuiltModel(
  { folder, manifest }: BuiltFolder,
  { model, modelHint }: ModelPlaces,
  ctx: RunContext,
): Promise<FoundModel | undefined> {
  const { sha256 } = manifest.model;
  if (model !== undefined) {
    const opened = await openModel(model, {}, ctx);
    if (opened.sha256 !== sha256) failOtherModel(model, opened.sha256, manifest);
    return { file: model, opened };
  }
  const remembered = (await readSourceHints(folder)).models[sha256];
  for (const file of [modelHint, remembered]) {
    if (file === undefined) continue;
    try {
      const opened = await openModel(file, {}, ctx);
      if (opened.sha256 === sha256) return { file, opened };
    } catch (error) {
      // A hint may be out of date; whatever lies there now is not what was asked for.
      if (!(error instanceof IsplitError) || error.code === 'E_INTERRUPTED') throw error;
    }
  }
  return undefined;
}

function failOtherModel(model: string, sha256: string, manifest: ArtifactManifest): never {
  const message = `${path.basename(model)} has sha256 ${sha256.slice(0, 16)}…; the folder was built from ${manifest.model.name} with ${manifest.model.sha256.slice(0, 16)}…`;
  fail('E_MODEL_MISMATCH', message, { model: path.basename(model), sha256, expected: manifest.model.sha256 });
}
