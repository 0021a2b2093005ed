import { ERROR_CODES, type ErrorCode } from './error-codes.js';

/** JSON-able facts about an error: values, limits, names. Never secrets, never sample data. */
export type ErrorContext = Readonly<Record<string, unknown>>;

/** One thing that is wrong. */
export interface Problem {
  readonly code: ErrorCode;
  readonly message: string;
  readonly context?: ErrorContext;
  readonly hint?: string;
}

/**
 * The only error type that crosses a public boundary. `message` states what is wrong with values; `hint` says what to do
 * about it; `all` holds every problem found, the first of which gives the code.
 */
export class IsplitError extends Error {
  override readonly name = 'IsplitError';
  readonly code: ErrorCode;
  readonly context: ErrorContext;
  readonly hint: string | undefined;
  readonly all: readonly Problem[];

  constructor(problem: Problem | readonly Problem[], options?: { cause?: unknown }) {
    const all: readonly Problem[] = Array.isArray(problem) ? problem : [problem as Problem];
    const first = all[0];
    if (first === undefined) throw new RangeError('IsplitError needs at least one problem');
    const more = all.length > 1 ? ` (and ${all.length - 1} more)` : '';
    super(first.message + more, options);
    this.code = first.code;
    this.context = first.context ?? {};
    this.hint = first.hint ?? all.find((p) => p.hint !== undefined)?.hint;
    this.all = all;
  }

  /** Exit code of the command line for this error. */
  get exitCode(): number {
    return ERROR_CODES[this.code].exit;
  }

  /** What to do: the hint of this error, else what helps with all of its kind. */
  get remedy(): string {
    return this.hint ?? ERROR_CODES[this.code].remedy;
  }

  /** The document printed by `--json`. */
  toJSON(): { error: Record<string, unknown> } {
    return {
      error: { code: this.code, message: this.message, context: this.context, hint: this.remedy, all: this.all },
    };
  }
}

/** Shorthand for a single problem. */
export function fail(code: ErrorCode, message: string, context: ErrorContext = {}, hint?: string): never {
  throw new IsplitError(hint === undefined ? { code, message, context } : { code, message, context, hint });
}

/** Collects problems so that all of them are reported at once. */
export class Problems {
  readonly #list: Problem[] = [];

  add(code: ErrorCode, message: string, context: ErrorContext = {}, hint?: string): void {
    this.#list.push(hint === undefined ? { code, message, context } : { code, message, context, hint });
  }

  /** Takes over the problems of a caught IsplitError; anything else is rethrown. */
  addCaught(error: unknown): void {
    if (!(error instanceof IsplitError)) throw error;
    this.#list.push(...error.all);
  }

  /** What `make` gives; undefined when it throws an IsplitError, whose problems are taken over. */
  collect<T>(make: () => T): T | undefined {
    try {
      return make();
    } catch (error) {
      this.addCaught(error);
      return undefined;
    }
  }

  get size(): number {
    return this.#list.length;
  }

  get list(): readonly Problem[] {
    return this.#list;
  }

  /** @throws IsplitError holding every problem, when there is one. */
  throwIfAny(): void {
    if (this.#list.length > 0) throw new IsplitError(this.#list);
  }
}
