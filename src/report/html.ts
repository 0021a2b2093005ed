import { STYLE_SHEET } from './palette.js';
import { plainText } from './phrases.js';

/** Markup that is safe to put into a page as it is. */
export class Markup {
  readonly text: string;
  constructor(text: string) {
    this.text = text;
  }
}

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

export function escapeHtml(text: string): string {
  return plainText(text).replace(/[&<>"']/g, (c) => ENTITIES[c] as string);
}

type Piece = string | number | Markup | readonly Piece[];

function toText(piece: Piece): string {
  if (piece instanceof Markup) return piece.text;
  return Array.isArray(piece) ? piece.map(toText).join('') : escapeHtml(String(piece));
}

/** Template whose values are escaped unless they are markup: html`<td>${name}</td>`. */
export function html(parts: TemplateStringsArray, ...values: readonly Piece[]): Markup {
  return new Markup(parts.map((part, i) => part + (i < values.length ? toText(values[i] as Piece) : '')).join(''));
}

export const NOTHING = new Markup('');

/** Columns whose cells are text and not numbers stand left. */
export interface HtmlColumn<Row> {
  readonly header: string;
  readonly cell: (row: Row, index: number) => string | Markup;
  readonly className?: string;
}

export function drawHtmlTable<Row>(
  columns: readonly HtmlColumn<Row>[],
  rows: readonly Row[],
  rowClass: (row: Row) => string = () => '',
): Markup {
  const attribute = (name: string): Markup => (name === '' ? NOTHING : html` class="${name}"`);
  const head = columns.map((c) => html`<th${attribute(c.className ?? '')}>${c.header}</th>`);
  const body = rows.map((row, i) => {
    const cells = columns.map((c) => html`<td${attribute(c.className ?? '')}>${c.cell(row, i)}</td>`);
    return html`<tr${attribute(rowClass(row))}>${cells}</tr>\n`;
  });
  return html`<div class="wide"><table><thead><tr>${head}</tr></thead><tbody>\n${body}</tbody></table></div>`;
}

/** A whole page that loads nothing: its policy forbids scripts and every request. */
export function drawPage(title: string, body: Markup): string {
  const policy = new Markup("default-src 'none'; style-src 'unsafe-inline'");
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${title}</title>
<style>${new Markup(STYLE_SHEET)}</style>
</head>
<body>
<main>
${body}
</main>
</body>
</html>
`.text;
}
