import { spawnSync } from 'node:child_process';
import type { Requirement } from './shared-data.js';

/** A TFLite runtime that npm compiles; asked in a process of its own. */
function addon(name: string, entry = name): Requirement {
  return {
    name,
    install: 'npm run setup:tflite-node',
    kind: 'tool',
    available: () =>
      spawnSync(process.execPath, ['--eval', `require(${JSON.stringify(entry)})`], { stdio: 'ignore' }).status === 0,
  };
}

export const nodeTfliteAddon = addon('node-tflite');
export const tfjsTfliteNodeAddon = addon('tfjs-tflite-node', 'tfjs-tflite-node/build/Release/node_tflite_binding.node');
