/** Left-aligned columns, two spaces apart; columns whose cells are all numbers with units are right-aligned. */
export function renderTable(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const numeric = head.map(
    (_, c) => rows.length > 0 && rows.every((row) => /^[–-]?$|^-?[\d .]+( ?[A-Za-z%/µ]+)?$/.test(row[c] ?? '')),
  );
  const widths = head.map((title, c) => Math.max(title.length, ...rows.map((row) => (row[c] ?? '').length)));
  const line = (cells: readonly string[]): string =>
    cells
      .map((cell, c) => (numeric[c] ? cell.padStart(widths[c] as number) : cell.padEnd(widths[c] as number)))
      .join('  ')
      .trimEnd();
  return [head, ...rows].map(line).join('\n');
}
