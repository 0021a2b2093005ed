/**
 * Every error code the SDK can raise, with the exit code of the command line and the meaning shown in docs/errors.md.
 * One row a code; rows are in alphabetical order. docs/errors.md is generated from this table.
 *
 * Exit codes: 2 wrong usage · 3 bad input · 4 no cut fits the budget · 5 verification failed · 6 something is missing.
 */
export const ERROR_CODES = {
  E_INTERNAL: {
    exit: 1,
    meaning: 'A defect of isplit-edge itself.',
    remedy: 'Report it with the command and the input.',
  },
  E_INTERRUPTED: {
    exit: 130,
    meaning: 'The run was stopped on request (Ctrl-C).',
    remedy: 'Run the same command again; finished parts are reused.',
  },
  E_USAGE: {
    exit: 2,
    meaning: 'An option or argument is missing, unknown or malformed.',
    remedy: 'See --help of the command.',
  },
  E_GRAPH_INVALID: {
    exit: 3,
    meaning: 'A graph breaks a rule of the intermediate representation (undefined tensor, wrong shape, cycle).',
    remedy: 'The model file is corrupt or was exported wrongly; export it again.',
  },
  E_SHAPE: {
    exit: 3,
    meaning: 'Shapes or attributes of a layer do not fit together.',
    remedy: 'The message names the layer and the shapes; check the export.',
  },
  E_OP_UNSUPPORTED: {
    exit: 3,
    meaning: 'The model uses operators or attributes this version does not have.',
    remedy: 'docs/supported-ops.md lists what is supported; every offending layer is named.',
  },
  E_HOOK_UNSUPPORTED: {
    exit: 3,
    meaning: 'An op is known, but cannot do what was asked (no gradient, not on this engine).',
    remedy: 'The message says which op and why; another engine may help.',
  },
  E_ENGINE: {
    exit: 1,
    meaning: 'An engine failed while running a graph.',
    remedy: 'Try another --engine and report the message.',
  },
  E_ENGINE_MISSING: {
    exit: 6,
    meaning: 'The engine asked for is not installed.',
    remedy: 'isplit-edge doctor says what to type.',
  },
  E_CUT_UNKNOWN: {
    exit: 2,
    meaning: 'A cut id names a tensor that the model does not have, or that does not separate head from tail.',
    remedy: 'isplit-edge analyze lists the cut ids.',
  },
} as const satisfies Record<string, { exit: 1 | 2 | 3 | 4 | 5 | 6 | 130; meaning: string; remedy: string }>;

export type ErrorCode = keyof typeof ERROR_CODES;
