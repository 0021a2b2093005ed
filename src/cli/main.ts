#!/usr/bin/env node
import { Command, CommanderError } from 'commander';
import { VERSION } from '../sdk.js';
import { exitStatus, interruption } from './command.js';
import { analyzeCommand } from './commands/analyze.js';
import { demoCommand } from './commands/demo.js';
import { devicesCommand } from './commands/devices.js';
import { doctorCommand } from './commands/doctor.js';
import { initCommand } from './commands/init.js';
import { inspectCommand } from './commands/inspect.js';
import { linksCommand } from './commands/links.js';
import { Terminal } from './terminal.js';

const program = new Command('isplit-edge')
  .description('Split a CNN between a microcontroller and a gateway.')
  .version(VERSION)
  .showHelpAfterError('(add --help for usage and examples)')
  .addCommand(demoCommand())
  .addCommand(initCommand())
  .addCommand(inspectCommand())
  .addCommand(analyzeCommand())
  .addCommand(devicesCommand())
  .addCommand(linksCommand())
  .addCommand(doctorCommand());

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
