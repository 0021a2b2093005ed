#!/usr/bin/env node
import { CommanderError } from 'commander';
import { VERSION } from '../sdk.js';
import { exitStatus, interruption } from './command.js';
import { createProgram } from './program.js';
import { Terminal } from './terminal.js';

const program = createProgram(VERSION);

const argv = process.argv;
const json = argv.includes('--json');
for (const command of [program, ...program.commands]) {
  command.exitOverride();
  // With --json commander's own message would break the one document; it is printed as a coded error below.
  if (json) command.configureOutput({ writeErr: () => {} });
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
  const shown = error.exitCode === 0 || error.code === 'commander.help';
  exitStatus.code = error.exitCode === 0 ? 0 : 2;
  if (!shown && json) {
    const { IsplitError } = await import('../core/errors.js');
    new Terminal({ json }).error(new IsplitError({ code: 'E_USAGE', message: error.message.replace(/^error: /, '') }));
  }
}
process.exit(exitStatus.code);
