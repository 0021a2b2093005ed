import { readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { packageRoot } from '../../../src/core/package-root.js';
import { deviceLatencyUs, encodeLatencyUs, tailLatencyUs } from '../../../src/cost/latency.js';
import { linkLatencyUs } from '../../../src/cost/link.js';
import { loadDevice, loadGateway, loadLink } from '../../../src/devices/index.js';
import { PERSON_DETECT, PERSON_DETECT_INPUT_BYTES } from './person-detect.js';

interface Row {
  readonly cut: string;
  readonly wireBytes: number;
  readonly totalUs: number;
  readonly headUs: number;
  readonly linkUs: number;
  readonly tailUs: number;
}

/** Every cut of person_detect on a device over a link, raw int8 on the wire, fastest first. */
function rankByLatency(deviceId: string, linkId: string): Row[] {
  const device = loadDevice(deviceId);
  const link = loadLink(linkId);
  const gateway = loadGateway();
  const cuts = [
    { cut: 'input', wireBytes: PERSON_DETECT_INPUT_BYTES, headOps: 0 },
    ...PERSON_DETECT.map((w, i) => ({ cut: w.name ?? '', wireBytes: w.outputBytes, headOps: i + 1 })),
  ];
  return cuts
    .map(({ cut, wireBytes, headOps }) => {
      const headUs = deviceLatencyUs(PERSON_DETECT.slice(0, headOps), device).latencyUs;
      const encodeUs = encodeLatencyUs(wireBytes, device);
      const linkUs = linkLatencyUs(wireBytes, link).latencyUs;
      const tailUs = tailLatencyUs(PERSON_DETECT.slice(headOps), gateway);
      return { cut, wireBytes, headUs, linkUs, tailUs, totalUs: headUs + encodeUs + linkUs + tailUs };
    })
    .sort((a, b) => a.totalUs - b.totalUs);
}

describe('one model, two links', () => {
  it('esp32-s3: over Wi-Fi the earliest cut is fastest, over Bluetooth the latest', () => {
    const wifi = rankByLatency('esp32-s3', 'wifi-mqtt');
    const ble = rankByLatency('esp32-s3', 'ble');
    expect(wifi[0]?.cut).toBe('input');
    expect(ble[0]?.wireBytes).toBe(2);
    expect(ble[0]?.cut).not.toBe(wifi[0]?.cut);
  });

  it('the difference stays among real splits: neither "send the picture" nor "all on the device"', () => {
    const inner = (rows: Row[]): Row[] => rows.filter((r) => r.cut !== 'input' && r.wireBytes > 2);
    const wifi = inner(rankByLatency('esp32', 'wifi-mqtt'))[0];
    const ble = inner(rankByLatency('esp32', 'ble'))[0];
    const thread = inner(rankByLatency('esp32-c6', '802.15.4'))[0];
    expect(wifi?.cut).not.toBe(ble?.cut);
    expect(wifi?.wireBytes ?? 0).toBeGreaterThan(ble?.wireBytes ?? Number.POSITIVE_INFINITY);
    expect(ble?.wireBytes ?? 0).toBeGreaterThan(thread?.wireBytes ?? Number.POSITIVE_INFINITY);
  });
});

describe('docs/latency-model.md', () => {
  const page = readFileSync(path.join(packageRoot(), 'docs/latency-model.md'), 'utf8');
  const ms = (us: number): string => (us / 1000).toFixed(1);

  it.each([
    ['esp32-s3', 'wifi-mqtt'],
    ['esp32-s3', 'ble'],
    ['esp32', 'wifi-mqtt'],
    ['esp32', 'ble'],
    ['esp32-c6', '802.15.4'],
  ])('quotes the fastest cut and the fastest real split of %s over %s as the code computes them', (device, link) => {
    const rows = rankByLatency(device, link);
    const cell = (r: Row | undefined): string =>
      r === undefined
        ? ''
        : `${r.cut}, ${r.wireBytes} B: ${ms(r.totalUs)} ms = ${ms(r.headUs)} head + ${ms(r.linkUs)} link + ${ms(r.tailUs)} tail`;
    const split = rows.find((r) => r.cut !== 'input' && r.wireBytes > 2);
    expect(page).toContain(`| \`${device}\` | \`${link}\` | ${cell(rows[0])} | ${cell(split)} |`);
  });

  it.each([
    ['esp32-s3', '47'],
    ['esp32-p4', '73'],
    ['esp32', '380'],
    ['esp32-c3', '426'],
  ])('quotes the model beside the published time of %s', (device, published) => {
    const { latencyUs } = deviceLatencyUs(PERSON_DETECT, loadDevice(device));
    expect(page).toContain(`| \`${device}\` | ${published} | ${ms(latencyUs)} |`);
  });
});
