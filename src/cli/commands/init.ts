import { existsSync } from 'node:fs';
import { createInterface } from 'node:readline/promises';
import type { Command } from 'commander';
import { writeFilesAtomically } from '../../artifact/write-files.js';
import { fail } from '../../core/errors.js';
import {
  chooseDeployment,
  choosePreprocess,
  inspectModel,
  type OpenedModel,
  openLabelledData,
  openModel,
} from '../../sdk.js';
import { defineCommand, type Invocation, runAction } from '../command.js';
import { addDataOptions, addDeploymentOptions, addModelOptions, readOptions } from '../data-options.js';
import { PROJECT_FILE, type ProjectFile, projectSchema } from '../project-file.js';
import type { RawOptions } from '../values.js';

export function initCommand(): Command {
  const command = defineCommand(
    'init',
    'looks at the model and the data, asks or takes options, and writes isplit.json',
    ['init model.h5 --data samples/ --test-data test/ --device esp32-s3 --budget 300KB', 'init model.onnx'],
  );
  command
    .argument('[model]', 'model file')
    .option('--test-data <path>', 'samples never used for any choice')
    .option('--force', 'overwrite an isplit.json');
  addDeploymentOptions(addDataOptions(addModelOptions(command)));
  return command.action((model: string | undefined, raw: RawOptions) =>
    runAction(raw, (invocation) => init(model, raw, invocation)),
  );
}

async function init(argument: string | undefined, raw: RawOptions, { terminal, ctx }: Invocation): Promise<number> {
  if (existsSync(PROJECT_FILE) && raw.force !== true) {
    fail('E_USAGE', `${PROJECT_FILE} exists already`, { file: PROJECT_FILE }, 'Add --force to overwrite it.');
  }
  readOptions(raw, undefined);
  const questions = new Questions();
  try {
    const model = argument ?? (await questions.ask('model file'));
    const opened = await openModel(model, readOptions(raw, undefined).model, ctx);
    const { devices } = inspectModel(opened);
    terminal.print(`model    ${opened.name} · ${opened.description}`);
    terminal.print(
      `whole network fits: ${
        devices
          .filter((d) => d.fits)
          .map((d) => d.id)
          .join(', ') || 'no board'
      }`,
    );
    const data = option(raw, 'data') ?? (await questions.ask('labelled samples for analysis and training'));
    const testData = option(raw, 'testData') ?? (await questions.ask('samples for tests only (may be left out)', ''));
    const device = option(raw, 'device') ?? (await questions.ask('board', 'esp32-s3'));
    chooseDeployment(device, option(raw, 'link'));
    const project = proposeProject(opened, { ...raw, data, testData, device }, model);
    const options = readOptions(raw, project);
    choosePreprocess(opened, options.analyze);
    const dataset = await openLabelledData(opened, { ...options.analyze, data }, ctx);
    terminal.print(`data     ${dataset.describe().name} · ${dataset.count} samples · ${dataset.classCount} classes`);
    await writeFilesAtomically('.', { [PROJECT_FILE]: `${JSON.stringify(project, null, 2)}\n` });
    terminal.result(project, () => `wrote ${PROJECT_FILE}\nnext  isplit-edge analyze`);
    return 0;
  } finally {
    questions.close();
  }
}

function option(raw: RawOptions, key: string): string | undefined {
  const value = raw[key];
  return typeof value === 'string' ? value : undefined;
}

/** The project file for these options; what a model card says already is left out. */
function proposeProject(model: OpenedModel, raw: RawOptions, modelPath: string): ProjectFile {
  const pick = (pairs: Readonly<Record<string, string>>): Record<string, string> | undefined => {
    const found = Object.entries(pairs).flatMap(([name, key]) => {
      const value = option(raw, key);
      return value ? [[name, value] as const] : [];
    });
    return found.length > 0 ? Object.fromEntries(found) : undefined;
  };
  const preprocessing = pick({
    inputRange: 'inputRange',
    mean: 'mean',
    std: 'std',
    resize: 'resize',
    crop: 'crop',
    colour: 'colour',
  });
  const budgets = pick({
    total: 'budget',
    flash: 'budgetFlash',
    ram: 'budgetRam',
    macs: 'budgetMacs',
    latency: 'budgetLatency',
    wire: 'budgetWire',
  });
  const plain = pick({
    data: 'data',
    testData: 'testData',
    labels: 'labels',
    labelMap: 'labelMap',
    recordShape: 'recordShape',
    classes: 'classes',
    device: 'device',
    link: 'link',
  });
  return projectSchema.parse({
    schemaVersion: 1,
    model: modelPath,
    ...plain,
    ...(option(raw, 'samples') ? { samples: Number(option(raw, 'samples')) } : {}),
    ...(preprocessing && !model.card ? { preprocessing } : {}),
    ...(budgets ? { budgets } : {}),
    ...(option(raw, 'seed') ? { seed: Number(option(raw, 'seed')) } : {}),
  });
}

/** Asks on a terminal; without one a missing option is an error that names it. */
class Questions {
  readonly #reader = process.stdin.isTTY
    ? createInterface({ input: process.stdin, output: process.stderr })
    : undefined;

  async ask(what: string, fallback?: string): Promise<string> {
    const answer = this.#reader
      ? (await this.#reader.question(`${what}${fallback ? ` [${fallback}]` : ''}: `)).trim()
      : '';
    if (answer !== '') return answer;
    if (fallback !== undefined) return fallback;
    fail('E_USAGE', `no ${what} was given`, {}, 'Give it as an option; isplit-edge init --help lists them.');
  }

  close(): void {
    this.#reader?.close();
  }
}
