import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { packageRoot } from '../../../src/core/package-root.js';
import {
  findUnsourcedNumbers,
  JSON_SCHEMA_FILES,
  KERNEL_KINDS,
  listDevices,
  listGateways,
  listLinks,
  loadDevice,
  loadGateway,
  loadLink,
  renderDevicesPage,
} from '../../../src/devices/index.js';

const root = packageRoot();
const jsonFiles = ['devices', 'devices/links', 'devices/gateways'].flatMap((folder) =>
  readdirSync(path.join(root, folder))
    .filter((name) => name.endsWith('.json') && !name.endsWith('.schema.json'))
    .map((name) => `${folder}/${name}`),
);
const read = (file: string): unknown => JSON.parse(readFileSync(path.join(root, file), 'utf8'));

describe('the catalogue', () => {
  it('holds the devices and links that the project promises', () => {
    expect(listDevices().map((d) => d.id)).toEqual(
      expect.arrayContaining([
        'esp32',
        'esp32-s2',
        'esp32-s3',
        'esp32-c3',
        'esp32-c6',
        'esp32-p4',
        'coral-micro',
        'coral-usb',
        'coral-dev-mini',
        'mps2-an500',
        'rv32-virt',
      ]),
    );
    expect(listLinks().map((l) => l.id)).toEqual(
      expect.arrayContaining([
        'wifi-mqtt',
        'wifi-mqtts',
        'ethernet',
        'ble',
        '802.15.4',
        'lora',
        'serial-115200',
        'serial-921600',
      ]),
    );
    expect(loadDevice('coral').id).toBe('coral-micro');
    expect(loadDevice('ESP32-S3').id).toBe('esp32-s3');
    expect(loadGateway().id).toBe('x64-2cpu');
  });

  it('has no id or alias twice', () => {
    for (const profiles of [listDevices(), listLinks(), listGateways()]) {
      const names = profiles.flatMap((p) => [p.id, ...p.aliases]);
      expect(new Set(names).size, names.join(' ')).toBe(names.length);
    }
  });

  it.each(jsonFiles)('%s: every number has a source, and no source is a machine path', (file) => {
    expect(findUnsourcedNumbers(read(file))).toEqual([]);
    expect(JSON.stringify(read(file))).not.toMatch(/\/(work|tmp|home)\//);
  });

  it.each(jsonFiles)('%s: what a source calls an estimate is marked as one, and the reverse', (file) => {
    const wrong: string[] = [];
    const walk = (node: unknown, where: string): void => {
      if (node === null || typeof node !== 'object') return;
      const object = node as Record<string, unknown>;
      if (typeof object.source === 'string' && typeof object.value === 'number') {
        if (object.source.startsWith('estimate:') && object.estimate !== true) wrong.push(`${where}: not marked`);
      }
      if (typeof object.source === 'string' && typeof object.measured === 'boolean') {
        if (object.source.startsWith('estimate:') === object.measured)
          wrong.push(`${where}: measured ${object.measured}`);
      }
      for (const [key, value] of Object.entries(object)) walk(value, `${where}.${key}`);
    };
    walk(read(file), '$');
    expect(wrong).toEqual([]);
  });

  it('gives every device a coefficient for every kernel', () => {
    for (const device of listDevices()) {
      for (const library of device.kernelLibraries) {
        expect(
          KERNEL_KINDS.filter((kind) => library.kernels[kind] === undefined),
          device.id,
        ).toEqual([]);
      }
    }
  });

  it('has the documented RAM after Wi-Fi with default buffers (ESP-IDF), in bytes', () => {
    const wifi = { esp32: 144, 'esp32-s2': 78, 'esp32-s3': 184, 'esp32-c3': 160, 'esp32-c6': 276 };
    for (const [id, kib] of Object.entries(wifi)) {
      const internal = loadDevice(id).memory.find((region) => region.name === 'internal');
      expect(internal?.free.find((free) => free.radio === 'wifi')?.freeBytes.value, id).toBe(kib * 1024);
    }
  });

  it('every device can use its default link', () => {
    for (const device of listDevices()) expect(loadLink(device.defaultLink).id).toBe(device.defaultLink);
  });
});

describe('generated files are fresh (npm run docs writes them)', () => {
  it.each(Object.entries(JSON_SCHEMA_FILES))('%s', (file, make) => {
    expect(readFileSync(path.join(root, file), 'utf8')).toBe(make());
  });

  it('docs/devices.md', () => {
    expect(readFileSync(path.join(root, 'docs/devices.md'), 'utf8')).toBe(
      renderDevicesPage(listDevices(), listLinks()),
    );
  });

  it('the page is the same twice, names every device and link, and every footnote it uses exists once', () => {
    const page = renderDevicesPage(listDevices(), listLinks());
    expect(renderDevicesPage(listDevices(), listLinks())).toBe(page);
    for (const { id } of [...listDevices(), ...listLinks()]) expect(page).toContain(`\`${id}\``);
    const used = new Set([...page.matchAll(/\]\(#s(\d+)\)/g)].map((m) => m[1]));
    const defined = [...page.matchAll(/<a id="s(\d+)">/g)].map((m) => m[1]);
    expect(new Set(defined)).toEqual(used);
    expect(new Set(defined).size).toBe(defined.length);
  });

  it('changes when a number changes: the freshness tests can fail', () => {
    const devices = structuredClone(listDevices()) as ReturnType<typeof loadDevice>[];
    const first = devices[0];
    if (first === undefined) throw new Error('no device');
    first.reserves.tasksBytes.value += 1;
    expect(renderDevicesPage(devices, listLinks())).not.toBe(renderDevicesPage(listDevices(), listLinks()));
  });
});

describe('the committed JSON schemas', () => {
  // zod's importer reads the committed text, not the schema it was made from: what an editor would accept.
  const editorSchema = (file: string) => z.fromJSONSchema(read(file) as Parameters<typeof z.fromJSONSchema>[0]);

  it('accept every profile of the package', () => {
    const device = editorSchema('devices/device.schema.json');
    const link = editorSchema('devices/link.schema.json');
    for (const { id } of listDevices()) expect(device.safeParse(read(`devices/${id}.json`)).error, id).toBeUndefined();
    for (const { id } of listLinks())
      expect(link.safeParse(read(`devices/links/${id}.json`)).error, id).toBeUndefined();
  });

  it('refuse a bare number and an unknown key', () => {
    const device = editorSchema('devices/device.schema.json');
    const good = read('devices/esp32.json') as Record<string, unknown>;
    expect(device.safeParse({ ...good, typo: 1 }).success).toBe(false);
    expect(device.safeParse({ ...good, reserves: { tasksBytes: 1 } }).success).toBe(false);
  });

  it('the shared catalogue is frozen', () => {
    expect(() => {
      loadDevice('esp32').reserves.tasksBytes.value = 1;
    }).toThrow(TypeError);
  });
});
