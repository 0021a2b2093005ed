/** Evidence: figures that docs quote, each made by one committed command. One file and one line each. */

export interface Evidence {
  readonly name: string;
  readonly summary: string;
  /** Why it cannot run here, or undefined. */
  missing?(): string | undefined;
  /** @returns what is stored as docs/evidence/<name>.json: no dates, no paths of the machine */
  run(report: (line: string) => void): Promise<object>;
}

export const EVIDENCE: Readonly<Record<string, () => Promise<Evidence>>> = {
  engines: async () => (await import('./engines.js')).engines,
  examples: async () => (await import('./examples.js')).examples,
  'fashion-cnn-accuracy': async () => (await import('./fashion-cnn-accuracy.js')).fashionCnnAccuracy,
  'model-counts': async () => (await import('./model-counts.js')).modelCounts,
  'sample-count': async () => (await import('./sample-count.js')).sampleCount,
  'two-links': async () => (await import('./two-links.js')).twoLinks,
};
