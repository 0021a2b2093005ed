import type { Command } from 'commander';
import { formatBytes } from '../../core/units.js';
import type { DeviceProfile } from '../../devices/device-schema.js';
import { usableFlash, usableRam } from '../../devices/memory.js';
import { listDevices, loadDevice, loadLink } from '../../sdk.js';
import { defineCommand, runAction } from '../command.js';
import { renderTable } from '../table.js';
import type { RawOptions } from '../values.js';

export function devicesCommand(): Command {
  const command = defineCommand('devices', 'the catalogue of boards, every number with its source', [
    'devices',
    'devices esp32-s3',
    'devices ./my-board.json --json',
  ]);
  command.argument('[id]', 'a board, an alias, or a file of your own');
  return command.action((id: string | undefined, raw: RawOptions) =>
    runAction(raw, async ({ terminal }) => {
      if (id !== undefined) {
        const device = loadDevice(id);
        terminal.result(device, () => describeDevice(device));
        return 0;
      }
      const devices = listDevices();
      terminal.result(devices, () =>
        renderTable(
          ['board', 'aliases', 'RAM for a head', 'largest block', 'flash for a head', 'link', 'kernels'],
          devices.map(deviceRow),
        ),
      );
      return 0;
    }),
  );
}

function deviceRow(device: DeviceProfile): string[] {
  const ram = usableRam(device, { link: loadLink(device.defaultLink) });
  const library = device.kernelLibraries[0];
  return [
    device.id,
    device.aliases.join(' '),
    formatBytes(ram.freeBytes),
    formatBytes(ram.largestBlockBytes),
    formatBytes(usableFlash(device).freeBytes),
    device.defaultLink,
    `${library?.name ?? ''} ${library?.version ?? ''}`,
  ];
}

function describeDevice(device: DeviceProfile): string {
  const lines = [`${device.name}  (${[device.id, ...device.aliases].join(', ')})`, device.summary, ''];
  const core = device.cores[0];
  if (core) lines.push(`core     ${core.name}, ${(core.clockHz / 1e6).toFixed(0)} MHz`);
  const ram = usableRam(device, { link: loadLink(device.defaultLink) });
  lines.push(
    `RAM      ${formatBytes(ram.freeBytes)} free after ${device.defaultLink} and reserves, largest block ${formatBytes(ram.largestBlockBytes)}`,
  );
  for (const reserve of ram.reserves) lines.push(`         ${formatBytes(reserve.bytes)} reserved for ${reserve.name}`);
  lines.push(`flash    ${formatBytes(usableFlash(device).freeBytes)} beside the firmware`);
  for (const region of device.memory)
    lines.push(`memory   ${region.name}, ${formatBytes(region.bytes.value)}: ${region.mayHold.join(', ')}`);
  for (const library of device.kernelLibraries)
    lines.push(`kernels  ${library.name} ${library.version} under ${library.runtime}`);
  lines.push(`links    ${device.links.join(', ')}`, `flasher  ${device.flasher.kind}: ${device.flasher.note}`);
  for (const note of device.notes ?? []) lines.push(`note     ${note}`);
  lines.push('', 'Sources of every number: --json, or docs/devices.md');
  return lines.join('\n');
}
