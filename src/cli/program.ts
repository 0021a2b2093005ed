import { Command } from 'commander';
import { analyzeCommand } from './commands/analyze.js';
import { buildCommand } from './commands/build.js';
import { demoCommand } from './commands/demo.js';
import { devicesCommand } from './commands/devices.js';
import { doctorCommand } from './commands/doctor.js';
import { evaluateCommand } from './commands/evaluate.js';
import { initCommand } from './commands/init.js';
import { inspectCommand } from './commands/inspect.js';
import { linksCommand } from './commands/links.js';
import { runCommand } from './commands/run.js';
import { studyCommand } from './commands/study.js';
import { trainCommand } from './commands/train.js';
import { verifyCommand } from './commands/verify.js';

/** The program with all its commands, in the order of the work: what main runs and docs/commands.md lists. */
export function createProgram(version: string): Command {
  return new Command('isplit-edge')
    .description('Split a CNN between a microcontroller and a gateway.')
    .version(version)
    .addCommand(demoCommand())
    .addCommand(initCommand())
    .addCommand(inspectCommand())
    .addCommand(trainCommand())
    .addCommand(analyzeCommand())
    .addCommand(buildCommand())
    .addCommand(verifyCommand())
    .addCommand(evaluateCommand())
    .addCommand(runCommand())
    .addCommand(studyCommand())
    .addCommand(devicesCommand())
    .addCommand(linksCommand())
    .addCommand(doctorCommand());
}
