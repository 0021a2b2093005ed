import { formatCount } from '../core/units.js';
import type { DeviceProfile, KernelLibrary } from './device-schema.js';
import { KERNEL_KINDS, KERNEL_WORK } from './kernels.js';
import type { LinkProfile } from './link-schema.js';
import { usableFlash, usableRam } from './memory.js';
import type { Sourced } from './sourced.js';

/** Collects sources and hands out footnote numbers; the same text gets the same number. */
class Footnotes {
  readonly #numbers = new Map<string, number>();

  mark(source: string): string {
    const number = this.#numbers.get(source) ?? this.#numbers.size + 1;
    this.#numbers.set(source, number);
    return `[${number}](#s${number})`;
  }

  render(): string {
    return [...this.#numbers].map(([source, n]) => `${n}. <a id="s${n}"></a>${escapeCell(source)}`).join('\n');
  }
}

const escapeCell = (text: string): string => text.replace(/\|/g, '\\|').replace(/</g, '&lt;').replace(/\n/g, ' ');
const row = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
const table = (head: readonly string[], rows: readonly (readonly string[])[]): string =>
  [row(head), row(head.map(() => '---')), ...rows.map(row)].join('\n');

/** A value as the table shows it: digits grouped, `~` before an estimate, the footnote behind. */
function cell(s: Sourced | undefined, notes: Footnotes, scale = 1): string {
  if (s === undefined) return '–';
  const scaled = s.value / scale;
  const text = Number.isInteger(scaled) ? formatCount(scaled) : scaled.toPrecision(3);
  return `${s.estimate ? '~' : ''}${text} ${notes.mark(s.source)}`;
}

function deviceTable(devices: readonly DeviceProfile[], notes: Footnotes): string {
  return table(
    [
      'id',
      'cores',
      'kernels',
      'arena region',
      'free, B',
      'left after reserves, B',
      'largest block, B',
      'flash for the model, B',
      'default link',
    ],
    devices.map((device) => {
      const ram = usableRam(device);
      const fastest = ram.regions.find((r) => r.mayHold.includes('arena'));
      const [core] = device.cores;
      const [library] = device.kernelLibraries;
      return [
        `\`${device.id}\`${device.aliases.length > 0 ? ` (${device.aliases.map((a) => `\`${a}\``).join(', ')})` : ''}`,
        core === undefined ? '–' : `${core.count} × ${core.name}, ${core.clockHz / 1e6} MHz ${notes.mark(core.source)}`,
        library === undefined ? '–' : `${library.name} ${library.version}`,
        fastest === undefined ? '–' : `${fastest.name} (${fastest.placement})`,
        fastest === undefined
          ? '–'
          : `${fastest.freeIsEstimate ? '~' : ''}${formatCount(fastest.freeBeforeReservesBytes)} ${notes.mark(fastest.source)}`,
        formatCount(ram.freeBytes),
        `${fastest?.blockIsEstimate ? '~' : ''}${formatCount(ram.largestBlockBytes)}`,
        `~${formatCount(usableFlash(device).freeBytes)}`,
        `\`${device.defaultLink}\``,
      ];
    }),
  );
}

function memoryTable(devices: readonly DeviceProfile[], notes: Footnotes): string {
  return table(
    ['device', 'region', 'kind', 'bytes', 'may hold', 'with radio', 'free, B', 'largest block, B'],
    devices.flatMap((device) =>
      device.memory.flatMap((region) =>
        region.free.map((free) => [
          `\`${device.id}\``,
          region.name,
          region.placement,
          cell(region.bytes, notes),
          region.mayHold.join(', '),
          free.radio,
          cell(free.freeBytes, notes),
          cell(free.largestFreeBlockBytes, notes),
        ]),
      ),
    ),
  );
}

function reserveTable(devices: readonly DeviceProfile[], notes: Footnotes): string {
  return table(
    ['device', 'tasks', 'TLS', 'camera', 'outbox', 'flash', 'one application', 'firmware without model'],
    devices.map(({ id, reserves, flash }) => [
      `\`${id}\``,
      cell(reserves.tasksBytes, notes),
      cell(reserves.tlsBytes, notes),
      cell(reserves.cameraBytes, notes),
      cell(reserves.outboxBytes, notes),
      cell(flash.totalBytes, notes),
      cell(flash.appBytes, notes),
      cell(flash.baseFirmwareBytes, notes),
    ]),
  );
}

function kernelCell(library: KernelLibrary, kind: (typeof KERNEL_KINDS)[number], notes: Footnotes): string {
  const c = library.kernels[kind];
  if (c === undefined) return '–';
  const perOutput = c.cyclesPerOutput ? ` + ${c.cyclesPerOutput} cycles/output` : '';
  const rate =
    c.macsPerCycle !== undefined ? `${c.macsPerCycle} /cycle${perOutput}` : `${c.cyclesPerElement} cycles/el`;
  return `${c.measured ? '' : '~'}${rate} ${notes.mark(c.source)}`;
}

function libraryTable(devices: readonly DeviceProfile[], notes: Footnotes): string {
  return table(
    ['device', 'kernel library', 'runtime', 'code, B', 'dispatch, cycles an op', 'penalties'],
    devices.flatMap((device) =>
      device.kernelLibraries.map((library) => [
        `\`${device.id}\``,
        `${library.name}, ${library.version}`,
        library.runtime,
        cell(library.codeBytes, notes),
        cell(library.overheadCyclesPerOp, notes),
        device.placementPenalties
          .map((p) => `${p.use} in ${p.placement} ${p.estimate ? '~' : ''}×${p.factor} ${notes.mark(p.source)}`)
          .join(', ') || '–',
      ]),
    ),
  );
}

/** One table a family: side by side they would be too wide to read. */
function kernelTables(devices: readonly DeviceProfile[], notes: Footnotes): string {
  const families = [...new Set(devices.map((device) => device.family))];
  return families
    .map((family) => {
      const members = devices.filter((device) => device.family === family);
      return `### ${family}\n\n${kernelTable(members, notes)}`;
    })
    .join('\n\n');
}

function kernelTable(devices: readonly DeviceProfile[], notes: Footnotes): string {
  const columns = devices.flatMap((device) => device.kernelLibraries.map((library) => ({ device, library })));
  return table(
    ['kernel', ...columns.map(({ device, library }) => `${device.id}, ${library.name}`)],
    KERNEL_KINDS.map((kind) => [`\`${kind}\``, ...columns.map(({ library }) => kernelCell(library, kind, notes))]),
  );
}

function edgeTpuTable(devices: readonly DeviceProfile[], notes: Footnotes): string {
  return table(
    ['device', 'interface', 'bytes/s', 'cache, B', 'MAC/s', 'overhead, us', 'stay on the CPU'],
    devices.flatMap(({ id, edgeTpu }) =>
      edgeTpu === undefined
        ? []
        : [
            [
              `\`${id}\``,
              edgeTpu.interface,
              cell(edgeTpu.interfaceBytesPerSecond, notes),
              cell(edgeTpu.onChipBytes, notes),
              cell(edgeTpu.macsPerSecond, notes),
              cell(edgeTpu.overheadUs, notes),
              edgeTpu.unsupportedOps.join('; '),
            ],
          ],
    ),
  );
}

function energyTable(devices: readonly DeviceProfile[], notes: Footnotes): string {
  return table(
    ['device', 'CPU active, W', 'radio transmit, W', 'radio receive, W', 'Edge TPU, W'],
    devices.flatMap(({ id, energy }) =>
      energy === undefined
        ? []
        : [
            [
              `\`${id}\``,
              cell(energy.cpuActiveWatts, notes),
              cell(energy.radioTransmitWatts, notes),
              cell(energy.radioReceiveWatts, notes),
              cell(energy.edgeTpuActiveWatts, notes),
            ],
          ],
    ),
  );
}

function linkTable(links: readonly LinkProfile[], notes: Footnotes): string {
  return table(
    [
      'id',
      'rate, kbit/s',
      'counted on',
      'unit, B',
      'per packet, us',
      'one way, us',
      'result, us',
      'ack, us',
      'duty cycle',
    ],
    links.map((link) => [
      `\`${link.id}\``,
      cell(link.rate.bitsPerSecond, notes, 1000),
      link.rate.countedAt,
      cell(link.layers.at(-1)?.unitPayload, notes),
      cell(link.perPacketUs, notes),
      cell(link.fixedUs, notes),
      cell(link.resultUs, notes),
      cell(link.ackUs, notes),
      link.dutyCycle === undefined ? '–' : cell(link.dutyCycle, notes),
    ]),
  );
}

function overheadTable(links: readonly LinkProfile[], notes: Footnotes): string {
  return table(
    ['link', 'layer', 'cut into at most, B', 'adds to each unit'],
    links.flatMap((link) =>
      link.layers.map((layer) => [
        `\`${link.id}\``,
        layer.name,
        cell(layer.unitPayload, notes),
        layer.overheads.map((o) => `${o.name} ${'bytes' in o ? o.bytes : '1–4'} ${notes.mark(o.source)}`).join(', '),
      ]),
    ),
  );
}

/**
 * docs/devices.md from the profiles: every number with the number of its source. Pure: same profiles, same text.
 * Called by the documentation generator; a test checks that the committed page is fresh.
 */
export function renderDevicesPage(devices: readonly DeviceProfile[], links: readonly LinkProfile[]): string {
  const notes = new Footnotes();
  const sections = [
    '# Devices and links',
    'Generated from `devices/*.json` and `devices/links/*.json`; do not edit. `~` marks an estimate: nobody measured or specified it, the source says how it was derived. Numbers in brackets lead to the sources at the end. `isplit-edge devices ID` and `isplit-edge links ID` show one profile.',
    'A board of your own is a JSON file given by its path, `--device ./my-board.json`, `--link ./my-link.json`. Start from a copy of the nearest profile; `devices/device.schema.json` and `devices/link.schema.json` make an editor complete and check it. A number without a source is refused.',
    '## Devices',
    'What a head can have with the radio stack that takes most, its default buffers and the reserves for tasks and outbox; TLS and camera come off as well when they are used. The arena must fit into one block.',
    deviceTable(devices, notes),
    '## Memory',
    memoryTable(devices, notes),
    '## Reserves and flash',
    'Bytes.',
    reserveTable(devices, notes),
    '## Speed of the kernels',
    'Head latency = Σ over operators of (work / rate + outputs × cycles per output + dispatch) × placement penalty / clock. The rates differ by an order of magnitude on one chip, which is why MACs alone rank cuts wrongly. Every latency is an estimate until a board reports its own.',
    KERNEL_KINDS.map((kind) => `- \`${kind}\`: ${KERNEL_WORK[kind]}`).join('\n'),
    libraryTable(devices, notes),
    kernelTables(devices, notes),
    '## Edge TPU',
    edgeTpuTable(devices, notes),
    '## Energy',
    'Only powers that have a source; devices without one are left out, and a sum with a missing part is named a lower bound.',
    energyTable(devices, notes),
    '## Links',
    'Latency of a frame = bytes / rate + packets × time per packet + one way + result + silence that the duty cycle imposes. `stream`: the rate is a measured throughput of the bytes handed to the last layer; `air`: the raw rate of every byte.',
    linkTable(links, notes),
    '## Every overhead byte',
    overheadTable(links, notes),
    '## Sources',
    notes.render(),
  ];
  return `${sections.join('\n\n')}\n`;
}
