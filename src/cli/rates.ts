import { fail } from '../core/errors.js';
import { parseBytes } from '../core/units.js';

/** `450,225B`: payload bytes that curves are drawn through. @throws IsplitError E_USAGE */
export function readRates(value: string | boolean | undefined): number[] | undefined {
  if (typeof value !== 'string') return undefined;
  const rates = value.split(',').map((text) => parseBytes(text.trim()));
  if (rates.every((bytes) => bytes >= 1)) return rates;
  fail(
    'E_USAGE',
    `--rates ${value} holds a rate below 1 B`,
    { option: '--rates', value },
    'Rates are payload bytes, comma-separated.',
  );
}
