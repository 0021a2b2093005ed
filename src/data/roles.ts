import { fail } from '../core/errors.js';
import { createRandom } from '../core/random.js';
import type { Dataset } from './dataset.js';

/** Parts of a data set that never mix: `train` also calibrates, `validation` is for choices, `test` for what is reported. */
export interface Roles {
  readonly train: Dataset;
  readonly validation: Dataset;
  readonly test: Dataset;
}

/** Share of each part, 0 … 1; train gets the rest. */
export interface RoleShares {
  readonly validation?: number;
  readonly test?: number;
}

/**
 * Divides a data set by class: each part has the classes in the same proportions, within one sample. The same seed and the
 * same labels give the same parts.
 * @throws IsplitError E_USAGE when the shares leave nothing to train; E_DATA_EMPTY when a part that was asked for gets no sample
 */
export function splitRoles(dataset: Dataset, seed: number, shares: RoleShares): Roles {
  const validation = shares.validation ?? 0;
  const test = shares.test ?? 0;
  if (!(validation >= 0 && test >= 0 && validation + test < 1)) {
    fail('E_USAGE', `parts of ${validation} for validation and ${test} for test leave nothing to train`, {
      validation,
      test,
    });
  }
  const testPlaces = drawStratified(dataset.labels, Math.round(test * dataset.count), seed);
  const taken = new Set(testPlaces);
  const others = Uint32Array.from({ length: dataset.count }, (_, i) => i).filter((i) => !taken.has(i));
  const otherLabels = Int32Array.from(others, (i) => dataset.labels[i] as number);
  // A different stream than the test part's: the same one would pick by the same permutation.
  const drawn = drawStratified(otherLabels, Math.round(validation * dataset.count), seed + 1);
  const validationPlaces = drawn.map((i) => others[i] as number);
  for (const i of validationPlaces) taken.add(i);
  const trainPlaces = others.filter((i) => !taken.has(i));
  const wanted: [string, number, Uint32Array][] = [
    ['train', 1, trainPlaces],
    ['validation', validation, validationPlaces],
    ['test', test, testPlaces],
  ];
  for (const [role, share, places] of wanted) {
    if (share > 0 && places.length === 0) {
      fail(
        'E_DATA_EMPTY',
        `${dataset.count} samples are too few: nothing is left for ${role}`,
        { samples: dataset.count, role, share },
        'Give more samples, or test data of their own.',
      );
    }
  }
  return {
    train: dataset.select(trainPlaces),
    validation: dataset.select(validationPlaces),
    test: dataset.select(testPlaces),
  };
}

/**
 * Draws places at random so that each class keeps its share, rounded by largest remainder (ties: lower class first).
 * @param labels class of each place
 * @returns `count` places (all when there are not more), ascending
 */
export function drawStratified(labels: Int32Array, count: number, seed: number): Uint32Array {
  const wanted = Math.min(count, labels.length);
  const groups = new Map<number, number[]>();
  labels.forEach((label, i) => {
    const group = groups.get(label);
    if (group) group.push(i);
    else groups.set(label, [i]);
  });
  const classes = [...groups.keys()].sort((a, b) => a - b);
  const exact = classes.map((label) => ((groups.get(label) as number[]).length * wanted) / Math.max(1, labels.length));
  const quotas = exact.map(Math.floor);
  const byRemainder = classes.map((_, k) => k).sort((a, b) => remainder(exact, b) - remainder(exact, a) || a - b);
  let missing = wanted - quotas.reduce((sum, quota) => sum + quota, 0);
  for (const k of byRemainder) {
    if (missing-- <= 0) break;
    quotas[k] = (quotas[k] as number) + 1;
  }
  const random = createRandom(seed);
  const drawn: number[] = [];
  classes.forEach((label, k) => {
    const group = groups.get(label) as number[];
    const order = random.permutation(group.length);
    for (let i = 0; i < (quotas[k] as number); i++) drawn.push(group[order[i] as number] as number);
  });
  return Uint32Array.from(drawn).sort();
}

function remainder(exact: readonly number[], k: number): number {
  const value = exact[k] as number;
  return value - Math.floor(value);
}
