import type { Command } from 'commander';
import { formatBytes, formatDurationUs } from '../../core/units.js';
import { linkLatencyUs } from '../../cost/link.js';
import type { LinkProfile } from '../../devices/link-schema.js';
import { listLinks, loadLink } from '../../sdk.js';
import { defineCommand, runAction } from '../command.js';
import { renderTable } from '../table.js';
import type { RawOptions } from '../values.js';

const EXAMPLE_PAYLOADS = [64, 512, 4096, 16384];

export function linksCommand(): Command {
  const command = defineCommand('links', 'the catalogue of links: rate and every overhead byte, with sources', [
    'links',
    'links ble',
    'links lora --json',
  ]);
  command.argument('[id]', 'a link, or a file of your own');
  return command.action((id: string | undefined, raw: RawOptions) =>
    runAction(raw, async ({ terminal }) => {
      if (id !== undefined) {
        const link = loadLink(id);
        terminal.result(link, () => describeLink(link));
        return 0;
      }
      const links = listLinks();
      const head = ['link', 'name', ...EXAMPLE_PAYLOADS.map((bytes) => `${bytes} B`)];
      terminal.result(links, () =>
        renderTable(
          head,
          links.map((link) => [
            link.id,
            link.name,
            ...EXAMPLE_PAYLOADS.map((bytes) => formatDurationUs(linkLatencyUs(bytes, link).latencyUs)),
          ]),
        ),
      );
      return 0;
    }),
  );
}

function describeLink(link: LinkProfile): string {
  const lines = [
    `${link.name}  (${link.id})`,
    link.summary,
    '',
    `rate     ${link.rate.bitsPerSecond.value} bit/s, ${link.rate.bitsPerByte.value} bits a byte, counted on ${link.rate.countedAt}`,
  ];
  for (const layer of link.layers) {
    lines.push(`layer    ${layer.name}${layer.unitPayload ? `, at most ${layer.unitPayload.value} B a unit` : ''}`);
    for (const o of layer.overheads) lines.push(`         + ${'bytes' in o ? `${o.bytes} B` : '1 to 4 B'} ${o.name}`);
  }
  lines.push(
    '',
    renderTable(
      ['payload', 'on air', 'packets', 'time (estimate)'],
      EXAMPLE_PAYLOADS.map((bytes) => {
        const t = linkLatencyUs(bytes, link);
        return [formatBytes(bytes), formatBytes(t.bytesOnAir), String(t.packets), formatDurationUs(t.latencyUs)];
      }),
    ),
  );
  lines.push('', 'Sources of every number: --json, or docs/devices.md');
  return lines.join('\n');
}
