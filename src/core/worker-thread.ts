import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';
import { Worker } from 'node:worker_threads';

/**
 * Starts a module as a thread, compiled or not: in a working copy the thread registers the loader that tests and scripts run under.
 * @param module relative to `here`, ending in .js
 * @param here `import.meta.url` of the caller
 */
export function startWorkerThread(module: string, here: string, workerData: unknown): Worker {
  if (!here.endsWith('.ts')) return new Worker(new URL(module, here), { workerData });
  const loader = new URL('./index.mjs', pathToFileURL(createRequire(here).resolve('tsx/esm/api'))).href;
  const source = new URL(module.replace(/\.js$/, '.ts'), here).href;
  const code = `import(${JSON.stringify(loader)}).then(({ register }) => { register(); return import(${JSON.stringify(source)}); });`;
  return new Worker(code, { workerData, eval: true });
}
