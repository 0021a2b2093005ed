/** Stands in for worker.ts: does to the watchdog what a broken reader would do. The seed says what. */
import type { Job } from './watch.js';

const kept: Uint8Array[] = [];

process.on('message', ({ seed }: Job) => {
  process.send?.({ reading: true, kind: 'test', structural: true }, () => {
    if (seed === 'hang') for (;;);
    if (seed === 'crash') process.kill(process.pid, 'SIGSEGV');
    if (seed === 'exit') process.exit(3);
    if (seed === 'memory') kept.push(new Uint8Array(450 * 2 ** 20).fill(1));
    const peakRssBytes = process.resourceUsage().maxRSS * 1024;
    process.send?.({ kind: 'test', structural: true, outcome: 'graph', milliseconds: 1, peakRssBytes });
  });
});

process.send?.({ ready: true });
