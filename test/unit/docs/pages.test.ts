import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { createProgram } from '../../../src/cli/program.js';
import { projectSchema } from '../../../src/cli/project-file.js';
import { repositoryRoot } from '../../support/shared-data.js';

const PAGES = [
  'README.md',
  'CONTRIBUTING.md',
  'CHANGELOG.md',
  'models/fashion-cnn/README.md',
  ...readdirSync(path.join(repositoryRoot, 'docs'))
    .filter((name) => name.endsWith('.md'))
    .map((name) => `docs/${name}`),
];

const read = (page: string): string => readFileSync(path.join(repositoryRoot, page), 'utf8');

/** Without fenced blocks and code spans, where brackets and hashes mean other things. */
const withoutCode = (text: string): string => text.replace(/^```[\s\S]*?^```/gm, '').replace(/`[^`\n]*`/g, '`code`');

/** Anchors set by hand, and GitHub's: lower case, spaces to hyphens, other punctuation dropped, repeats numbered. */
function anchorsOf(text: string): Set<string> {
  const anchors = new Set([...text.matchAll(/<a id="([^"]+)">/g)].map((match) => match[1] as string));
  for (const [, heading] of text.replace(/^```[\s\S]*?^```/gm, '').matchAll(/^#{1,6}\s+(.+)$/gm)) {
    const plain = (heading as string).replace(/\[([^\]]*)\]\([^)]*\)/g, '$1').toLowerCase();
    const base = plain
      .replace(/[^\p{L}\p{N}\s_-]/gu, '')
      .trim()
      .replace(/\s/g, '-');
    let anchor = base;
    for (let n = 1; anchors.has(anchor); n++) anchor = `${base}-${n}`;
    anchors.add(anchor);
  }
  return anchors;
}

const anchorsByPage = new Map<string, Set<string>>();

function anchorsIn(page: string): Set<string> {
  const anchors = anchorsByPage.get(page) ?? anchorsOf(read(page));
  anchorsByPage.set(page, anchors);
  return anchors;
}

function brokenLinks(page: string): string[] {
  const text = withoutCode(read(page));
  return [...text.matchAll(/\]\(([^)\s]+)\)/g)].flatMap(([, target]) => {
    if (/^(https?|mailto):/.test(target as string)) return [];
    const [file = '', anchor] = (target as string).split('#');
    const found = file === '' ? page : path.posix.join(path.posix.dirname(page), file);
    if (!existsSync(path.join(repositoryRoot, found))) return [`${page}: ${target} is not there`];
    if (anchor !== undefined && found.endsWith('.md') && !anchorsIn(found).has(anchor))
      return [`${page}: ${target} has no such heading`];
    return [];
  });
}

describe('pages', () => {
  for (const page of PAGES) {
    it(`${page}: every relative link leads somewhere`, () => {
      expect(brokenLinks(page)).toEqual([]);
    });
  }

  it('finds a heading as GitHub names it, and not another one', () => {
    const anchors = anchorsOf('# A b: `c`!\n## A b c\n```\n# no\n```\n### [x](y.md) & z\n');
    expect([...anchors]).toEqual(['a-b-c', 'a-b-c-1', 'x--z']);
  });

  it('every page of docs is in their index', () => {
    const index = read('docs/README.md');
    const missing = PAGES.filter((page) => page.startsWith('docs/') && page !== 'docs/README.md').filter(
      (page) => !index.includes(`(${path.posix.basename(page)})`),
    );
    expect(missing).toEqual([]);
  });
});

describe('what pages tell people to type', () => {
  const program = createProgram('0.0.0');
  const commands = new Map(program.commands.map((command) => [command.name(), command]));
  /** Announced as coming by README; not one of them exists yet. */
  const planned = ['firmware', 'flash', 'monitor', 'serve', 'simulate'];

  /** `isplit-edge NAME --option …` in code blocks and code spans. */
  const typed = PAGES.flatMap((page) => {
    const code = [...read(page).matchAll(/^```[\s\S]*?^```|`[^`\n]+`/gm)].map(([block]) => block).join('\n');
    return [...code.replaceAll('\\\n', ' ').matchAll(/isplit-edge ([a-z][a-z-]*)([^\n`#]*)/g)].map((match) => ({
      page,
      name: match[1] as string,
      options: [...(match[2] as string).matchAll(/(?:^|\s)(--[a-z-]+)/g)].map((option) => option[1] as string),
    }));
  });

  it('names only commands that exist, or that are announced', () => {
    expect(typed.length).toBeGreaterThan(10);
    const unknown = typed.filter(({ name }) => !commands.has(name) && !planned.includes(name));
    expect(unknown).toEqual([]);
  });

  it('announces no command that exists already', () => {
    expect(planned.filter((name) => commands.has(name))).toEqual([]);
  });

  it('names only options that their commands have', () => {
    const unknown = typed.flatMap(({ page, name, options }) => {
      const known = commands.get(name)?.options.map((option) => option.long);
      return known === undefined
        ? []
        : options
            .filter((option) => option !== '--help' && !known.includes(option))
            .map((o) => `${page}: ${name} ${o}`);
    });
    expect(unknown).toEqual([]);
  });

  it('docs/cli.md has a row for every field of isplit.json, and no other', () => {
    const section = read('docs/cli.md').split('## The project file')[1]?.split('\n## ')[0] ?? '';
    const rows = [...section.matchAll(/^\| `([A-Za-z$.]+)` \|/gm)].map((match) => match[1]);
    const nested = { preprocessing: projectSchema.shape.preprocessing, budgets: projectSchema.shape.budgets };
    const fields = Object.keys(projectSchema.shape).flatMap((key) =>
      key in nested
        ? Object.keys(nested[key as keyof typeof nested].unwrap().shape).map((inner) => `${key}.${inner}`)
        : [key],
    );
    expect([...rows].sort()).toEqual(fields.sort());
  });

  it('docs/commands.md lists every option of every command', () => {
    const sections = read('docs/commands.md').split('\n## ').slice(1);
    expect(sections.map((section) => section.split('\n')[0])).toEqual([...commands.keys()]);
    for (const [i, command] of program.commands.entries()) {
      for (const option of command.options) expect(sections[i]).toContain(`\`${option.flags}\``);
    }
  });
});
