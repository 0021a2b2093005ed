import type { ProgressEvent } from '../core/context.js';

/** Where and when a stage was first heard of: a resumed job starts in the middle, and its rate is of what it did itself. */
export interface StageStart {
  readonly done: number;
  readonly atMs: number;
}

/** Below so many a second, a minute is what is counted by. */
const SLOW = 0.05;

/**
 * One line on how a long job goes: `train    3200 of 96000 images, 812 images/s, 2 min left, epoch 2, loss 0.413, accuracy 87.1 %`.
 * @param nowMs on the clock of `start`
 */
export function describeProgress(event: ProgressEvent, start: StageStart, nowMs: number): string {
  const { stage, done, total, unit, metrics = {} } = event;
  const seconds = (nowMs - start.atMs) / 1000;
  const rate = seconds > 0 ? (done - start.done) / seconds : 0;
  const parts = [`${done}${total === undefined ? '' : ` of ${total}`} ${unit}`];
  parts.push(describeRate(rate, unit));
  if (total !== undefined && rate > 0) parts.push(`${describeSeconds((total - done) / rate)} left`);
  for (const [name, value] of Object.entries(metrics)) parts.push(`${name} ${describeMetric(name, value)}`);
  return `${stage.padEnd(8)} ${parts.join(', ')}`;
}

function describeRate(rate: number, unit: string): string {
  if (rate > 0 && rate < SLOW) return `${(60 * rate).toFixed(1)} ${unit}/min`;
  return `${rate.toFixed(rate < 10 ? 1 : 0)} ${unit}/s`;
}

function describeSeconds(seconds: number): string {
  if (seconds < 120) return `${Math.ceil(seconds)} s`;
  return seconds < 7200 ? `${Math.round(seconds / 60)} min` : `${(seconds / 3600).toFixed(1)} h`;
}

function describeMetric(name: string, value: number): string {
  if (name === 'accuracy') return `${(100 * value).toFixed(1)} %`;
  return Number.isInteger(value) ? String(value) : value.toPrecision(3);
}
