/** Worker thread of run-records: takes chunks of records from a shared counter until none is left. */
import { parentPort, workerData } from 'node:worker_threads';
import { IsplitError } from '../core/errors.js';
import { prepareRecords } from './record-program.js';
import type { RecordJob, WorkerMessage } from './run-records.js';

const port = parentPort;
if (port === null) throw new Error('run-records-worker runs in a worker thread only');
const post = (message: WorkerMessage): void => port.postMessage(message);

const { graph, inputs, outputs, counter, count, chunk } = workerData as RecordJob;
try {
  const program = prepareRecords(graph);
  const next = new Int32Array(counter);
  for (;;) {
    const start = Atomics.add(next, 0, chunk);
    if (start >= count) break;
    const end = Math.min(start + chunk, count);
    for (let i = start; i < end; i++) program.runRecord(new Uint8Array(inputs), new Uint8Array(outputs), i);
    post({ done: end - start });
  }
} catch (error) {
  if (!(error instanceof IsplitError)) throw error;
  post({ problems: error.all });
}
