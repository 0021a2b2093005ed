import { analyzeModel, demoPaths, openModel } from '../src/sdk.js';
import type { Evidence } from './evidence.js';

const COUNTS = [10, 20, 50, 100, 200, 500, 1000];
const SEEDS = [0, 1, 2, 3, 4];

/** How far curves over few pictures lie from the one over all 2 000 calibration pictures of the demo network. */
export const sampleCount: Evidence = {
  name: 'sample-count',
  summary: 'distance of CUI over n pictures from CUI over 2 000, fashion-cnn, five draws each',
  async run(report) {
    const { model, calibration } = demoPaths();
    const opened = await openModel(model);
    const all = await analyzeModel(opened, { data: calibration });
    const rows = [];
    for (const pictures of COUNTS) {
      report(`${pictures} pictures`);
      const distances: number[] = [];
      let sameRanking = 0;
      let sameCandidates = 0;
      for (const seed of SEEDS) {
        const some = await analyzeModel(opened, { data: calibration, samples: pictures, seed });
        distances.push(
          ...some.cuts.map((cut, i) => Math.abs((cut.log10Cui as number) - (all.cuts[i]?.log10Cui as number))),
        );
        const candidates = (analysis: typeof all): string =>
          analysis.cuts
            .filter((cut) => cut.localMaximum)
            .map((cut) => cut.id)
            .join();
        if (some.ranking.join() === all.ranking.join()) sameRanking += 1;
        if (candidates(some) === candidates(all)) sameCandidates += 1;
      }
      rows.push({
        pictures,
        draws: SEEDS.length,
        largestLog10CuiDifference: Math.max(...distances),
        sameRanking,
        sameCandidates,
      });
    }
    return { model: all.model.name, reference: all.samples, rows };
  },
};
