import { z } from 'zod';
import { IsplitError, Problems } from '../core/errors.js';
import { parseJson } from '../core/json.js';
import { parsePreprocessSpec } from '../preprocess/spec.js';
import type { ArtifactManifest } from './manifest.js';
import { computeSplitId, type SplitFacts } from './split-id.js';
import { wireSchema } from './wire-schema.js';

const sha256 = z.string().regex(/^[0-9a-f]{64}$/, 'is no sha256 of 64 hex digits');
const size = z
  .int()
  .min(1)
  .max(2 ** 31);
const amount = z.number().nonnegative();
const share = z.number().min(0).max(1);
const shape = z.array(size).min(1).max(8);
const scale = z.number().positive();
const zeroPoint = z.int().min(-128).max(127);
const dataSource = z.strictObject({ name: z.string(), sha256 });
const interval = z.tuple([share, share]);

/** Paths of files stay inside the folder: names joined with `/`, none of them `.` or `..`. */
const filePath = z
  .string()
  .max(300)
  .regex(/^(?!\.{1,2}(\/|$))[^/\\\0:]+(\/(?!\.{1,2}(\/|$))[^/\\\0:]+)*$/, 'is no path inside the folder');

const manifestSchema = z.strictObject({
  schemaVersion: z.literal(1),
  tool: z.strictObject({ name: z.literal('isplit-edge'), version: z.string().min(1) }),
  seed: z.int().nonnegative(),
  splitId: sha256,
  model: z.strictObject({ name: z.string().min(1), format: z.string(), description: z.string(), sha256 }),
  cut: z.string().min(1),
  bottleneck: z.string().min(1).nullable(),
  classes: z.array(z.string()).min(2),
  preprocessing: z.record(z.string(), z.unknown()),
  input: z.strictObject({ shape, scale, zeroPoint }),
  wire: wireSchema,
  device: z
    .strictObject({ id: z.string(), link: z.string(), template: z.string(), kernelLibrary: z.string() })
    .nullable(),
  budgets: z.strictObject({ asked: z.record(z.string(), amount), met: z.record(z.string(), amount) }),
  arena: z.strictObject({ plannedBytes: amount, tfliteMicroBytes: z.tuple([amount, amount]).nullable() }),
  operators: z.array(z.string()),
  accuracy: z
    .strictObject({
      full: share,
      splitFloat: share,
      splitInt8: share,
      intervals: z.strictObject({ full: interval, splitFloat: interval, splitInt8: interval }),
      samples: size,
      on: z.enum(['test', 'held-out']),
      data: dataSource,
    })
    .nullable(),
  calibration: z.strictObject({ samples: size, data: dataSource }),
  files: z.record(filePath, sha256),
});

/**
 * Checks a manifest: schema, preprocessing, and that its splitId is the one of what it says.
 * @param origin file name for messages
 * @throws IsplitError E_MANIFEST_INVALID, E_PREPROCESS_SPEC with every violation
 */
export function parseManifest(json: unknown, origin: string): ArtifactManifest {
  const parsed = manifestSchema.safeParse(json);
  const problems = new Problems();
  if (!parsed.success) {
    for (const issue of parsed.error.issues) {
      const where = issue.path.join('.') || 'document';
      problems.add('E_MANIFEST_INVALID', `${origin}: ${where}: ${issue.message}`, { file: origin, path: where });
    }
    throw new IsplitError(problems.list);
  }
  let preprocessing: ArtifactManifest['preprocessing'] | undefined;
  try {
    preprocessing = parsePreprocessSpec(parsed.data.preprocessing, `${origin}: preprocessing`);
  } catch (error) {
    problems.addCaught(error);
  }
  problems.throwIfAny();
  const manifest = { ...parsed.data, preprocessing } as ArtifactManifest;
  const expected = computeSplitId(splitFacts(manifest));
  if (expected !== manifest.splitId) {
    const says = `its head, tail, wire tensors, classes and preprocessing give ${expected.slice(0, 16)}…`;
    problems.add(
      'E_MANIFEST_INVALID',
      `${origin}: splitId is ${manifest.splitId.slice(0, 16)}…, but ${says}`,
      { file: origin, splitId: manifest.splitId, expected },
      'The manifest was changed after the build; build again.',
    );
  }
  const sent = manifest.wire.map(({ id }) => id).join('+');
  const crossing = manifest.bottleneck === null ? manifest.cut : `${manifest.cut}/wire`;
  if (crossing !== sent && manifest.cut !== 'input' && manifest.cut !== 'output') {
    problems.add(
      'E_MANIFEST_INVALID',
      `${origin}: cut is "${manifest.cut}", but what is sent is "${sent}"`,
      { file: origin, cut: manifest.cut, wire: sent },
      'The manifest was changed after the build; build again.',
    );
  }
  problems.throwIfAny();
  return manifest;
}

/** @throws IsplitError E_MANIFEST_INVALID, E_PREPROCESS_SPEC */
export function parseManifestText(text: string, origin: string): ArtifactManifest {
  let json: unknown;
  try {
    json = parseJson(text);
  } catch (cause) {
    throw new IsplitError({
      code: 'E_MANIFEST_INVALID',
      message: `${origin} is not JSON: ${(cause as Error).message}`,
      context: { file: origin },
    });
  }
  return parseManifest(json, origin);
}

/** What of a manifest goes into its splitId. */
export function splitFacts(
  manifest: Pick<ArtifactManifest, 'files' | 'wire' | 'classes' | 'preprocessing'>,
): SplitFacts {
  return {
    headSha256: manifest.files['head.tflite'] ?? null,
    tailSha256: manifest.files['tail.onnx'] ?? null,
    wire: manifest.wire,
    classes: manifest.classes,
    preprocessing: manifest.preprocessing,
  };
}

/** The text of manifest.json: fields in the order of the schema, files sorted by path. The same manifest gives the same bytes. */
export function serialiseManifest(manifest: ArtifactManifest): string {
  const files = Object.fromEntries(Object.entries(manifest.files).sort(([a], [b]) => (a < b ? -1 : 1)));
  const whole: ArtifactManifest = { ...manifest, files };
  const fields = Object.keys(manifestSchema.shape) as (keyof ArtifactManifest)[];
  return `${JSON.stringify(Object.fromEntries(fields.map((field) => [field, whole[field]])), null, 2)}\n`;
}
