#!/usr/bin/env node
import { CommanderError } from 'commander';
import { IsplitError, VERSION } from '../sdk.js';
import { exitStatus, interruption } from './command.js';
import { createProgram } from './program.js';
import { Terminal } from './terminal.js';

const HELP_HINT = 'isplit-edge --help lists the commands.';

const program = createProgram(VERSION);

const argv = process.argv;
const json = argv.includes('--json');
for (const command of [program, ...program.commands]) {
  command.exitOverride();
  // Usage errors are printed below, like all others: coded, with a hint, as one document with --json.
  command.configureOutput({ writeErr: () => {} });
}

// The first Ctrl-C lets work stop at a safe point; the second one leaves at once.
process.on('SIGINT', () => {
  if (interruption.signal.aborted) process.exit(130);
  interruption.abort();
});

try {
  await program.parseAsync(argv);
} catch (error) {
  if (!(error instanceof CommanderError)) throw error;
  if (error.exitCode !== 0) exitStatus.code = reportUsage(error);
}
// What was written reaches a slow reader before the process ends.
process.stdout.write('', () => process.exit(exitStatus.code));

function reportUsage(error: CommanderError): number {
  const terminal = new Terminal({ json });
  if (error.code === 'commander.help') {
    if (!json) {
      process.stderr.write(program.helpInformation());
      return 2;
    }
    return terminal.error(new IsplitError({ code: 'E_USAGE', message: 'no command was given', hint: HELP_HINT }));
  }
  const message = error.message.replace(/^error: /, '').replace(/\n\(Did you mean (.*)\?\)$/, '; did you mean $1?');
  const command = program.commands.find((c) => argv.slice(2).includes(c.name()));
  const hint = command ? `isplit-edge ${command.name()} --help has the options and examples.` : HELP_HINT;
  return terminal.error(new IsplitError({ code: 'E_USAGE', message, hint }));
}
