/**
 * Colours of charts and page. Charts are drawn with the light colours, which print well; in dark mode the style sheet maps each
 * of them to its dark counterpart by attribute, so that one SVG serves both. Light and dark hues are told apart by colour-blind
 * readers too (after Okabe and Ito), and nothing is said by colour alone.
 */
export const PALETTE = {
  ink: ['#1b1f24', '#e6e9ed'],
  muted: ['#5b6470', '#9aa4b0'],
  grid: ['#e3e6ea', '#2b313a'],
  paper: ['#ffffff', '#14171c'],
  accent: ['#0b5f94', '#6cbcf0'],
  second: ['#a8490a', '#f0a35e'],
  classLine: ['#b7c0ca', '#4b5563'],
  rejected: ['#8f98a3', '#7b8592'],
  limit: ['#b3261e', '#ff8a80'],
  chosen: ['#e4f0f8', '#1d3346'],
  head: ['#0b5f95', '#6cbcf1'],
  encode: ['#7a4b9d', '#c79be8'],
  link: ['#d98c1f', '#e8b04e'],
  tail: ['#7d8790', '#8d97a3'],
} as const satisfies Record<string, readonly [light: string, dark: string]>;

export type Colour = keyof typeof PALETTE;

export function lightColour(name: Colour): string {
  return PALETTE[name][0];
}

const variables = (shade: 0 | 1): string =>
  Object.entries(PALETTE)
    .map(([name, shades]) => `--${name}:${shades[shade]}`)
    .join(';');

const darkSvg = Object.values(PALETTE)
  .map(([light, dark]) => `svg [fill="${light}"]{fill:${dark}}svg [stroke="${light}"]{stroke:${dark}}`)
  .join('');

/** Offline, without a font to load; light by default and on paper, dark where the reader's system is. */
export const STYLE_SHEET = `
:root{color-scheme:light dark;${variables(0)}}
@media screen and (prefers-color-scheme:dark){:root{${variables(1)}}${darkSvg}}
*{box-sizing:border-box}
body{margin:0;background:var(--paper);color:var(--ink);font:15px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"Liberation Sans",sans-serif}
main{max-width:1200px;margin:0 auto;padding:32px 24px 64px}
h1{font-size:26px;line-height:1.2;margin:0 0 4px;overflow-wrap:anywhere}
h2{font-size:18px;margin:44px 0 8px;padding-top:12px;border-top:1px solid var(--grid)}
p{margin:8px 0;max-width:80ch}
.kind{color:var(--muted);margin:0 0 16px}
.advice{font-size:18px;line-height:1.45;border-left:4px solid var(--accent);padding:4px 0 4px 16px;margin:16px 0 24px;max-width:76ch;overflow-wrap:anywhere}
.advice.none{border-color:var(--limit)}
dl{display:grid;grid-template-columns:max-content 1fr;gap:3px 20px;margin:0}
dt{color:var(--muted)}
dd{margin:0;overflow-wrap:anywhere}
figure{margin:16px 0;overflow-x:auto}
figure svg{display:block;max-width:none;height:auto}
figcaption,.note{color:var(--muted);font-size:13px;max-width:95ch}
.key{display:flex;flex-wrap:wrap;gap:4px 20px;margin:8px 0 4px;padding:0;list-style:none;font-size:13px}
.key svg{vertical-align:-3px;margin-right:6px}
.wide{overflow-x:auto;margin:12px 0}
table{border-collapse:collapse;font-size:13px;font-variant-numeric:tabular-nums;line-height:1.35}
th{font-weight:600;text-align:right;vertical-align:bottom;border-bottom:1.5px solid var(--muted);padding:4px 9px}
td{text-align:right;vertical-align:top;white-space:nowrap;border-bottom:1px solid var(--grid);padding:4px 9px}
th:first-child,td:first-child{padding-left:4px}
.l{text-align:left}
td.id{min-width:21ch;max-width:30ch;white-space:normal;overflow-wrap:anywhere}
td.wrap{white-space:normal}
td.why{white-space:normal;min-width:22ch}
tr.first td{background:var(--chosen);font-weight:600}
tr.no td{color:var(--muted)}
tr.no td.why{color:var(--ink)}
td.off{font-weight:700;color:var(--second)}
code{font:0.93em/1.35 ui-monospace,"SF Mono",Menlo,Consolas,"Liberation Mono",monospace;overflow-wrap:anywhere}
footer{margin-top:48px;padding-top:12px;border-top:1px solid var(--grid);color:var(--muted);font-size:13px}
@page{margin:14mm 12mm}
@media print{
:root{color-scheme:light}
body{font-size:10.5pt}
main{max-width:none;padding:0}
h2.curve{break-before:page;border-top:0;margin-top:0}
h2.curve~figure svg{max-height:215mm}
h2{break-after:avoid;margin-top:24px}
figure,.wide{overflow:visible}
figure svg{max-width:100%;break-inside:avoid}
table{font-size:7.5pt;width:100%}
th,td{padding:2px 4px}
td.why{min-width:14ch}
td.id{min-width:10ch}
thead{display:table-header-group}
tr{break-inside:avoid}
tr.first td{-webkit-print-color-adjust:exact;print-color-adjust:exact}
}
`;
