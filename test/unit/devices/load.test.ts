import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { IsplitError } from '../../../src/core/errors.js';
import { findNearestNames } from '../../../src/core/nearest-names.js';
import {
  type DeviceProfile,
  loadDevice,
  loadGateway,
  loadLink,
  parseDevice,
  parseLink,
} from '../../../src/devices/index.js';

const folder = mkdtempSync(path.join(tmpdir(), 'isplit-devices-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function caught(run: () => unknown): IsplitError {
  try {
    run();
  } catch (error) {
    if (error instanceof IsplitError) return error;
    throw error;
  }
  throw new Error('nothing was thrown');
}

const copyOf = (id: string): DeviceProfile => structuredClone(loadDevice(id));

/** The document with the value at a dotted path replaced, or removed when undefined: breaks what the type forbids. */
function setAt<T>(document: T, at: string, value: unknown): T {
  const keys = at.split('.');
  const last = keys.pop() ?? '';
  const holder = keys.reduce<Record<string, unknown>>(
    (node, key) => node[key] as Record<string, unknown>,
    document as Record<string, unknown>,
  );
  if (value === undefined) delete holder[last];
  else holder[last] = value;
  return document;
}

const write = (name: string, content: unknown): string => {
  const file = path.join(folder, name);
  writeFileSync(file, typeof content === 'string' ? content : JSON.stringify(content));
  return file;
};

describe('a profile of the user', () => {
  it('loads from a path and behaves like a built-in one', () => {
    const mine = { ...copyOf('esp32-s3'), id: 'my-board', aliases: [] };
    expect(loadDevice(write('my-board.json', mine))).toEqual(mine);
  });

  it('may start with a byte order mark', () => {
    expect(loadDevice(write('bom.json', `\uFEFF${JSON.stringify(copyOf('esp32'))}`)).id).toBe('esp32');
  });

  it('reports every violation at once, each with its JSON path; exit 3', () => {
    const broken = copyOf('esp32-s3');
    setAt(broken, 'memory.0.bytes', 524288); // a bare number
    setAt(broken, 'reserves.tlsBytes.source', undefined);
    setAt(broken, 'memory.1.placement', 'fast');
    setAt(broken, 'kernelLibraries.0.kernels.conv_1x1.macsPerCycle', -1);
    setAt(broken, 'typo', 1);
    const error = caught(() => loadDevice(write('broken.json', broken)));
    expect(error.code).toBe('E_DEVICE_INVALID');
    expect(error.exitCode).toBe(3);
    const paths = error.all.map((p) => p.context?.path);
    expect(paths).toEqual(
      expect.arrayContaining([
        '$.memory[0].bytes',
        '$.reserves.tlsBytes.source',
        '$.memory[1].placement',
        '$.kernelLibraries[0].kernels.conv_1x1.macsPerCycle',
        '$',
      ]),
    );
    expect(error.all.every((p) => p.message.startsWith('broken.json: $'))).toBe(true);
    expect(error.all.some((p) => p.message.includes('typo'))).toBe(true);
  });

  it.each([
    ['an empty source', 'reserves.tlsBytes.source', '   '],
    ['a kernel without a source', 'kernelLibraries.0.kernels.depthwise.source', undefined],
    ['a core without a source', 'cores.0.source', undefined],
    ['a largest block beyond the free total', 'memory.0.free.0.largestFreeBlockBytes.value', 400_000],
    ['free memory beyond the region', 'memory.0.free.0.freeBytes.value', 9e6],
    ['both MAC and element rate', 'kernelLibraries.0.kernels.add.macsPerCycle', 1],
    ['no coefficient for other', 'kernelLibraries.0.kernels.other', undefined],
    ['a default link it does not have', 'defaultLink', 'carrier-pigeon'],
    ['a link nobody knows', 'links.1', 'carrier-pigeon'],
    ['nowhere for the arena', 'memory.0.mayHold', ['weights']],
    ['fractional bytes', 'memory.0.bytes.value', 1.5],
    ['a future schema version', 'schemaVersion', 2],
    ['an id with spaces', 'id', 'My Board'],
  ] as const)('refuses %s', (_name, at, value) => {
    expect(parseDevice(copyOf('esp32'), 'test.json').id).toBe('esp32');
    expect(caught(() => parseDevice(setAt(copyOf('esp32'), at, value), 'test.json')).code).toBe('E_DEVICE_INVALID');
  });

  it.each([
    ['not JSON', '{"id": '],
    ['a list', '[]'],
    ['a number', '7'],
    ['null', 'null'],
    ['empty', ''],
    ['a megabyte', `"${'x'.repeat(1_100_000)}"`],
  ])('refuses a file that is %s', (name, content) => {
    expect(caught(() => loadDevice(write(`${name.replace(/ /g, '-')}.json`, content))).code).toBe('E_DEVICE_INVALID');
  });

  it('says which file is missing', () => {
    const error = caught(() => loadDevice('./no-such-board.json'));
    expect(error.code).toBe('E_DEVICE_INVALID');
    expect(error.message).toContain('no-such-board.json');
  });

  it('survives hostile keys', () => {
    const hostile = JSON.stringify(copyOf('esp32')).replace('{', '{"__proto__": {"polluted": 1}, ');
    expect(caught(() => loadDevice(write('proto.json', hostile))).code).toBe('E_DEVICE_INVALID');
    expect(({} as Record<string, unknown>).polluted).toBeUndefined();
  });
});

describe('a link of the user', () => {
  it('loads from a path; a duty cycle needs a rate counted on air', () => {
    const mine = structuredClone(loadLink('lora'));
    expect(loadLink(write('my-link.json', mine))).toEqual(mine);
    mine.rate.countedAt = 'stream';
    expect(caught(() => parseLink(mine, 'test.json')).code).toBe('E_LINK_INVALID');
  });

  it('refuses an overhead without a source', () => {
    const broken = structuredClone(loadLink('ble')) as unknown as { layers: { overheads: { source?: string }[] }[] };
    delete broken.layers[0]?.overheads[0]?.source;
    const error = caught(() => parseLink(broken, 'test.json'));
    expect(error.code).toBe('E_LINK_INVALID');
    expect(error.context.path).toMatch(/^\$\.layers\[0\]\.overheads\[0\]/);
  });
});

describe('an unknown id', () => {
  it('names the nearest; exit 2', () => {
    const error = caught(() => loadDevice('esp32s4'));
    expect(error.code).toBe('E_DEVICE_UNKNOWN');
    expect(error.exitCode).toBe(2);
    expect(error.message).toContain('esp32s3');
    expect(caught(() => loadDevice('coral-mico')).message).toContain('coral-micro');
    expect(caught(() => loadLink('wifi-mqt')).message).toContain('wifi-mqtt');
    expect(caught(() => loadLink('wifi-mqt')).code).toBe('E_LINK_UNKNOWN');
    expect(caught(() => loadGateway('x65')).code).toBe('E_DEVICE_UNKNOWN');
  });

  it('suggests nothing when nothing is near', () => {
    expect(findNearestNames('zzzzzzzzzzzzzzzzzz', ['esp32', 'coral'])).toEqual([]);
    expect(caught(() => loadDevice('zzzzzzzzzzzzzzzzzzzzzzzz')).message).not.toContain('did you mean');
  });
});
