import { existsSync, readFileSync } from 'node:fs';

/**
 * Reads the JSON report of vitest.
 * @returns counts of single tests; a file that could not be loaded counts as one failure. `skips`: reason → test names.
 */
export function readVitestReport(file) {
  if (!existsSync(file)) return undefined;
  const report = JSON.parse(readFileSync(file, 'utf8'));
  let passed = 0;
  let failed = 0;
  const skips = new Map();
  for (const suite of report.testResults) {
    const before = failed;
    for (const test of suite.assertionResults) {
      if (test.status === 'passed') passed += 1;
      else if (test.status === 'failed') failed += 1;
      else {
        const reason = findReason(test.fullName);
        skips.set(reason, [...(skips.get(reason) ?? []), test.fullName]);
      }
    }
    if (suite.status === 'failed' && failed === before) failed += 1;
  }
  return { passed, failed, skips };
}

/** What a skipped test's name says that it needs: `… [needs X]`, `… (skipped: X)` or `… (skipped: needs X)`. */
function findReason(fullName) {
  const found = /\[(?:skipped: )?needs ([^\]]+)\]|\(skipped: (?:needs )?([^)]+)\)/.exec(fullName);
  return found?.[1] ?? found?.[2] ?? 'no reason given';
}

/** One line a reason: how many tests are skipped and what to install. */
export function describeSkips(skips) {
  const lines = [];
  for (const [reason, names] of [...skips].sort()) {
    const which = reason === 'no reason given' ? `: ${names.join('; ')}` : '';
    lines.push(`skipped  ${names.length} test${names.length === 1 ? '' : 's'}, needs ${reason}${which}`);
  }
  return lines;
}
