import { describe, expect, it } from 'vitest';
import { parseJson } from '../../../src/core/json.js';

describe('JSON from outside', () => {
  it.each(['{"a":[1,{"b":"]]}}"}],"\\"[":"\\\\"}', '[]', '"[["', 'null', ' {"x" : [ ] } '])(
    '%s is what JSON.parse says',
    (text) => {
      expect(parseJson(text)).toEqual(JSON.parse(text));
    },
  );

  it('brackets in strings do not count, nor do those that are closed', () => {
    const text = JSON.stringify([`\\"${'['.repeat(2000)}`, ...Array.from({ length: 2000 }, () => [{}])]);
    expect(parseJson(text)).toEqual(JSON.parse(text));
  });

  it.each([
    ['[', ']'],
    ['{"a":', '}'],
  ])('%s is refused when nested without end', (open, close) => {
    const nested = (n: number): string => `${open.repeat(n)}1${close.repeat(n)}`;
    expect(parseJson(nested(500))).toEqual(JSON.parse(nested(500)));
    expect(() => parseJson(nested(501))).toThrow(/nested more than 500 deep/);
    expect(() => parseJson(nested(100_000))).toThrow(SyntaxError);
  });

  it('what is no JSON is refused', () => {
    expect(() => parseJson('{]')).toThrow(SyntaxError);
    expect(() => parseJson('')).toThrow(SyntaxError);
  });
});
