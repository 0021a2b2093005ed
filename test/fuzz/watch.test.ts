/** The watchdog itself: what it is there for must not go unseen. */
import { afterAll, expect, it } from 'vitest';
import { Watchdog } from './watch.js';

const limits = { milliseconds: 2000, rssBytes: 400 * 2 ** 20 };
const watchdog = new Watchdog('broken-worker.ts', limits);
afterAll(() => watchdog.stop());

it.each([
  ['hang', 'hang', /no answer after 2 s/],
  ['crash', 'crash', /SIGSEGV/],
  ['exit', 'crash', /ended with 3/],
  ['memory', 'memory', /MiB/],
])('sees a reader that ends in %s', async (seed, outcome, defect) => {
  const result = await watchdog.run({ seed, number: 0 });
  expect(result.outcome).toBe(outcome);
  expect(result.defect).toMatch(defect);
});

it('goes on afterwards', async () => {
  const result = await watchdog.run({ seed: 'fine', number: 0 });
  expect(result.outcome).toBe('graph');
  expect(result.defect).toBeUndefined();
  expect(result.peakRssBytes).toBeLessThan(limits.rssBytes);
});
