import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { countLinkBytes, linkLatencyUs, mqttRemainingLengthBytes } from '../../../src/cost/link.js';
import { listLinks, loadLink } from '../../../src/devices/index.js';

const ids = listLinks().map((link) => link.id);

/** Consistent Overhead Byte Stuffing, written from the paper, to count the bytes of a real frame. */
function cobsLength(data: Uint8Array): number {
  let length = 1;
  let run = 0;
  for (const byte of data) {
    if (byte === 0) {
      length += 1;
      run = 0;
    } else {
      length += 1;
      run += 1;
      if (run === 254) {
        length += 1;
        run = 0;
      }
    }
  }
  return run === 0 && data.length > 0 && data.at(-1) !== 0 ? length - 1 : length;
}

describe('bytes on the link, by hand', () => {
  it('wifi-mqtt, 3 136 B: header 40, MQTT 1 + 2 + 46, three segments of 94', () => {
    // 3136 + 40 = 3176; remaining length 2 + 42 + 2 + 3176 = 3222 takes two bytes; 3225 bytes in segments of 1440.
    const bytes = countLinkBytes(3136, loadLink('wifi-mqtt'));
    expect(bytes.streamBytes).toBe(3225);
    expect(bytes.packets).toBe(3);
    expect(bytes.bytesOnAir).toBe(3225 + 3 * 94);
  });

  it('wifi-mqtts, 4 200 B: two TLS records of 29 more bytes', () => {
    // 4200 + 40 + 46 + 3 = 4289 → records of 4096 and 193; stream 4289 + 58 = 4347 → 4 segments of 94.
    const bytes = countLinkBytes(4200, loadLink('wifi-mqtts'));
    expect(bytes.streamBytes).toBe(4347);
    expect(bytes.packets).toBe(4);
    expect(bytes.bytesOnAir).toBe(4347 + 4 * 94);
  });

  it('ble, 512 B: three chunks, one notification and one packet each', () => {
    const bytes = countLinkBytes(512, loadLink('ble'));
    expect(bytes.packets).toBe(3);
    expect(bytes.bytesOnAir).toBe(512 + 3 * (40 + 7 + 10));
  });

  it('802.15.4, 1 100 B: two datagrams, cut into fragments separately', () => {
    // 1024 + 59 = 1083 → 13 fragments of 88; 76 + 59 = 135 → 2 fragments; 32 bytes each.
    const bytes = countLinkBytes(1100, loadLink('802.15.4'));
    expect(bytes.packets).toBe(15);
    expect(bytes.bytesOnAir).toBe(1083 + 135 + 15 * 32);
  });

  it('serial: the COBS of a frame without zero bytes, delimiter included', () => {
    for (const payload of [0, 1, 200, 213, 214, 512, 1024]) {
      const frame = new Uint8Array(payload + 40).fill(7);
      expect(countLinkBytes(payload, loadLink('serial-115200')).bytesOnAir, `${payload}`).toBeGreaterThanOrEqual(
        cobsLength(frame) + 1,
      );
      expect(countLinkBytes(payload, loadLink('serial-115200')).bytesOnAir - cobsLength(frame)).toBeLessThanOrEqual(2);
    }
  });

  it.each([
    [0, 1],
    [127, 1],
    [128, 2],
    [16_383, 2],
    [16_384, 3],
    [2_097_151, 3],
    [2_097_152, 4],
  ])('MQTT remaining length %d takes %d bytes (table 2.4 of MQTT 3.1.1)', (length, bytes) => {
    expect(mqttRemainingLengthBytes(length)).toBe(bytes);
  });
});

describe('latency', () => {
  it('ble moves ATT payload at 90 to 170 KB/s, as observed', () => {
    const one = linkLatencyUs(100_000, loadLink('ble')).latencyUs;
    const two = linkLatencyUs(200_000, loadLink('ble')).latencyUs;
    const framePayloadPerSecond = 100_000 / ((two - one) * 1e-6);
    const attPerSecond = (framePayloadPerSecond * 244) / 204;
    expect(attPerSecond).toBeGreaterThan(90_000);
    expect(attPerSecond).toBeLessThan(170_000);
  });

  it.each([
    ['serial-115200', 11.5],
    ['serial-921600', 92],
    ['wifi-mqtt', 2500],
  ])('%s moves about %d KB/s', (id, kiloBytesPerSecond) => {
    const link = loadLink(id);
    const us = linkLatencyUs(1_000_000, link).breakdown.transmitUs;
    expect(1e12 / us / 1000 / kiloBytesPerSecond).toBeGreaterThan(0.9);
    expect(1e12 / us / 1000 / kiloBytesPerSecond).toBeLessThan(1.02);
  });

  it('lora: one packet of 182 B in about 0.37 s of airtime, then silence of 99 times that', () => {
    // Semtech airtime formula for SF7, 125 kHz, CR 4/5, explicit header, 235 bytes: 368.9 ms.
    const link = loadLink('lora');
    const one = linkLatencyUs(182, link);
    const airtimeUs = one.breakdown.transmitUs + one.breakdown.perPacketUs;
    expect(one.packets).toBe(1);
    expect(airtimeUs / 368_900).toBeGreaterThan(0.95);
    expect(airtimeUs / 368_900).toBeLessThan(1.05);
    expect(one.breakdown.dutyCycleWaitUs).toBe(0);
    expect(one.occupiedUs).toBeCloseTo(airtimeUs * 100, 0);
    expect(linkLatencyUs(183, link).latencyUs).toBeGreaterThan(15e6);
  });

  it('occupied time is never below the latency', () => {
    for (const id of ids) {
      const r = linkLatencyUs(1000, loadLink(id));
      expect(r.occupiedUs).toBeGreaterThanOrEqual(r.latencyUs);
    }
  });

  it('TLS costs more than plain MQTT, Bluetooth more than Wi-Fi', () => {
    const us = (id: string): number => linkLatencyUs(5000, loadLink(id)).latencyUs;
    expect(us('wifi-mqtts')).toBeGreaterThan(us('wifi-mqtt'));
    expect(us('ble')).toBeGreaterThan(us('wifi-mqtt'));
    expect(us('wifi-mqtt')).toBeGreaterThan(us('ethernet'));
  });
});

describe.each(ids)('properties of %s', (id) => {
  const link = loadLink(id);
  it('bytes, packets and latency never shrink with the payload; packets are whole; sums agree', () => {
    fc.assert(
      fc.property(fc.nat({ max: 300_000 }), fc.integer({ min: 1, max: 3_000 }), (payload, more) => {
        const a = linkLatencyUs(payload, link);
        const b = linkLatencyUs(payload + more, link);
        expect(Number.isInteger(a.packets) && a.packets >= 1).toBe(true);
        expect(Number.isInteger(a.bytesOnAir)).toBe(true);
        expect(a.bytesOnAir).toBe(payload + a.layers.reduce((sum, l) => sum + l.overheadBytes, 0));
        expect(b.bytesOnAir).toBeGreaterThan(a.bytesOnAir);
        expect(b.packets).toBeGreaterThanOrEqual(a.packets);
        expect(b.latencyUs).toBeGreaterThan(a.latencyUs);
        const unit = link.layers.at(-1)?.unitPayload?.value ?? Number.POSITIVE_INFINITY;
        expect(a.packets * unit).toBeGreaterThanOrEqual(a.streamBytes);
      }),
      { seed: 0, numRuns: 200 },
    );
  });

  it('grows by one byte at a time without a step back', () => {
    let before = linkLatencyUs(0, link).latencyUs;
    for (let payload = 1; payload <= 5000; payload++) {
      const now = linkLatencyUs(payload, link).latencyUs;
      expect(now).toBeGreaterThan(before);
      before = now;
    }
  });

  it('refuses payloads that are not whole bytes', () => {
    expect(() => linkLatencyUs(-1, link)).toThrow(RangeError);
    expect(() => linkLatencyUs(1.5, link)).toThrow(RangeError);
  });
});
