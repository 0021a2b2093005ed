import type { Analysis } from '../plan/analysis.js';

export async function renderAnalysisReport(analysis: Analysis): Promise<string> {
  return `<!doctype html><title>${analysis.schemaVersion}</title>`;
}
