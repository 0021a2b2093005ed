import { existsSync, readFileSync } from 'node:fs';
import { z } from 'zod';
import { IsplitError } from '../core/errors.js';
import { parseJson } from '../core/json.js';

export const PROJECT_FILE = 'isplit.json';

/** isplit.json in the current folder: saves typing; options override it. */
export const projectSchema = z.strictObject({
  $schema: z.string().optional(),
  schemaVersion: z.literal(1),
  model: z.string().min(1).optional(),
  data: z.string().min(1).optional(),
  testData: z.string().min(1).optional(),
  labels: z.string().min(1).optional(),
  labelMap: z.string().min(1).optional(),
  recordShape: z.string().optional(),
  samples: z.number().int().positive().optional(),
  classes: z.string().optional(),
  preprocessing: z
    .strictObject({
      inputRange: z.string().optional(),
      mean: z.string().optional(),
      std: z.string().optional(),
      resize: z.string().optional(),
      crop: z.string().optional(),
      colour: z.string().optional(),
    })
    .optional(),
  device: z.string().min(1).optional(),
  link: z.string().min(1).optional(),
  budgets: z
    .strictObject({
      total: z.string().optional(),
      flash: z.string().optional(),
      ram: z.string().optional(),
      macs: z.string().optional(),
      latency: z.string().optional(),
      wire: z.string().optional(),
    })
    .optional(),
  seed: z.number().int().nonnegative().optional(),
});

export type ProjectFile = z.infer<typeof projectSchema>;

/** The project file of the current folder. @throws IsplitError E_PROJECT_INVALID with every violation */
export function readProjectFile(): ProjectFile | undefined {
  if (!existsSync(PROJECT_FILE)) return undefined;
  let json: unknown;
  try {
    json = parseJson(readFileSync(PROJECT_FILE, 'utf8'));
  } catch (cause) {
    throw new IsplitError({
      code: 'E_PROJECT_INVALID',
      message: `${PROJECT_FILE} is not JSON: ${(cause as Error).message}`,
    });
  }
  const parsed = projectSchema.safeParse(json);
  if (parsed.success) return parsed.data;
  throw new IsplitError(
    parsed.error.issues.map((issue) => ({
      code: 'E_PROJECT_INVALID' as const,
      message: `${PROJECT_FILE}: ${issue.path.join('.') || 'document'}: ${issue.message}`,
      hint: 'isplit-edge init writes a valid one.',
    })),
  );
}
