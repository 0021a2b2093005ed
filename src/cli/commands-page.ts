import type { Argument, Command, Option } from 'commander';
import { examplesOf } from './command.js';

/** docs/commands.md: arguments, options and examples of every command, from the definitions the command line itself runs. Markdown. */
export function renderCommandsPage(program: Command): string {
  const commands = program.commands;
  const lines = [
    '# Commands and options',
    '',
    '<!-- Generated from src/cli/ by `npm run docs`; do not edit. -->',
    '',
    'Exit codes, sizes, the project file and what `--json` prints are in [cli.md](cli.md). `isplit-edge COMMAND --help` prints the same',
    'lists as this page.',
    '',
    '| command | does |',
    '|---|---|',
    ...commands.map((c) => `| [\`${c.name()}\`](#${c.name()}) | ${cell(c.description())} |`),
  ];
  for (const command of commands) lines.push('', ...renderCommand(program, command));
  return `${lines.join('\n')}\n`;
}

function renderCommand(program: Command, command: Command): string[] {
  const usage = command.registeredArguments.map((a) => (a.required ? `<${a.name()}>` : `[${a.name()}]`));
  const lines = [
    `## ${command.name()}`,
    '',
    `\`${[program.name(), command.name(), '[options]', ...usage].join(' ')}\``,
    '',
    sentence(command.description()),
  ];
  if (command.registeredArguments.length > 0) {
    lines.push('', '| argument | |', '|---|---|', ...command.registeredArguments.map(renderArgument));
  }
  for (const [group, options] of groupOptions(command.options)) {
    lines.push('', `| ${group} | |`, '|---|---|', ...options.map(renderOption));
  }
  const examples = examplesOf(command).map((line) => `${program.name()} ${line}`);
  if (examples.length > 0) lines.push('', '```', ...examples, '```');
  return lines;
}

/** Options by the heading they have in --help, in order of first appearance. */
function groupOptions(options: readonly Option[]): Map<string, Option[]> {
  const groups = new Map<string, Option[]>();
  for (const option of options) {
    const heading = (option.helpGroupHeading ?? 'options').replace(/:$/, '');
    groups.set(heading, [...(groups.get(heading) ?? []), option]);
  }
  return groups;
}

function renderArgument(argument: Argument): string {
  return `| \`${argument.name()}\` | ${cell(argument.description)} |`;
}

function renderOption(option: Option): string {
  const fallback = typeof option.defaultValue === 'string' ? ` (default: ${option.defaultValue})` : '';
  return `| \`${option.flags}\` | ${cell(option.description + fallback)} |`;
}

function sentence(text: string): string {
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}.`;
}

function cell(text: string): string {
  return text.replaceAll('|', '\\|').replaceAll('<', '&lt;');
}
