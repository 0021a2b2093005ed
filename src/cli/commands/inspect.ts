import type { Command } from 'commander';
import { fail } from '../../core/errors.js';
import { formatBytes, formatCount } from '../../core/units.js';
import { formatShape } from '../../ir/graph.js';
import { type Inspection, inspectModel, openModel } from '../../sdk.js';
import { defineCommand, runAction } from '../command.js';
import { addModelOptions, readOptions } from '../data-options.js';
import { readProjectFile } from '../project-file.js';
import { renderTable } from '../table.js';
import type { RawOptions } from '../values.js';

export function inspectCommand(): Command {
  const command = defineCommand(
    'inspect',
    'format, ops, shapes, MACs, parameters, sizes, and what each board would say',
    ['inspect model.h5', 'inspect mobilenet/model.json --json', 'inspect resnet50 --input 64'],
  );
  command.argument('[model]', 'model file, or an architecture such as vgg16 (default: from isplit.json)');
  addModelOptions(command);
  return command.action((model: string | undefined, raw: RawOptions) =>
    runAction(raw, async ({ terminal, ctx }) => {
      const project = readProjectFile();
      const options = readOptions(raw, project);
      const name = model ?? project?.model ?? fail('E_USAGE', 'no model was given', {}, 'isplit-edge inspect MODEL');
      const opened = await openModel(name, options.model, ctx);
      for (const warning of opened.warnings) terminal.warn(warning);
      const inspection = inspectModel(opened);
      terminal.result(inspection, () => describe(inspection));
      return 0;
    }),
  );
}

function describe(i: Inspection): string {
  const lines = [
    `model    ${i.name} · ${i.description}`,
    `input    ${i.inputs.map((t) => `${t.id} ${t.dtype} ${formatShape(t.shape)}`).join(', ')}`,
    `output   ${i.outputs.map((t) => `${t.id} ${t.dtype} ${formatShape(t.shape)}`).join(', ')}`,
    `size     ${formatCount(i.parameters)} parameters · ${formatCount(i.macs)} MACs · ${formatBytes(i.weightBytesInt8)} int8, ${formatBytes(i.weightBytesFloat32)} float32`,
    `arena    ${formatBytes(i.arenaBytesInt8)} at int8, planned offline (estimate)`,
    `ops      ${Object.entries(i.ops)
      .map(([kind, n]) => `${n} ${kind}`)
      .join(', ')}`,
    '',
    renderTable(
      ['layer', 'op', 'output', 'MACs', 'parameters'],
      i.layers.map((l) => [l.id, l.kind, formatShape(l.shape), formatCount(l.macs), formatCount(l.parameters)]),
    ),
    '',
    renderTable(
      ['board', 'whole network', 'why not'],
      i.devices.map((d) => [d.id, d.fits ? 'fits' : 'does not fit', d.reasons.join('; ')]),
    ),
  ];
  return lines.join('\n');
}
