/** The watchdog itself: what it is there for must not go unseen. */
import { afterAll, expect, it } from 'vitest';
import { LIMITS, Watchdog } from './watch.js';

const watchdog = new Watchdog('broken-worker.ts', { milliseconds: 1500, rssBytes: LIMITS.rssBytes });
afterAll(() => watchdog.stop());

it.each([
  ['hang', 'hang', /no answer after 1.5 s/],
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
  expect(result.peakRssBytes).toBeLessThan(LIMITS.rssBytes);
});
