import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { repositoryRoot } from '../../support/shared-data.js';

function listSources(folder: string): string[] {
  if (!existsSync(path.join(repositoryRoot, folder))) return [];
  const entries = readdirSync(path.join(repositoryRoot, folder), { recursive: true, withFileTypes: true });
  const files = entries.filter((e) => e.isFile() && e.name.endsWith('.ts'));
  return files.map((e) => path.relative(repositoryRoot, path.join(e.parentPath, e.name)).replaceAll(path.sep, '/'));
}

/** Source without comments; string contents stay, which errs on the strict side. */
function readCode(file: string): string {
  const text = readFileSync(path.join(repositoryRoot, file), 'utf8');
  return text.replace(/\/\*[\s\S]*?\*\//g, '').replace(/(^|\s)\/\/.*$/gm, '');
}

const libraries = ['src', 'converters', 'models'].flatMap(listSources).filter((file) => !file.startsWith('src/cli/'));

describe('libraries', () => {
  const forbidden: ReadonlyArray<readonly [what: string, pattern: RegExp, except?: string]> = [
    ['end the process', /\bprocess\s*\.\s*(exit|abort|reallyExit)\b|\bprocess\s*\.\s*exitCode\s*=/],
    ['print', /\bconsole\s*\.|\bprocess\s*\.\s*std(out|err)\b/],
    // Except for the names of temporary files, which nobody sees.
    [
      'take unseeded randomness',
      /\bMath\s*\.\s*random\b|\brandomBytes\b|\brandomUUID\b/,
      'src/artifact/write-files.ts',
    ],
  ];
  for (const [what, pattern, except] of forbidden) {
    it(`never ${what}; only src/cli does`, () => {
      expect(libraries.length).toBeGreaterThan(20);
      expect(libraries.filter((file) => file !== except && pattern.test(readCode(file)))).toEqual([]);
    });
  }

  it('carry no path of the machine they were written on', () => {
    const folders = ['src', 'converters', 'models', 'test', 'bench', 'scripts'].flatMap(listSources);
    const machinePath = /['"`](\/work\/|\/tmp\/|\/home\/|\/root\/)/;
    expect(folders.filter((file) => machinePath.test(readCode(file)))).toEqual([]);
  });
});
