import { describe, expect, it } from 'vitest';
import { createRandom } from '../../../../src/core/random.js';
import { PREDICTORS, type Predictor, type StudyCell } from '../../../../src/evaluate/study.js';
import { analyseCell } from '../../../../src/pipeline/study/analyse-cell.js';
import { splitHalves } from '../../../../src/pipeline/study/correctness.js';

const CLASSES = 4;
const SAMPLES = 1200;

interface Plan {
  /** True accuracy by cut, or by cut and class. */
  readonly truth: readonly (number | readonly number[])[];
  readonly seeds?: number;
  readonly predictors?: Partial<Record<Predictor, readonly number[]>>;
  readonly byClass?: Partial<Record<Predictor, readonly (readonly number[])[]>>;
  readonly bytes?: readonly number[];
}

/** A cell whose accuracies are known; the samples are drawn. */
function makeCell({ truth, seeds = 3, predictors = {}, byClass = {}, bytes = [] }: Plan): StudyCell {
  const random = createRandom(11);
  const testLabels = Array.from({ length: SAMPLES }, (_, i) => i % CLASSES);
  return {
    model: 'made',
    data: 'drawn',
    targetBytes: 100,
    networkMacs: 1000,
    fullAccuracy: 0.95,
    leftOut: [],
    samples: { training: 100, validation: 10, test: SAMPLES, importance: 100, probes: 100 },
    training: {},
    cuts: truth.map((_, c) => ({
      id: `cut${c}`,
      elements: 100 - c,
      headMacs: (1000 * (c + 1)) / truth.length,
      predictors: Object.fromEntries(
        PREDICTORS.map((p) => [p, predictors[p]?.[c] ?? (p === 'depth' ? c : c)]),
      ) as Record<Predictor, number>,
      byClass: Object.fromEntries(Object.entries(byClass).map(([p, rows]) => [p, rows?.[c] as readonly number[]])),
    })),
    classSamples: Array.from({ length: CLASSES }, () => 25),
    testLabels,
    runs: truth.flatMap((accuracy, c) =>
      Array.from({ length: seeds }, (_, seed) => ({
        cut: `cut${c}`,
        seed,
        bottleneck: 'conv1x1-s1-c1-b8',
        codedBytes: bytes[c] ?? 100,
        validationBytes: 100,
        attempts: 1,
        correct: testLabels
          .map((label) =>
            random.next() < (typeof accuracy === 'number' ? accuracy : (accuracy[label] as number)) ? '1' : '0',
          )
          .join(''),
      })),
    ),
  };
}

const options = { seed: 0, subsets: 0 };

describe('analyseCell', () => {
  const truth = [0.5, 0.6, 0.9, 0.7, 0.8];

  it('reports accuracy with an interval that holds the truth, bytes, and whether they are those asked for', () => {
    const result = analyseCell(makeCell({ truth, bytes: [100, 104, 106, 60, 95] }), options);
    result.cuts.forEach((cut, c) => {
      expect(cut.accuracy.interval[0]).toBeLessThan(truth[c] as number);
      expect(cut.accuracy.interval[1]).toBeGreaterThan(truth[c] as number);
    });
    expect(result.cuts.map((cut) => cut.atTarget)).toEqual([true, true, false, false, true]);
    expect(result.reliability?.ceiling).toBeGreaterThan(0.95);
  });

  it('gives no regret and ρ = 1 to a predictor that knows, and the whole loss to one that is reversed', () => {
    const result = analyseCell(makeCell({ truth, predictors: { cui: truth, taylor: truth.map((a) => -a) } }), options);
    const of = (name: Predictor) => result.predictors.find(({ predictor }) => predictor === name);
    expect(of('cui')?.rho?.value).toBeCloseTo(1, 12);
    expect(of('taylor')?.rho?.value).toBeCloseTo(-1, 12);
    expect(of('cui')?.regrets.at(-1)).toMatchObject({ macsShare: 1, pick: 'cut2', regret: { value: 0 } });
    const lost = of('taylor')?.regrets.at(-1);
    expect(lost?.pick).toBe('cut0');
    expect(lost?.regret.value).toBeCloseTo(0.4, 1);
    expect(lost?.regret.interval[0]).toBeGreaterThan(0.3);
  });

  it('judges within head budgets: a cut that is not allowed is neither pick nor best', () => {
    const result = analyseCell(makeCell({ truth, predictors: { cui: truth } }), options);
    const regrets = result.predictors.find(({ predictor }) => predictor === 'cui')?.regrets;
    expect(regrets?.map(({ macsShare, candidates, pick }) => [macsShare, candidates, pick])).toEqual([
      [0.25, 1, 'cut0'],
      [0.5, 2, 'cut1'],
      [0.75, 3, 'cut2'],
      [1, 5, 'cut2'],
    ]);
  });

  it('compares with cuts that a predictor says nothing of: they may be the best', () => {
    const cell = makeCell({ truth, predictors: { probe: truth } });
    const blind = {
      ...cell,
      cuts: cell.cuts.map((cut) =>
        cut.id === 'cut2' ? { ...cut, predictors: { ...cut.predictors, probe: null } } : cut,
      ),
    };
    const regret = analyseCell(blind, options)
      .predictors.find(({ predictor }) => predictor === 'probe')
      ?.regrets.at(-1);
    expect(regret).toMatchObject({ pick: 'cut4', candidates: 5 });
    expect(regret?.regret.value).toBeCloseTo(0.1, 1);
  });

  it('has no limit at the widest budget: with its encoder a head may exceed the network', () => {
    const cell = makeCell({ truth });
    const late = { ...cell, cuts: cell.cuts.map((cut, c) => (c === 4 ? { ...cut, headMacs: 1010 } : cut)) };
    expect(analyseCell(late, options).predictors[0]?.regrets.at(-1)).toMatchObject({ macsShare: 1, candidates: 5 });
  });

  it('compares a predictor with size on the same samples: nothing between them where they agree', () => {
    const size = [1, 2, 3, 4, 5];
    const result = analyseCell(makeCell({ truth, predictors: { size, cuiSum: size, cui: truth } }), options);
    const of = (name: Predictor) => result.predictors.find(({ predictor }) => predictor === name);
    expect(of('size')?.beyondSize).toBeNull();
    expect(of('cuiSum')?.beyondSize).toEqual({ value: 0, interval: [0, 0] });
    const cui = of('cui');
    expect(cui?.beyondSize?.value).toBeCloseTo((cui?.rho?.value ?? 0) - (of('size')?.rho?.value ?? 0), 12);
    expect(cui?.beyondSize?.interval[0]).toBeGreaterThan(0);
  });

  it('does not count the luck of the best as loss: among equal cuts regret is nothing', () => {
    const result = analyseCell(makeCell({ truth: [0.8, 0.8, 0.8, 0.8, 0.8, 0.8, 0.8, 0.8] }), options);
    for (const { regrets } of result.predictors) {
      const { interval } = (regrets.at(-1) as (typeof regrets)[number]).regret;
      expect(interval[0]).toBeLessThan(0.005);
      expect(interval[0]).toBeGreaterThan(-0.05);
    }
  });

  it('leaves out cuts that a seed has not trained', () => {
    const cell = makeCell({ truth });
    const result = analyseCell(
      { ...cell, runs: cell.runs.filter((run) => run.cut !== 'cut2' || run.seed > 0) },
      options,
    );
    expect(result.cuts.map(({ id }) => id)).toEqual(['cut0', 'cut1', 'cut3', 'cut4']);
  });

  it('sees that the best cut moves with the classes, and whether a predictor moves with it', () => {
    const truth = [
      [0.95, 0.95, 0.3, 0.3],
      [0.3, 0.3, 0.95, 0.95],
      [0.6, 0.6, 0.68, 0.68],
    ];
    const knows = truth;
    const blind = [
      [3, 3, 3, 3],
      [2, 2, 2, 2],
      [1, 1, 1, 1],
    ];
    const cell = makeCell({
      truth,
      predictors: { cui: [0.625, 0.625, 0.64], margin: [3, 2, 1] },
      byClass: { cui: knows, margin: blind },
    });
    const subsets = analyseCell(cell, { seed: 3, subsets: 20, classesEach: 2 }).subsets;
    const of = (name: Predictor) => subsets?.predictors.find(({ predictor }) => predictor === name);
    expect(subsets?.moved).toBeGreaterThan(2);
    expect(of('cui')?.moved).toBeGreaterThan(2);
    expect(of('cui')?.gain.value).toBeGreaterThan(0.02);
    expect(of('margin')).toMatchObject({ moved: 0, gain: { value: 0 } });
    expect(subsets?.predictors).toHaveLength(2);
  });

  it('does not take subsets for independent samples: more of them make the gain no surer than its samples are', () => {
    const cell = makeCell({
      truth: [0.8, 0.7],
      predictors: { cui: [1, 0] },
      byClass: {
        cui: [
          [1, 1, 0, 0],
          [0, 0, 1, 1],
        ],
      },
    });
    const width = (subsets: number): number => {
      const gain = analyseCell(cell, { seed: 1, subsets, classesEach: 1 }).subsets?.predictors[0]?.gain;
      return (gain?.interval[1] ?? 0) - (gain?.interval[0] ?? 0);
    };
    // Half of the classes move, 600 samples: 2 · 1.96 · sqrt(0.5) · sqrt(0.8 · 0.2 / 3 + 0.7 · 0.3 / 3) / sqrt(1200)
    expect(width(200)).toBeCloseTo(0.03, 1);
    expect(width(200)).toBeGreaterThan(0.02);
  });

  it('is the same for the same seed', () => {
    const cell = makeCell({ truth });
    expect(analyseCell(cell, { seed: 5, subsets: 4 })).toEqual(analyseCell(cell, { seed: 5, subsets: 4 }));
  });
});

describe('splitHalves', () => {
  it('gives every sample to one half, and each half the classes of the whole', () => {
    const labels = Array.from({ length: 101 }, (_, i) => i % 3);
    const [a, b] = splitHalves(labels, 7);
    expect([...a, ...b].sort((x, y) => x - y)).toEqual(labels.map((_, i) => i));
    for (const c of [0, 1, 2]) {
      const count = (half: readonly number[]): number => half.filter((i) => labels[i] === c).length;
      expect(Math.abs(count(a) - count(b))).toBeLessThanOrEqual(1);
    }
  });
});
