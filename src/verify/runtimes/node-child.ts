import { createRequire } from 'node:module';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { type ChildCommand, openChild } from './child-session.js';
import type { Opened, SessionOptions } from './runtime.js';

/** Runs child/<name> in a Node process. Beside compiled code it is JavaScript; from the sources tsx translates it. */
export function openNodeChild(name: string, options: SessionOptions): Promise<Opened> {
  return openChild(nodeCommand(name), options);
}

function nodeCommand(name: string): ChildCommand {
  const fromSources = import.meta.url.endsWith('.ts');
  const script = fileURLToPath(new URL(`child/${name}.${fromSources ? 'ts' : 'js'}`, import.meta.url));
  const translate = fromSources ? ['--import', pathToFileURL(createRequire(import.meta.url).resolve('tsx')).href] : [];
  return { file: process.execPath, args: [...translate, script] };
}
