import { OPS } from './index.js';
import { isUnsupported, type OpDef } from './op-def.js';

/**
 * docs/supported-ops.md: what each op can do, read off its definition. Markdown.
 * A hook counts as there when it is not `unsupported('why')`; every reason is printed once, with a number.
 */
export function renderSupportedOpsPage(): string {
  const defs = Object.values(OPS as unknown as Readonly<Record<string, OpDef>>).sort((a, b) =>
    a.kind < b.kind ? -1 : 1,
  );
  const footnotes = new Footnotes();
  const network = defs.filter((def) => def.role === 'network');
  const gradient = defs.filter((def) => def.role === 'gradient');
  const networkRows = network.map((def) => renderNetworkRow(def, footnotes));
  const gradientRows = gradient.map((def) => renderGradientRow(def, footnotes));
  const lines = [
    '# Supported ops',
    '',
    '<!-- Generated from the definitions in src/ops/ by `npm run docs`; do not edit. -->',
    '',
    'The graph is NHWC with TFLite semantics; readers translate into these ops and end with `E_OP_UNSUPPORTED`, naming every',
    'offending layer, where they cannot. A number is a reason, listed below.',
    '',
    `## Ops of networks (${network.length})`,
    '',
    'gradient: can importance be computed through it · onnx, tfjs: runs on these engines · TFLite: read from these builtins ·',
    'write, int8, C: part of an int8 head · fused: takes a relu or relu6 with it · tail: written into a TF.js tail.',
    '',
    '| op | what | gradient | onnx | tfjs | TFLite | write | int8 | C | fused | tail |',
    '|---|---|---|---|---|---|---|---|---|---|---|',
    ...networkRows,
    '',
    '## Edge TPU',
    '',
    "Constraints of Google's compiler that are known for an op; without all of them it stays on the CPU.",
    '',
    '| op | mapped when |',
    '|---|---|',
    ...network.map((def) => `| \`${def.kind}\` | ${describeEdgeTpu(def)} |`),
    '',
    `## Ops of gradient and analysis graphs (${gradient.length})`,
    '',
    '| op | what | gradient of it | onnx | tfjs |',
    '|---|---|---|---|---|',
    ...gradientRows,
    '',
    '## Reasons',
    '',
    ...footnotes.render(),
  ];
  return `${lines.join('\n')}\n`;
}

/** Numbers reasons in order of first use; the same reason gets the same number. */
class Footnotes {
  readonly #reasons: string[] = [];

  mark(hook: object): string {
    if (!isUnsupported(hook)) return 'yes';
    let at = this.#reasons.indexOf(hook.unsupported);
    if (at < 0) at = this.#reasons.push(hook.unsupported) - 1;
    return `– (${at + 1})`;
  }

  render(): string[] {
    return this.#reasons.map((reason, i) => `${i + 1}. ${escapeCell(reason)}`);
  }
}

function renderNetworkRow(def: OpDef, footnotes: Footnotes): string {
  const { decode, encode } = def.tflite;
  const builtins = isUnsupported(decode) ? footnotes.mark(decode) : Object.keys(decode).sort().join(', ');
  const cells = [
    `\`${def.kind}\``,
    escapeCell(def.summary),
    footnotes.mark(def.vjp),
    footnotes.mark(def.toOnnx),
    footnotes.mark(def.toTfjs),
    builtins,
    footnotes.mark(encode),
    footnotes.mark(def.int8),
    footnotes.mark(def.emitC),
    def.fusesActivation ? 'yes' : '',
    footnotes.mark(def.toTfjsGraph),
  ];
  return `| ${cells.join(' | ')} |`;
}

function renderGradientRow(def: OpDef, footnotes: Footnotes): string {
  const hooks = [def.vjp, def.toOnnx, def.toTfjs].map((hook) => footnotes.mark(hook));
  return `| \`${def.kind}\` | ${escapeCell(def.summary)} | ${hooks.join(' | ')} |`;
}

function describeEdgeTpu(def: OpDef): string {
  if (isUnsupported(def.edgeTpu)) return `never: ${escapeCell(def.edgeTpu.unsupported)}`;
  if (def.edgeTpu.length === 0) return 'always';
  return def.edgeTpu.map((constraint) => escapeCell(constraint.rule)).join('; ');
}

function escapeCell(text: string): string {
  return text.replaceAll('|', '\\|').replaceAll('<', '&lt;');
}
