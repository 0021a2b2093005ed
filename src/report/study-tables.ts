/** Figures of a study as rows of text, for terminal, report and docs alike. */
import type { CellResult } from '../evaluate/study.js';
import { plainText } from './phrases.js';
import {
  describeAccuracy,
  describeDifference,
  describeHeadLimit,
  describePlainRho,
  describePoints,
  describeRho,
  namePredictor,
  points,
} from './study-phrases.js';

export interface StudyTable {
  readonly title: string;
  readonly headers: readonly string[];
  /** The first column is text, the others are figures. */
  readonly rows: readonly (readonly string[])[];
}

export function tableOfCuts({ cuts, seeds, fullAccuracy }: CellResult): StudyTable {
  return {
    title: `cuts, in order of depth; whole network ${describeAccuracy(fullAccuracy)}`,
    headers: ['cut', 'head MACs', 'bottleneck', 'bytes', 'accuracy, %', ...(seeds > 1 ? ['± seeds'] : [])],
    rows: cuts.map((cut) => [
      plainText(cut.id),
      `${(100 * cut.headShare).toFixed(0)} %`,
      cut.bottleneck,
      `${cut.codedBytes.toFixed(0)}${cut.atTarget ? '' : ' *'}`,
      describePoints(cut.accuracy),
      ...(seeds > 1 ? [cut.seedDeviation === null ? '–' : points(cut.seedDeviation)] : []),
    ]),
  };
}

export function tableOfPredictors({ predictors }: CellResult): StudyTable {
  return {
    title: 'predictors: rank correlation with accuracy; partial: size and depth held constant, then head MACs as well',
    headers: ['predictor', 'ρ', 'ρ beyond size', 'partial ρ', 'with MACs'],
    rows: predictors.map((row) => [
      namePredictor(row.predictor),
      describeRho(row.rho),
      describeDifference(row.beyondSize),
      describePlainRho(row.partialRho),
      describePlainRho(row.partialRhoWithMacs),
    ]),
  };
}

export function tableOfRegrets({ predictors }: CellResult): StudyTable {
  const limits = [...new Set(predictors.flatMap(({ regrets }) => regrets.map(({ macsShare }) => macsShare)))].sort(
    (a, b) => a - b,
  );
  return {
    title: 'regret: points lost to the best cut of at most so many of the MACs, and where the predictor leads',
    headers: ['predictor', ...limits.map(describeHeadLimit)],
    rows: predictors.map(({ predictor, regrets }) => [
      namePredictor(predictor),
      ...limits.map((limit) => {
        const found = regrets.find(({ macsShare }) => macsShare === limit);
        return found ? `${describePoints(found.regret)} ${plainText(found.pick)}` : '–';
      }),
    ]),
  };
}

/** undefined without subsets. */
export function tableOfSubsets({ subsets }: CellResult): StudyTable | undefined {
  if (!subsets) return undefined;
  return {
    title: `${subsets.subsets} random sets of ${subsets.classesEach} classes: how often another cut, and what it gains on their samples`,
    headers: ['', 'moved', 'gain, points'],
    rows: [
      ['best cut as measured', `${subsets.moved}`, describePoints(subsets.gain)],
      ...subsets.predictors.map(({ predictor, moved, gain }) => [
        namePredictor(predictor),
        `${moved}`,
        describePoints(gain),
      ]),
    ],
  };
}

export function studyTables(result: CellResult): StudyTable[] {
  const subsets = tableOfSubsets(result);
  return [tableOfCuts(result), tableOfPredictors(result), tableOfRegrets(result), ...(subsets ? [subsets] : [])];
}
