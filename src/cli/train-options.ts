/** Options that only training has. */
import { fail } from '../core/errors.js';
import type { TrainingSettings, TrainModelOptions } from '../sdk.js';

/** Pixels by which `--augment crop` moves a picture at most, each way. */
const CROP_SHIFT = 2;
const LARGEST_SIDE = 4096;

/** `64`, `96x96` or `28x28x1`; without channels those of the pictures are taken. @throws IsplitError E_USAGE */
export function parseInputSize(text: string | boolean | undefined): TrainModelOptions['input'] {
  if (typeof text !== 'string') return undefined;
  const parts = text.split(/[x,]/).map(Number);
  const [height, width = height, channels] = parts;
  const sound = (d: number | undefined): boolean => Number.isSafeInteger(d) && (d as number) >= 1;
  const sides = [height, width].every((d) => sound(d) && (d as number) <= LARGEST_SIDE);
  if (parts.length > 3 || !sides || (channels !== undefined && channels !== 1 && channels !== 3)) {
    fail(
      'E_USAGE',
      `--input "${text}" is not a picture size`,
      { input: text },
      'Write 64, 96x96 or 28x28x1; 1 or 3 channels.',
    );
  }
  return { height: height as number, width: width as number, channels };
}

/** `flip,crop` or `none`. @throws IsplitError E_USAGE */
export function parseAugmentation(text: string | boolean | undefined): Partial<Pick<TrainingSettings, 'augmentation'>> {
  if (typeof text !== 'string') return {};
  const wanted = text.split(',').map((word) => word.trim());
  const unknown = wanted.filter((word) => !['flip', 'crop', 'none'].includes(word));
  if (unknown.length > 0 || (wanted.includes('none') && wanted.length > 1)) {
    fail(
      'E_USAGE',
      `--augment "${text}" is not flip, crop, flip,crop or none`,
      { augment: text },
      'Letters and digits are not flipped: --augment crop.',
    );
  }
  return { augmentation: { flip: wanted.includes('flip'), shift: wanted.includes('crop') ? CROP_SHIFT : 0 } };
}
