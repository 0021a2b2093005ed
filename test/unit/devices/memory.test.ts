import { describe, expect, it } from 'vitest';
import { checkMemory, loadDevice, loadLink, usableFlash, usableRam } from '../../../src/devices/index.js';

describe('usableRam', () => {
  it('ESP32 over Wi-Fi: 144 KB less tasks, outbox and link buffers; no block beyond 110 KB', () => {
    const ram = usableRam(loadDevice('esp32'), { link: loadLink('wifi-mqtt') });
    expect(ram.reserves.map((r) => r.name)).toEqual(['tasks', 'outbox', 'link']);
    expect(ram.freeBytes).toBe(144 * 1024 - (8192 + 6144) - 16384 - 6144);
    expect(ram.largestBlockBytes).toBe(Math.min(110 * 1024, ram.freeBytes));
  });

  it('TLS and camera come off when they are used', () => {
    const s3 = loadDevice('esp32-s3');
    const plain = usableRam(s3, { link: loadLink('wifi-mqtt') });
    const tls = usableRam(s3, { link: loadLink('wifi-mqtts') });
    const camera = usableRam(s3, { link: loadLink('wifi-mqtts'), camera: true });
    expect(plain.freeBytes - tls.freeBytes).toBe(40_960);
    expect(tls.freeBytes - camera.freeBytes).toBe(18_432);
  });

  it('without a link the most demanding radio is assumed; a serial line leaves more', () => {
    const s3 = loadDevice('esp32-s3');
    expect(usableRam(s3).regions[0]?.freeBeforeReservesBytes).toBe(184 * 1024);
    expect(usableRam(s3, { link: loadLink('serial-115200') }).freeBytes).toBeGreaterThan(usableRam(s3).freeBytes);
  });

  it('never goes below zero', () => {
    const tiny = structuredClone(loadDevice('esp32-s2'));
    tiny.reserves.outboxBytes.value = 1e7;
    expect(usableRam(tiny)).toMatchObject({ freeBytes: 0, largestBlockBytes: 0 });
  });

  it('lists the fastest region first: internal RAM before PSRAM, OCRAM before SDRAM', () => {
    expect(usableRam(loadDevice('esp32-s3')).regions.map((r) => r.placement)).toEqual(['internal-sram', 'psram']);
    expect(usableRam(loadDevice('coral')).regions.map((r) => r.placement)).toEqual(['internal-sram', 'sdram']);
  });
});

describe('checkMemory', () => {
  const esp32 = loadDevice('esp32');
  const link = loadLink('wifi-mqtt');

  it('fits a small head into internal RAM, weights in flash', () => {
    const fit = checkMemory(esp32, { arenaBytes: 50_000, weightBytes: 60_000 }, { link });
    expect(fit).toMatchObject({ fits: true, reasons: [], placements: { arena: 'internal-sram', weights: 'flash' } });
  });

  it('names the largest free block when the total would do: 150 000 B free in no single block', () => {
    const roomy = structuredClone(esp32);
    for (const free of roomy.memory[0]?.free ?? []) free.freeBytes.value = 300_000;
    const fit = checkMemory(roomy, { arenaBytes: 150_000, weightBytes: 0 }, { link });
    expect(fit.fits).toBe(false);
    expect(fit.reasons).toEqual([
      {
        code: 'arena-block',
        needs: 150_000,
        has: 112_640,
        unit: 'B',
        message: 'needs 150 000 B of arena, largest free block 112 640 B',
      },
    ]);
    expect(fit.placements.arena).toBeNull();
  });

  it('reports RAM and flash together, with values', () => {
    const fit = checkMemory(esp32, { arenaBytes: 200_000, weightBytes: 5_000_000, bufferBytes: 1_000 }, { link });
    expect(fit.reasons.map((r) => r.code)).toEqual(['arena-block', 'ram-total', 'flash']);
    expect(fit.reasons[2]).toMatchObject({ needs: 5_000_000, has: usableFlash(esp32).freeBytes });
    expect(fit.placements).toEqual({ arena: null, weights: null });
  });

  it('arena that fits a block but not beside its buffers', () => {
    const ram = usableRam(esp32, { link });
    const fit = checkMemory(
      esp32,
      { arenaBytes: ram.largestBlockBytes, weightBytes: 0, bufferBytes: 50_000 },
      { link },
    );
    expect(fit.reasons.map((r) => r.code)).toEqual(['ram-total']);
  });

  it('moves to PSRAM when internal RAM is too small', () => {
    const fit = checkMemory(loadDevice('esp32-s3'), { arenaBytes: 1_000_000, weightBytes: 100_000 }, { link });
    expect(fit).toMatchObject({ fits: true, placements: { arena: 'psram', weights: 'flash' } });
  });

  it('exactly the block fits, one byte more does not', () => {
    const { largestBlockBytes } = usableRam(esp32, { link });
    expect(checkMemory(esp32, { arenaBytes: largestBlockBytes, weightBytes: 0 }, { link }).fits).toBe(true);
    expect(checkMemory(esp32, { arenaBytes: largestBlockBytes + 1, weightBytes: 0 }, { link }).fits).toBe(false);
  });
});

describe('usableFlash', () => {
  it('is one application slot less the firmware around the model: two OTA slots on 4 MB', () => {
    // (4 MiB − 64 KiB) / 2, whole 64 KiB blocks = 0x1F0000.
    expect(usableFlash(loadDevice('esp32'))).toEqual({
      appBytes: 0x1f0000,
      baseFirmwareBytes: 1_100_000,
      freeBytes: 0x1f0000 - 1_100_000,
    });
  });
});
