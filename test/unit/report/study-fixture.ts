import { createRandom } from '../../../src/core/random.js';
import { PREDICTORS, type Predictor, type StudiedCut, type StudyCell } from '../../../src/evaluate/study.js';

const CLASSES = 4;
const SAMPLES = 400;
/** The deeper, the better, but for the last. */
const TRUTH = [0.4, 0.55, 0.7, 0.9, 0.8];

/** A measured cell with drawn samples: CUI knows the order, Taylor has it backwards, the probe says nothing of one cut. */
export function studiedCell(seeds = 2): StudyCell {
  const random = createRandom(4);
  const testLabels = Array.from({ length: SAMPLES }, (_, i) => i % CLASSES);
  const values = (c: number): Record<Predictor, number | null> => ({
    cui: TRUTH[c] as number,
    cuiSum: c === 2 ? 9 : c,
    margin: (c * 3) % 5,
    taylor: -(TRUTH[c] as number),
    depth: c,
    size: -(100 - 10 * c),
    probe: c === 0 ? null : (TRUTH[c] as number) - 0.1,
  });
  const cuts = TRUTH.map((_, c): StudiedCut => {
    const predictors = values(c);
    const byClass = Object.fromEntries(
      PREDICTORS.filter((p) => p !== 'depth' && p !== 'size').map((p) => [
        p,
        Array.from({ length: CLASSES }, () => predictors[p]),
      ]),
    );
    return { id: `layer${c}`, elements: 100 - 10 * c, headMacs: 210 * (c + 1), predictors, byClass };
  });
  return {
    model: 'net',
    data: 'pictures',
    targetBytes: 40,
    networkMacs: 1000,
    cuts,
    leftOut: [{ id: 'early', why: 'no bottleneck brings its 4 096 values to the target' }],
    samples: { training: 900, validation: 100, test: SAMPLES, importance: 500, probes: 300 },
    training: { seeds, firstSeed: 0 },
    classSamples: Array.from({ length: CLASSES }, () => 125),
    testLabels,
    runs: TRUTH.flatMap((accuracy, c) =>
      Array.from({ length: seeds }, (_, seed) => ({
        cut: `layer${c}`,
        seed,
        bottleneck: 'conv1x1-s2-c8-b4',
        codedBytes: c === 4 ? 21 : 40.4,
        validationBytes: c === 4 ? 21 : 40.1,
        attempts: 1,
        correct: testLabels.map(() => (random.next() < accuracy ? '1' : '0')).join(''),
      })),
    ),
    fullAccuracy: 0.93,
  };
}
