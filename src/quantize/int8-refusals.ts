import { IsplitError } from '../core/errors.js';

const CODES: ReadonlySet<string> = new Set(['E_HOOK_UNSUPPORTED', 'E_OP_UNSUPPORTED', 'E_INT8_UNSUPPORTED']);

/** Whether this says that a network holds what the int8 path does not have; another part of it may do without. */
export function isInt8Refusal(error: unknown): error is IsplitError {
  return error instanceof IsplitError && CODES.has(error.code);
}
