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
} as const satisfies Record<string, { exit: 1 | 2 | 3 | 4 | 5 | 6 | 130; meaning: string; remedy: string }>;

export type ErrorCode = keyof typeof ERROR_CODES;
