/** Values of options: what they must be, and E_USAGE with option and value where they are not. */
import { fail, Problems } from '../core/errors.js';

/** Values as commander delivers them. */
export type RawOptions = Readonly<Record<string, string | boolean | undefined>>;

/** What a number must be. */
export interface NumberRule {
  readonly option: string;
  readonly least?: number;
  readonly above?: number;
  readonly whole?: boolean;
}

/** @throws IsplitError E_USAGE */
export function parseNumber(text: string, { option, least, above, whole }: NumberRule): number {
  const value = text.trim() === '' ? Number.NaN : Number(text);
  const inRange = (least === undefined || value >= least) && (above === undefined || value > above);
  if (Number.isFinite(value) && inRange && (!whole || Number.isSafeInteger(value))) return value;
  const bound = least === undefined ? `above ${above}` : `of at least ${least}`;
  fail('E_USAGE', `${option} "${text}" is not a ${whole ? 'whole ' : ''}number ${bound}`, { option, value: text });
}

/** @throws IsplitError E_USAGE */
export function parseChoice<T extends string>(text: string, option: string, choices: readonly T[]): T {
  const found = choices.find((choice) => choice === text);
  if (found !== undefined) return found;
  fail('E_USAGE', `${option} "${text}" is not one of ${choices.join(', ')}`, { option, value: text });
}

/** Numbers among the options, by the key under which they are wanted. @throws IsplitError E_USAGE with every problem */
export function readNumbers<K extends string>(
  raw: RawOptions,
  rules: Readonly<Record<K, NumberRule>>,
): Partial<Record<K, number>> {
  const problems = new Problems();
  const found: Partial<Record<K, number>> = {};
  for (const [key, rule] of Object.entries(rules) as [K, NumberRule][]) {
    const text = raw[rule.option.slice(2).replace(/-(.)/g, (_, letter: string) => letter.toUpperCase())];
    if (typeof text !== 'string') continue;
    const value = problems.collect(() => parseNumber(text, rule));
    if (value !== undefined) found[key] = value;
  }
  problems.throwIfAny();
  return found;
}
