/** Run by streaming.test.ts: reads the 60 000 training images once and prints RSS before and at its peak, bytes. */
import { join } from 'node:path';
import { openDataset } from '../../../src/data/open-dataset.js';
import { plainSpecOf } from './plain-spec.js';

async function main(): Promise<void> {
  const folder = process.argv[2] as string;
  const before = process.memoryUsage.rss();
  let peak = 0;
  let samples = 0;
  const dataset = await openDataset(join(folder, 'fashion-mnist/train-images-idx3-ubyte.gz'));
  for await (const batch of dataset.batches({ batchSize: 256, spec: plainSpecOf(28, 28, 1) })) {
    samples += batch.count;
    peak = Math.max(peak, process.memoryUsage.rss());
  }
  console.log(JSON.stringify({ samples, before, peak }));
}

await main();
