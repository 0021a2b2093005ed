import type { Evaluation } from '../evaluate/evaluation.js';
import { drawBaselines } from './baseline-section.js';
import { describeCosts } from './build-phrases.js';
import { drawAccuracy } from './build-report.js';
import { drawPage, html } from './html.js';
import { keepTogether } from './phrases.js';

/**
 * An evaluation as one HTML file: no script, nothing to load. The same input gives the same bytes.
 * @param name of the model
 * @throws IsplitError E_INTERNAL when a chart cannot be drawn
 */
export async function renderEvaluationReport(name: string, evaluation: Evaluation): Promise<string> {
  const facts = describeCosts(evaluation).map(
    ([label, value]) => html`<dt>${label}</dt><dd>${keepTogether(value)}</dd>\n`,
  );
  const sections = [
    html`<h1>${name}</h1>
<p class="kind">An evaluation, by isplit-edge evaluate</p>
<p class="advice">${keepTogether(evaluation.verdict ?? 'The split alone; --baselines measures simpler ideas beside it.')}</p>
<dl>
${facts}</dl>`,
    await drawBaselines(evaluation),
    await drawAccuracy(evaluation),
    html`<footer>split id <code>${evaluation.splitId}</code></footer>`,
  ];
  return drawPage(`${name}: evaluation`, html`${sections.map((section) => html`${section}\n`)}`);
}
