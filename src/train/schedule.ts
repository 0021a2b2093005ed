import type { TrainOptions } from './training.js';

type Schedule = Pick<TrainOptions, 'learningRate' | 'finalShare' | 'warmupSteps'>;

/**
 * Learning rate of one step: a linear rise over `warmupSteps`, then half a cosine from the peak to `finalShare` of it (default 0) at the
 * last step. Source of the cosine: Loshchilov and Hutter, "SGDR", ICLR 2017, equation 5 without restarts.
 * @param step from 0
 * @param total steps of the whole training
 */
export function learningRateAt(schedule: Schedule, step: number, total: number): number {
  const { learningRate, finalShare = 0, warmupSteps = 0 } = schedule;
  if (step < warmupSteps) return (learningRate * (step + 1)) / warmupSteps;
  const length = total - 1 - warmupSteps;
  const passed = length > 0 ? Math.min(1, (step - warmupSteps) / length) : 0;
  const falling = (1 + Math.cos(Math.PI * passed)) / 2;
  return learningRate * (finalShare + (1 - finalShare) * falling);
}
