import { executor } from './executor.js';
import { litert } from './litert.js';
import { litertReference } from './litert-reference.js';
import { nodeTflite } from './node-tflite.js';
import type { Runtime } from './runtime.js';
import { tfjsTflite } from './tfjs-tflite.js';
import { tfjsTfliteNode } from './tfjs-tflite-node.js';
import { tfliteMicro } from './tflite-micro.js';

/** Every runtime that verify asks, the ones that decide first. One file and one line each. */
export const RUNTIMES: readonly Runtime[] = [
  executor,
  tfliteMicro,
  nodeTflite,
  tfjsTfliteNode,
  tfjsTflite,
  litert,
  litertReference,
];
