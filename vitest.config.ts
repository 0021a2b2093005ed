import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    // Native engines (onnxruntime, libtensorflow) keep process-wide state: one process a file, not threads.
    pool: 'forks',
    maxWorkers: 2,
    testTimeout: 60_000,
    hookTimeout: 120_000,
    env: { ISPLIT_TEST_DATA: process.env.ISPLIT_TEST_DATA ?? '../shared/data' },
  },
});
