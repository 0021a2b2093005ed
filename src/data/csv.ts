/** One row of a table, with the line it starts on (1-based) for messages. */
export interface CsvRow {
  readonly line: number;
  readonly cells: readonly string[];
}

/**
 * Rows of a text table: comma, semicolon or tab, whichever the first line has (in the order tab, comma, semicolon); cells
 * may be quoted (RFC 4180). Blank lines are passed over.
 */
export function parseCsv(text: string): CsvRow[] {
  const body = text.startsWith('\uFEFF') ? text.slice(1) : text;
  // The first row without its quoted cells, which may hold anything.
  const firstLine =
    /^(?:"(?:[^"]|"")*"|[^"\r\n])*/.exec(body.slice(0, 65_536))?.[0].replace(/"(?:[^"]|"")*"/g, '') ?? '';
  const delimiter = firstLine.includes('\t') ? '\t' : firstLine.includes(',') ? ',' : ';';
  if (!body.includes('"')) return parsePlain(body, delimiter);
  const rows: CsvRow[] = [];
  let cells: string[] = [];
  let cell = '';
  let quoted = false;
  let line = 1;
  let rowLine = 1;
  const endRow = () => {
    cells.push(cell.trim());
    if (cells.some((c) => c !== '')) rows.push({ line: rowLine, cells });
    cells = [];
    cell = '';
  };
  for (let i = 0; i < body.length; i++) {
    const ch = body[i] as string;
    if (ch === '\n') line++;
    if (quoted) {
      if (ch !== '"') cell += ch;
      else if (body[i + 1] === '"') {
        cell += '"';
        i++;
      } else quoted = false;
    } else if (ch === '"' && cell.trim() === '') {
      quoted = true;
      cell = '';
    } else if (ch === delimiter) {
      cells.push(cell.trim());
      cell = '';
    } else if (ch === '\n') {
      endRow();
      rowLine = line;
    } else if (ch !== '\r') cell += ch;
  }
  endRow();
  return rows;
}

function parsePlain(body: string, delimiter: string): CsvRow[] {
  const rows: CsvRow[] = [];
  body.split(/\r\n|\n|\r/).forEach((text, i) => {
    if (text.trim() !== '') rows.push({ line: i + 1, cells: text.split(delimiter).map((c) => c.trim()) });
  });
  return rows;
}
