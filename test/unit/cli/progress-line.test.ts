import { describe, expect, it } from 'vitest';
import { describeProgress } from '../../../src/cli/progress-line.js';

const event = { stage: 'train', done: 3200, total: 96_000, unit: 'images' };

describe('the line of a long job', () => {
  it('has rate, time left and what the job measures', () => {
    const metrics = { epoch: 2, loss: 0.41267, accuracy: 0.8712 };
    expect(describeProgress({ ...event, metrics }, { done: 0, atMs: 1000 }, 5000)).toBe(
      'train    3200 of 96000 images, 800 images/s, 116 s left, epoch 2, loss 0.413, accuracy 87.1 %',
    );
  });

  it('counts what was done before a resumed run neither into the rate nor into the time left', () => {
    expect(describeProgress(event, { done: 3000, atMs: 0 }, 20_000)).toBe(
      'train    3200 of 96000 images, 10 images/s, 2.6 h left',
    );
  });

  it('counts by the minute what takes longer than a second', () => {
    const runs = { stage: 'study', done: 5, total: 50, unit: 'runs' };
    expect(describeProgress(runs, { done: 2, atMs: 0 }, 180_000)).toBe(
      'study    5 of 50 runs, 1.0 runs/min, 45 min left',
    );
  });

  it('says minutes when there are many, and nothing of the end where it is not known', () => {
    expect(describeProgress(event, { done: 0, atMs: 0 }, 10_000)).toContain('5 min left');
    const { total: _, ...open } = event;
    expect(describeProgress(open, { done: 0, atMs: 0 }, 1000)).toBe('train    3200 images, 3200 images/s');
    expect(describeProgress(event, { done: 3200, atMs: 0 }, 0)).toBe('train    3200 of 96000 images, 0.0 images/s');
  });
});
