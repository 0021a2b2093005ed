import { Problems } from '../core/errors.js';
import {
  type ColourOrder,
  type CropSpec,
  canonicalSpec,
  MAX_INPUT_SIDE,
  type PreprocessSpec,
  type ResizeMode,
} from './spec.js';

/** Preprocessing as options give it; numbers may be text, as the command line has them. */
export interface PreprocessOptions {
  /** What bytes 0 and 255 become: `0..255`, `0..1`, `-1..1` or [low, high]. */
  readonly inputRange?: string | readonly [number, number] | undefined;
  /** One value, or one a channel; comma-separated as text. Units: see specFromOptions. */
  readonly mean?: string | readonly number[] | undefined;
  readonly std?: string | readonly number[] | undefined;
  /** `true` means bilinear. */
  readonly resize?: ResizeMode | boolean | string | undefined;
  /** `none`, `centre`, `centre:875` (per mille) or `top,left,height,width`. */
  readonly crop?: CropSpec | string | undefined;
  readonly colour?: ColourOrder | string | undefined;
}

/** A spec and which of its parts nobody stated. */
export interface ChosenSpec {
  readonly spec: PreprocessSpec;
  /** Parts that neither option nor default gave, in plain words, for a warning: `input range 0..255`. */
  readonly assumed: readonly string[];
}

/**
 * The spec from options over the defaults of a card or manifest.
 *
 * Units: with an input range, mean and std apply to values of that range: y = (range(u8) − mean) / std. Without one they
 * are in picture units (0..255), except that means and deviations that are all within 0 … 1 (and not just 0 and 1) are taken
 * for the 0..1 range, as PyTorch's recipes write them.
 *
 * @param inputShape the network's input, [height, width, channels] or with a leading batch dimension
 * @param base defaults; its size gives way to inputShape
 * @throws IsplitError E_USAGE with every problem
 */
export function specFromOptions(
  options: PreprocessOptions,
  inputShape: readonly (number | null)[],
  base?: PreprocessSpec,
): ChosenSpec {
  const problems = new Problems();
  const assumed: string[] = [];
  const [height, width, channels] = readShape(inputShape, problems);
  const crop =
    options.crop === undefined ? (base?.crop ?? { kind: 'none' as const }) : readCrop(options.crop, problems);
  const resize = options.resize === undefined ? (base?.resize ?? 'none') : readResize(options.resize, problems);
  const colour = chooseColour(options.colour, channels, base, problems, assumed);
  const { mean, std } = chooseScaling(options, channels, base, problems, assumed);
  problems.throwIfAny();
  return { spec: canonicalSpec({ version: 1, crop, resize, colour, height, width, channels, mean, std }), assumed };
}

function readShape(shape: readonly (number | null)[], problems: Problems): [number, number, number] {
  const dims = shape.length === 4 ? shape.slice(1) : shape.length === 2 ? [1, 1, shape[1]] : shape;
  const [height, width, channels] = dims;
  const usable = dims.length === 3 && dims.every((d) => typeof d === 'number' && Number.isInteger(d) && d > 0);
  if (!usable || (height as number) > MAX_INPUT_SIDE || (width as number) > MAX_INPUT_SIDE) {
    problems.add(
      'E_USAGE',
      `samples cannot be fitted to an input of shape [${shape.join(', ')}]`,
      { shape: [...shape] },
      `Inputs are [height, width, channels] with sides up to ${MAX_INPUT_SIDE}.`,
    );
    return [1, 1, 1];
  }
  return [height as number, width as number, channels as number];
}

function readCrop(value: CropSpec | string, problems: Problems): CropSpec {
  if (typeof value !== 'string') return value;
  if (value === 'none') return { kind: 'none' };
  const centre = /^cent(?:re|er)(?::(\d{1,4}))?$/.exec(value);
  const perMille = Number(centre?.[1] ?? 1000);
  if (centre && perMille >= 1 && perMille <= 1000) return { kind: 'centre', perMille };
  const box = /^(\d{1,5}),(\d{1,5}),(\d{1,5}),(\d{1,5})$/.exec(value.replaceAll(' ', ''));
  if (box) {
    const [top = 0, left = 0, height = 0, width = 0] = box.slice(1).map(Number);
    if (height > 0 && width > 0) return { kind: 'box', top, left, height, width };
  }
  problems.add(
    'E_USAGE',
    `"${value}" is no crop`,
    { crop: value },
    'Write --crop none, centre, centre:875 (per mille of the side) or top,left,height,width.',
  );
  return { kind: 'none' };
}

function readResize(value: string | boolean, problems: Problems): ResizeMode {
  if (value === true) return 'bilinear';
  if (value === false) return 'none';
  if (value === 'none' || value === 'nearest' || value === 'bilinear') return value;
  problems.add(
    'E_USAGE',
    `"${value}" is no way to resize`,
    { resize: value },
    'Use --resize bilinear, nearest or none.',
  );
  return 'none';
}

function chooseColour(
  value: string | undefined,
  channels: number,
  base: PreprocessSpec | undefined,
  problems: Problems,
  assumed: string[],
): ColourOrder {
  if (value === undefined) {
    if (base && base.channels === channels) return base.colour;
    if (channels === 3) assumed.push('colour order rgb');
    return channels === 3 ? 'rgb' : channels === 1 ? 'grey' : 'none';
  }
  const colour = value === 'gray' ? 'grey' : value;
  if (colour !== 'rgb' && colour !== 'bgr' && colour !== 'grey' && colour !== 'none') {
    problems.add('E_USAGE', `"${value}" is no colour order`, { colour: value }, 'Use --colour rgb, bgr, grey or none.');
    return 'none';
  }
  const needed = colour === 'none' ? channels : colour === 'grey' ? 1 : 3;
  if (needed !== channels) {
    problems.add(
      'E_USAGE',
      `--colour ${colour} gives ${needed} channel${needed === 1 ? '' : 's'}, the network takes ${channels}`,
      { colour, channels },
      channels === 1 ? 'Use --colour grey.' : channels === 3 ? 'Use --colour rgb or bgr.' : 'Use --colour none.',
    );
  }
  return colour;
}

function chooseScaling(
  options: PreprocessOptions,
  channels: number,
  base: PreprocessSpec | undefined,
  problems: Problems,
  assumed: string[],
): { mean: number[]; std: number[] } {
  const range = options.inputRange === undefined ? undefined : readRange(options.inputRange, problems);
  const givenMean = options.mean === undefined ? undefined : readPerChannel('mean', options.mean, channels, problems);
  const givenStd = options.std === undefined ? undefined : readPerChannel('std', options.std, channels, problems);
  const badStd = givenStd?.find((value) => !(value > 0));
  if (badStd !== undefined) problems.add('E_USAGE', `--std ${badStd} is not above 0`, { std: badStd });
  if (!range && !givenMean && !givenStd) {
    if (base && base.channels === channels) return { mean: [...base.mean], std: [...base.std] };
    assumed.push('input range 0..255');
    return { mean: new Array<number>(channels).fill(0), std: new Array<number>(channels).fill(1) };
  }
  const mean = givenMean ?? new Array<number>(channels).fill(0);
  const std = givenStd ?? new Array<number>(channels).fill(1);
  const within = [...mean, ...std].every((v) => v >= 0 && v <= 1);
  const identity = mean.every((v) => v === 0) && std.every((v) => v === 1);
  const [low, high] = range ?? (within && !identity ? [0, 1] : [0, 255]);
  // y = (low + u8·(high − low)/255 − mean) / std, written as (u8 − m) / s.
  const bytesPerUnit = 255 / (high - low);
  return {
    mean: mean.map((m) => (m - low) * bytesPerUnit),
    std: std.map((s) => s * bytesPerUnit),
  };
}

function readRange(value: string | readonly [number, number], problems: Problems): [number, number] {
  const parts = typeof value === 'string' ? value.split('..') : [...value];
  const [low, high] = parts.map((part) => (part === '' ? Number.NaN : Number(part)));
  if (parts.length === 2 && Number.isFinite(low) && Number.isFinite(high) && (low as number) < (high as number)) {
    return [low as number, high as number];
  }
  const shown = typeof value === 'string' ? value : value.join('..');
  problems.add('E_USAGE', `"${shown}" is no input range`, { inputRange: shown }, 'Write 0..255, 0..1 or -1..1.');
  return [0, 255];
}

function readPerChannel(
  name: 'mean' | 'std',
  value: string | readonly number[],
  channels: number,
  problems: Problems,
): number[] {
  const list =
    typeof value === 'string' ? value.split(',').map((t) => (t.trim() === '' ? Number.NaN : Number(t))) : value;
  const numbers = list.length === 1 ? new Array<number>(channels).fill(list[0] as number) : [...list];
  if (!numbers.every(Number.isFinite)) {
    problems.add('E_USAGE', `--${name} ${String(value)} is not a list of numbers`, { [name]: value });
  } else if (numbers.length !== channels) {
    problems.add(
      'E_USAGE',
      `--${name} has ${numbers.length} values, the network takes ${channels} channels`,
      { [name]: numbers, channels },
      'Give one value, or one a channel, comma-separated.',
    );
  } else {
    return numbers;
  }
  return new Array<number>(channels).fill(name === 'mean' ? 0 : 1);
}
