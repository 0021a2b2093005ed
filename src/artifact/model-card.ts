import path from 'node:path';
import { z } from 'zod';
import { Problems } from '../core/errors.js';
import { type PreprocessSpec, parsePreprocessSpec } from '../preprocess/spec.js';

/** Card of a model that shares its folder with others: `trained/vgg16.tflite` → `vgg16.card.json`. */
export function cardFileOf(modelFile: string): string {
  return `${path.parse(modelFile).name}.card.json`;
}

/** models/<name>/card.json, or <name>.card.json beside the model: what a model needs to be used rightly. Unknown fields are kept for people and ignored here. */
const cardSchema = z.looseObject({
  schemaVersion: z.literal(1),
  name: z.string().min(1),
  model: z.looseObject({ path: z.string().min(1), sha256: z.string().regex(/^[0-9a-f]{64}$/) }),
  inputShape: z.array(z.number().int().positive()).length(3),
  preprocessing: z.record(z.string(), z.unknown()),
  classes: z.array(z.string()).min(2),
  parameters: z.looseObject({ total: z.number().int().positive() }).optional(),
});

export interface ModelCard {
  readonly name: string;
  /** sha256 of the model file the card speaks of. */
  readonly modelSha256: string;
  readonly preprocess: PreprocessSpec;
  readonly classNames: readonly string[];
  readonly parameters: number | undefined;
}

/**
 * Checks a model card.
 * @param origin file name for messages
 * @throws IsplitError E_CARD_INVALID, E_PREPROCESS_SPEC with every violation
 */
export function parseModelCard(json: unknown, origin: string): ModelCard {
  const parsed = cardSchema.safeParse(json);
  const problems = new Problems();
  if (!parsed.success) {
    for (const issue of parsed.error.issues) {
      problems.add(
        'E_CARD_INVALID',
        `${origin}: ${issue.path.join('.')}: ${issue.message}`,
        { file: origin },
        'Compare with models/fashion-cnn/card.json.',
      );
    }
    problems.throwIfAny();
    throw new Error('unreachable');
  }
  const card = parsed.data;
  const [height, width, channels] = card.inputShape as [number, number, number];
  const preprocess = parsePreprocessSpec(
    { version: 1, crop: { kind: 'none' }, height, width, channels, ...card.preprocessing },
    `${origin}: preprocessing`,
  );
  return {
    name: card.name,
    modelSha256: card.model.sha256,
    preprocess,
    classNames: card.classes,
    parameters: card.parameters?.total,
  };
}
