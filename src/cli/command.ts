import { Command } from 'commander';
import type { RunContext } from '../core/context.js';
import { IsplitError } from '../core/errors.js';
import { createContext, type OutputOptions, Terminal } from './terminal.js';

/** What a command's action gets. */
export interface Invocation {
  readonly terminal: Terminal;
  readonly ctx: RunContext;
}

/** Exit code of the last command; main sets the process's from it. */
export interface ExitStatus {
  code: number;
}

/** Aborted by the first Ctrl-C; main wires it. */
export const interruption = new AbortController();
export const exitStatus: ExitStatus = { code: 0 };

const EXAMPLES = new WeakMap<Command, readonly string[]>();

/** The example lines of a command's help, without the program's name. */
export function examplesOf(command: Command): readonly string[] {
  return EXAMPLES.get(command) ?? [];
}

/**
 * A command with the habits of all commands: --json, --quiet, examples in its help, coded errors.
 * @param examples command lines without the program's name
 */
export function defineCommand(name: string, summary: string, examples: readonly string[]): Command {
  const command = new Command(name)
    .description(summary)
    .option('--json', 'print one JSON document on stdout and nothing else there')
    .option('--quiet', 'no progress, no notes')
    .addHelpText('after', `\nExamples:\n${examples.map((e) => `  $ isplit-edge ${e}`).join('\n')}`);
  EXAMPLES.set(command, examples);
  return command;
}

/** Runs an action with a terminal; its errors become messages and an exit code. The action may return an exit code itself. */
export async function runAction(
  options: OutputOptions,
  action: (invocation: Invocation) => Promise<number | undefined>,
): Promise<void> {
  const swallowed = Object.entries(options).filter(([, value]) => typeof value === 'string' && value.startsWith('--'));
  const terminal = new Terminal(
    swallowed.some(([, value]) => value === '--json') ? { ...options, json: true } : options,
  );
  try {
    if (swallowed.length > 0) failSwallowed(swallowed);
    exitStatus.code = (await action({ terminal, ctx: createContext(terminal, interruption.signal) })) ?? 0;
  } catch (error) {
    exitStatus.code = terminal.error(error);
  }
}

/** `--data --json`: the parser takes the next word as the value, whatever it is. */
function failSwallowed(swallowed: readonly (readonly [string, unknown])[]): never {
  throw new IsplitError(
    swallowed.map(([key, value]) => {
      const option = `--${key.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
      const message = `${option} needs a value, "${value}" stands in its place`;
      return { code: 'E_USAGE' as const, message, context: { option, value } };
    }),
  );
}
