import { z } from 'zod';
import { IsplitError, type Problem } from '../core/errors.js';

/**
 * Preprocessing is part of the model: host (calibration, evaluation) and device do the same steps, defined in integers.
 * One output pixel is a pure function of at most four source pixels; the order is fixed:
 *
 *   crop → resize → colour → ( (u8 − mean) / std as float32 | int8 through an offset or a table )
 *
 * The steps themselves are defined in geometry.ts (crop, resize), colour.ts and normalise.ts.
 */

/** Largest picture side that is accepted, pixels. With it every intermediate of geometry.ts fits 64 bits, every pixel sum 32. */
export const MAX_PICTURE_SIDE = 16_384;
/** Largest side of the tensor a network takes, pixels. */
export const MAX_INPUT_SIDE = 4096;

const side = z.int().min(1).max(MAX_INPUT_SIDE);
const sourceSide = z.int().min(1).max(MAX_PICTURE_SIDE);
const sourceOffset = z
  .int()
  .min(0)
  .max(MAX_PICTURE_SIDE - 1);

const cropSchema = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('none') }),
  z.strictObject({ kind: z.literal('centre'), perMille: z.int().min(1).max(1000).default(1000) }),
  z.strictObject({
    kind: z.literal('box'),
    top: sourceOffset,
    left: sourceOffset,
    height: sourceSide,
    width: sourceSide,
  }),
]);

const specSchema = z
  .strictObject({
    version: z.literal(1).default(1),
    crop: cropSchema.default({ kind: 'none' }),
    resize: z.enum(['none', 'nearest', 'bilinear']).default('none'),
    colour: z.enum(['rgb', 'bgr', 'grey', 'none']),
    height: side,
    width: side,
    channels: z.int().min(1).max(65_536),
    mean: z.array(z.number()).min(1),
    std: z.array(z.number()).min(1),
  })
  .superRefine((spec, ctx) => {
    const needed = spec.colour === 'grey' ? 1 : spec.colour === 'none' ? spec.channels : 3;
    if (spec.channels !== needed) {
      ctx.addIssue({
        code: 'custom',
        path: ['channels'],
        message: `colour "${spec.colour}" has ${needed} channel${needed === 1 ? '' : 's'}, the spec says ${spec.channels}`,
      });
    }
    for (const key of ['mean', 'std'] as const) {
      const values = spec[key];
      if (values.length !== spec.channels) {
        ctx.addIssue({
          code: 'custom',
          path: [key],
          message: `${values.length} value(s) for ${spec.channels} channel(s)`,
        });
      }
    }
    spec.std.forEach((value, c) => {
      if (!(value > 0)) ctx.addIssue({ code: 'custom', path: ['std', c], message: `${value} is not above 0` });
    });
  });

/** What part of the picture is used. `centre`: the largest centred window of the network's aspect ratio, times perMille/1000. */
export type CropSpec = z.infer<typeof cropSchema>;
export type ResizeMode = 'none' | 'nearest' | 'bilinear';
/** Channels the network gets; `none` leaves them as they are (features that are no picture). */
export type ColourOrder = 'rgb' | 'bgr' | 'grey' | 'none';

/**
 * How a picture becomes the input tensor (height, width, channels), channels last. `mean` and `std` have one value a
 * channel *of the network's order* and are in units of the picture (0..255): y = (u8 − mean[c]) / std[c].
 */
export interface PreprocessSpec {
  readonly version: 1;
  readonly crop: CropSpec;
  readonly resize: ResizeMode;
  readonly colour: ColourOrder;
  readonly height: number;
  readonly width: number;
  readonly channels: number;
  readonly mean: readonly number[];
  readonly std: readonly number[];
}

/**
 * Checks a preprocessing block of a card, a manifest or a project file.
 * @param origin file name for the message
 * @throws IsplitError E_PREPROCESS_SPEC with every violation
 */
export function parsePreprocessSpec(json: unknown, origin = 'preprocessing'): PreprocessSpec {
  const parsed = specSchema.safeParse(json);
  if (parsed.success) return canonicalSpec(parsed.data);
  const problems = parsed.error.issues.map((issue): Problem => {
    const where = issue.path.length === 0 ? '' : ` ${issue.path.join('.')}:`;
    return {
      code: 'E_PREPROCESS_SPEC',
      message: `${origin}:${where} ${issue.message}`,
      context: { origin, path: issue.path.join('.') },
      hint: 'docs/preprocessing.md has the fields; specs are written by isplit-edge init.',
    };
  });
  throw new IsplitError(problems);
}

/** The same spec with its keys in one fixed order, so that equal specs have equal JSON (hashed into splitId). */
export function canonicalSpec(spec: PreprocessSpec): PreprocessSpec {
  const crop: CropSpec =
    spec.crop.kind === 'none'
      ? { kind: 'none' }
      : spec.crop.kind === 'centre'
        ? { kind: 'centre', perMille: spec.crop.perMille }
        : {
            kind: 'box',
            top: spec.crop.top,
            left: spec.crop.left,
            height: spec.crop.height,
            width: spec.crop.width,
          };
  return {
    version: 1,
    crop,
    resize: spec.resize,
    colour: spec.colour,
    height: spec.height,
    width: spec.width,
    channels: spec.channels,
    mean: [...spec.mean],
    std: [...spec.std],
  };
}

/** Elements of one input tensor. */
export function inputElements(spec: PreprocessSpec): number {
  return spec.height * spec.width * spec.channels;
}
