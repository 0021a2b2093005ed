/** How readers and writers report operators they refuse: all of them in one problem, equal reasons together. */
import type { Problem } from '../src/core/errors.js';

/** An operator that cannot be read or written. */
export interface RefusedOperator {
  /** As the format calls it: `CONV_2D`, `CUSTOM ethos-u`, `LSTM`. */
  readonly op: string;
  /** Position in the file; −1 for what is no operator. */
  readonly index: number;
  /** Name of its first output. */
  readonly output: string;
  readonly why: string;
}

/** Ends the work on one operator; the caller collects these and goes on. The message says why. */
export class Refusal extends Error {}

const SHOWN_PLACES = 6;

const HINTS = {
  read: 'docs/supported-ops.md lists what is read: float32 networks, and int8 ones as TFLite, of these operators.',
  'written as TFLite':
    'docs/supported-ops.md lists what is written; a cut before these operators leaves them to the tail.',
} as const;

/** @param model name of the file, for the message */
export function describeRefusals(
  model: string,
  refused: readonly RefusedOperator[],
  task: 'read' | 'written as TFLite' = 'read',
): Problem {
  const groups = new Map<string, RefusedOperator[]>();
  for (const r of refused) {
    const key = `${r.op}: ${r.why}`;
    const group = groups.get(key);
    if (group) group.push(r);
    else groups.set(key, [r]);
  }
  const parts = [...groups].map(([key, group]) => {
    const places = group
      .slice(0, SHOWN_PLACES)
      .map((r) => (r.index < 0 ? `"${r.output}"` : `operator ${r.index} "${r.output}"`));
    if (group.length > SHOWN_PLACES) places.push(`${group.length - SHOWN_PLACES} more`);
    return `${key} (${places.join(', ')})`;
  });
  const count = `${refused.length} operator${refused.length > 1 ? 's' : ''}`;
  return {
    code: task === 'read' ? 'E_OP_UNSUPPORTED' : 'E_HOOK_UNSUPPORTED',
    message: `"${model}" has ${count} that cannot be ${task}: ${parts.join('; ')}`,
    context: { operators: refused },
    hint: HINTS[task],
  };
}
