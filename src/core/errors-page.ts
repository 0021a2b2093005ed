import { ERROR_CODES } from './error-codes.js';

const EXIT_MEANINGS: Readonly<Record<number, string>> = {
  1: 'a defect of isplit-edge',
  2: 'wrong usage',
  3: 'bad input: model, data, frame or manifest',
  4: 'no cut fits the budget',
  5: 'verification failed',
  6: 'a tool, runtime or port is missing',
  130: 'stopped with Ctrl-C',
};

/** docs/errors.md: every code, grouped by the exit code of the command line. Markdown. */
export function renderErrorsPage(): string {
  const codes = Object.entries(ERROR_CODES).sort(([a], [b]) => (a < b ? -1 : 1));
  const exits = [...new Set(codes.map(([, row]) => row.exit))].sort((a, b) => a - b);
  const lines = [
    '# Error codes',
    '',
    '<!-- Generated from src/core/error-codes.ts by `npm run docs`; do not edit. -->',
    '',
    'Every error has a stable code, a message with the values that matter, and a hint. All problems found are reported at once. With',
    '`--json` a failed command prints `{"error": {"code", "message", "context", "hint", "all": […]}}` on stdout. In the SDK they',
    'are `IsplitError`s with the same fields. Codes stay; messages may change.',
    '',
    '| exit code | means | codes |',
    '|---|---|---|',
    '| 0 | done | |',
    ...exits.map((exit) => `| ${exit} | ${EXIT_MEANINGS[exit] ?? ''} | ${countOf(exit)} |`),
  ];
  for (const exit of exits) {
    lines.push(
      '',
      `## Exit ${exit}: ${EXIT_MEANINGS[exit] ?? ''}`,
      '',
      '| code | means | what to do |',
      '|---|---|---|',
    );
    for (const [code, row] of codes.filter(([, r]) => r.exit === exit)) {
      lines.push(`| \`${code}\` | ${escapeCell(row.meaning)} | ${escapeCell(row.remedy)} |`);
    }
  }
  return `${lines.join('\n')}\n`;

  function countOf(exit: number): number {
    return codes.filter(([, row]) => row.exit === exit).length;
  }
}

function escapeCell(text: string): string {
  return text.replaceAll('|', '\\|').replaceAll('<', '&lt;');
}
