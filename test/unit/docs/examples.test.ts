/** Output shown in the docs is what docs/evidence/examples.json holds, and that is what the commands print today. */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { type ExamplesEvidence, examples } from '../../../evidence/examples.js';
import { repositoryRoot } from '../../support/shared-data.js';

const read = (page: string): string => readFileSync(path.join(repositoryRoot, page), 'utf8');
const stored = JSON.parse(read('docs/evidence/examples.json')) as ExamplesEvidence;

/** Fenced blocks, each with its lines; a backslash at the end joins lines. */
function blocksOf(page: string): string[][] {
  return [...read(page).matchAll(/^```\n([\s\S]*?)^```/gm)].map(([, block]) =>
    (block as string)
      .replace(/\s*\\\n\s*/g, ' ')
      .trimEnd()
      .split('\n'),
  );
}

/** Equal words; numbers within 2 % or 0.02, since the last digit may round otherwise on another processor. Bars are drawn from them. */
function differs(a: string, b: string): boolean {
  const words = (line: string): string[] => line.replace(/[▁▂▃▄▅▆▇█]+/g, '').split(/[\s[\]()]+/);
  const [left, right] = [words(a), words(b)];
  return (
    left.length !== right.length ||
    left.some((word, i) => {
      const [x, y] = [Number(word), Number(right[i])];
      return word !== right[i] && !(Math.abs(x - y) <= Math.max(0.02, 0.02 * Math.abs(x)));
    })
  );
}

/** The beginning of each block: `cut`, `encode`, `train` … */
function labelsOf(lines: readonly string[]): string[] {
  return lines.flatMap((line) => /^[a-z]+(?= )/.exec(line)?.[0] ?? []);
}

/**
 * What training gives hangs on the processor: rounding differs in the last bit, and a thousand steps make more of it. Where a bottleneck
 * was trained, what comes after the table of cuts is compared by its blocks, not by its figures.
 */
function divide(lines: readonly string[]): { readonly exact: readonly string[]; readonly trained: readonly string[] } {
  const at = lines.some((line) => line.startsWith('train ')) ? lines.findIndex((line) => line.startsWith('cut ')) : -1;
  return at < 0 ? { exact: lines, trained: [] } : { exact: lines.slice(0, at), trained: lines.slice(at) };
}

/** Which runtimes confirm a head depends on what is installed. */
function withoutRuntimes(lines: readonly string[]): string[] {
  const [from, to] = [lines.findIndex((l) => l.startsWith('verify ')), lines.findIndex((l) => l.startsWith('fits '))];
  return lines.filter((_, i) => i < from || i >= to);
}

describe('output shown in the docs', () => {
  const [demo, example] = stored.examples;

  it('docs/analyze.md shows the example and its whole output', () => {
    const blocks = blocksOf('docs/analyze.md');
    const at = blocks.findIndex((block) => block.join('\n') === example?.command);
    expect(at).toBeGreaterThanOrEqual(0);
    expect(blocks[at + 1]).toEqual(example?.stdout);
  });

  it('README.md shows lines of the demo, in their order; … stands for those left out', () => {
    const block = blocksOf('README.md').find((lines) => lines.some((line) => line.includes('log10 CUI'))) ?? [];
    const shown = block.filter((line) => line.trim() !== '…' && line !== '');
    expect(shown.length).toBeGreaterThan(8);
    const lines = demo?.stdout ?? [];
    const places = shown.map((line) => lines.indexOf(line));
    expect(shown.filter((_, i) => places[i] === -1)).toEqual([]);
    expect(places).toEqual([...places].sort((a, b) => a - b));
  });

  it('is what the commands print (npm run evidence -- examples)', { timeout: 900_000 }, async () => {
    const now = (await examples.run(() => {})) as ExamplesEvidence;
    expect(now.examples.map((e) => e.command)).toEqual(stored.examples.map((e) => e.command));
    for (const [i, example] of stored.examples.entries()) {
      const { command } = example;
      const stdout = divide(withoutRuntimes(example.stdout));
      const printed = divide(withoutRuntimes(now.examples[i]?.stdout ?? []));
      expect(printed.exact.length, command).toBe(stdout.exact.length);
      expect(stdout.exact.filter((line, n) => differs(line, printed.exact[n] as string))).toEqual([]);
      expect(labelsOf(printed.trained)).toEqual(labelsOf(stdout.trained));
    }
  });

  it('a word, a figure or a line too many is a difference; the last digit is not', () => {
    expect(differs('a  -3.28 yes', 'a  -3.29  yes')).toBe(false);
    expect(differs('a -3.28 yes', 'a -3.38 yes')).toBe(true);
    expect(differs('a -3.28 yes', 'a -3.28 no')).toBe(true);
    expect(differs('a 3.28', 'a 3.28 b')).toBe(true);
  });
});
