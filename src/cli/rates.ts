import { IsplitError } from '../core/errors.js';
import { parseBytes } from '../core/units.js';

/** `450,225B`: payload bytes that curves are drawn through. @throws IsplitError E_USAGE */
export function readRates(value: string | boolean | undefined): number[] | undefined {
  if (typeof value !== 'string') return undefined;
  const rates = value.split(',').map((text) => parseBytes(text.trim()));
  if (rates.every((bytes) => bytes >= 1)) return rates;
  throw new IsplitError({
    code: 'E_USAGE',
    message: `--rates ${value} holds a rate below 1 B`,
    context: { option: '--rates', value },
    hint: 'Rates are payload bytes, comma-separated.',
  });
}
