import { describe, expect, it } from 'vitest';
import {
  convolutionKernel,
  deviceLatencyUs,
  encodeLatencyUs,
  type KernelWork,
  kernelCycles,
  tailLatencyUs,
} from '../../../src/cost/latency.js';
import { listDevices, loadDevice, loadGateway } from '../../../src/devices/index.js';
import { PERSON_DETECT } from './person-detect.js';

const work = (
  kernel: KernelWork['kernel'],
  macs: number,
  outputs: number,
  more: Partial<KernelWork> = {},
): KernelWork => ({
  kernel,
  macs,
  elements: outputs,
  outputElements: outputs,
  inputBytes: outputs,
  outputBytes: outputs,
  weightBytes: 0,
  ...more,
});
const ms = (device: string, options?: Parameters<typeof deviceLatencyUs>[2]): number =>
  deviceLatencyUs(PERSON_DETECT, loadDevice(device), options).latencyUs / 1000;

describe('the fixture', () => {
  it('has the 7 157 888 MACs of its convolutions, as counted by an independent script', () => {
    const convolutions = PERSON_DETECT.filter((w) => w.kernel === 'conv_1x1' || w.kernel === 'depthwise');
    expect(convolutions.reduce((sum, w) => sum + w.macs, 0)).toBe(7_157_888);
    expect(convolutions.filter((w) => w.kernel === 'depthwise').reduce((sum, w) => sum + w.macs, 0)).toBe(964_224);
  });
});

describe('published person_detect times (esp-tflite-micro 1.4.0 and ESP-NN README)', () => {
  // S3 and P4: coefficients come from single-kernel tables, so the whole-network time is an independent check.
  it('ESP32-S3: 47 ms in internal RAM within 20 %', () => {
    expect(Math.abs(ms('esp32-s3') / 47 - 1)).toBeLessThan(0.2);
  });
  it('ESP32-S3: 54 ms with the arena in PSRAM within 20 %, slower than internal', () => {
    expect(Math.abs(ms('esp32-s3', { arena: 'psram' }) / 54 - 1)).toBeLessThan(0.2);
    expect(ms('esp32-s3', { arena: 'psram' })).toBeGreaterThan(ms('esp32-s3'));
  });
  it('ESP32-P4: 73 ms within 20 %', () => {
    expect(Math.abs(ms('esp32-p4') / 73 - 1)).toBeLessThan(0.2);
  });
  // ESP32 and C3: coefficients are derived from this figure; the check keeps the derivation honest.
  it('ESP32: 380 ms, ESP32-C3: 426 ms, within 2 %', () => {
    expect(Math.abs(ms('esp32') / 380 - 1)).toBeLessThan(0.02);
    expect(Math.abs(ms('esp32-c3') / 426 - 1)).toBeLessThan(0.02);
  });
  it.each([
    ['mps2-an500', 'cmsis-nn', 22.7],
    ['mps2-an500', 'tflite-micro-reference', 96.6],
    ['mps2-an500', 'generated-c', 74.9],
    ['rv32-virt', 'tflite-micro-reference', 109.3],
    ['rv32-virt', 'generated-c', 83.4],
  ])('%s with %s: %d M emulated instructions within 2 %', (device, library, millions) => {
    // One instruction is 1 ns there: a million instructions is a millisecond.
    expect(Math.abs(ms(device, { library }) / millions - 1)).toBeLessThan(0.02);
  });
});

describe('kernel times', () => {
  it('differ by more than an order of magnitude at equal MACs on one chip, which a MACs-only model cannot see', () => {
    const s3 = loadDevice('esp32-s3').kernelLibraries[0];
    if (s3 === undefined) throw new Error('no library');
    const pointwise = kernelCycles(work('conv_1x1', 1e6, 1e6 / 64), s3).cycles;
    const depthwise = kernelCycles(work('depthwise', 1e6, 1e6 / 9), s3).cycles;
    const first = kernelCycles(work('conv_kxk_thin', 1e6, 1e6 / 27), s3).cycles;
    expect(depthwise / pointwise).toBeGreaterThan(5);
    expect(first / pointwise).toBeGreaterThan(5);
  });

  it('reproduce the kernel table they were solved from: 331 008 cycles for 10x10x64 to 64, 39 022 for 8x8x16 to 16', () => {
    const s3 = loadDevice('esp32-s3').kernelLibraries[0];
    if (s3 === undefined) throw new Error('no library');
    const dispatch = s3.overheadCyclesPerOp.value;
    const wide = kernelCycles(work('conv_1x1', 10 * 10 * 64 * 64, 10 * 10 * 64), s3).cycles - dispatch;
    const narrow = kernelCycles(work('conv_1x1', 8 * 8 * 16 * 16, 8 * 8 * 16), s3).cycles - dispatch;
    expect(wide / 331_008).toBeCloseTo(1, 2);
    expect(narrow / 39_022).toBeCloseTo(1, 2);
  });

  it.each(listDevices().map((d) => d.id))(
    '%s: every kernel takes positive time and more work never takes less',
    (id) => {
      const device = loadDevice(id);
      for (const library of device.kernelLibraries) {
        for (const kernel of Object.keys(library.kernels) as KernelWork['kernel'][]) {
          const small = kernelCycles(work(kernel, 9_000, 1_000), library).cycles;
          const large = kernelCycles(work(kernel, 18_000, 2_000), library).cycles;
          expect(small, kernel).toBeGreaterThan(0);
          expect(large, kernel).toBeGreaterThan(small);
        }
      }
    },
  );

  it('fall back to "other" for a kernel without a coefficient, charging every MAC', () => {
    const library = structuredClone(loadDevice('esp32-s3').kernelLibraries[0]);
    if (library === undefined) throw new Error('no library');
    delete library.kernels.transposed_conv;
    const { cycles, measured } = kernelCycles(work('transposed_conv', 10_000, 100), library);
    expect(cycles).toBe(10_000 * 50 + 5_000);
    expect(measured).toBe(false);
  });

  it('says how much of the time rests on measured kernels', () => {
    expect(deviceLatencyUs(PERSON_DETECT, loadDevice('esp32-s3')).measuredShare).toBe(1);
    expect(deviceLatencyUs(PERSON_DETECT, loadDevice('esp32')).measuredShare).toBe(0);
    expect(deviceLatencyUs([], loadDevice('esp32'))).toMatchObject({
      latencyUs: 0,
      measuredShare: 0,
      source: 'estimate',
    });
  });

  it('charges PSRAM once: a kernel measured there is not slowed down again', () => {
    const s3 = loadDevice('esp32-s3');
    const us = (w: KernelWork, arena: 'psram' | 'internal-sram'): number =>
      deviceLatencyUs([w], s3, { arena }).latencyUs;
    expect(us(work('add', 0, 5000), 'psram')).toBe(us(work('add', 0, 5000), 'internal-sram'));
    expect(us(work('depthwise', 9e4, 1e4), 'psram')).toBeCloseTo(
      1.15 * us(work('depthwise', 9e4, 1e4), 'internal-sram'),
    );
  });

  it('names an unknown library and the known ones', () => {
    expect(() => deviceLatencyUs(PERSON_DETECT, loadDevice('mps2-an500'), { library: 'esp-nn' })).toThrow(/cmsis-nn/);
  });

  it('picks the kernel as ESP-NN dispatches: 16 values in a filter row', () => {
    expect(convolutionKernel({ kernelHeight: 1, kernelWidth: 1, inputChannels: 3 })).toBe('conv_1x1');
    expect(convolutionKernel({ kernelHeight: 3, kernelWidth: 3, inputChannels: 3 })).toBe('conv_kxk_thin');
    expect(convolutionKernel({ kernelHeight: 3, kernelWidth: 3, inputChannels: 5 })).toBe('conv_kxk_thin');
    expect(convolutionKernel({ kernelHeight: 3, kernelWidth: 3, inputChannels: 8 })).toBe('conv_kxk');
  });
});

describe('Edge TPU', () => {
  const net = (macs: number, inputBytes: number, weightBytes: number): KernelWork[] => [
    work('conv_kxk', macs, 1000, { inputBytes, weightBytes, outputBytes: 1001 }),
  ];
  // coral.ai benchmarks, 224×224×3 (299×299×3 for Inception v4) and the USB 2 figure of MobileNetV2.
  it.each([
    ['MobileNet v1, USB 3', 'coral-usb', 569e6, 150_528, 4.2e6, 2.2, 1.3],
    ['MobileNet v2, USB 3', 'coral-usb', 300e6, 150_528, 3.5e6, 2.3, 1.5],
    ['Inception v4, USB 3', 'coral-usb', 12.3e9, 268_203, 42.7e6, 100, 1.3],
    ['MobileNet v2, USB 2', 'coral-dev-mini', 300e6, 150_528, 3.5e6, 19, 1.3],
  ])('%s: published time within its factor', (_name, device, macs, input, weights, published, factor) => {
    const { latencyUs } = deviceLatencyUs(net(macs, input, weights), loadDevice(device));
    expect(latencyUs / 1000).toBeLessThan(published * factor);
    expect(latencyUs / 1000).toBeGreaterThan(published / factor);
  });

  it('takes the mappable prefix only and leaves the rest to the CPU', () => {
    const works = PERSON_DETECT.map((w, i) => (i === 20 ? { ...w, edgeTpuMappable: false } : w));
    const { kernels } = deviceLatencyUs(works, loadDevice('coral-micro'));
    expect(kernels.map((k) => k.on)).toEqual(works.map((_, i) => (i < 20 ? 'edge-tpu' : 'cpu')));
  });

  it('is much faster than the CPU beside it, and can be switched off', () => {
    expect(ms('coral')).toBeLessThan(ms('coral', { edgeTpu: false }) / 5);
  });
});

describe('encode and tail', () => {
  it('encode grows with elements and bytes: 784 elements at 240 MHz are 784·(4+10)/240 us', () => {
    expect(encodeLatencyUs(784, loadDevice('esp32-s3'))).toBeCloseTo((784 * 14) / 240, 6);
    expect(encodeLatencyUs(784, loadDevice('esp32-s3'), 392)).toBeCloseTo((784 * 4 + 392 * 10) / 240, 6);
  });
  it('tail of ResNet-50 (4.1 G MACs) comes to half of its measured forward and backward, 67 ms', () => {
    const us = tailLatencyUs([work('conv_kxk', 4.1e9, 1)], loadGateway());
    expect(us / 1000).toBeCloseTo(33.5 + 0.5, 0);
  });
  it('an empty tail costs the fixed part', () => {
    expect(tailLatencyUs([], loadGateway())).toBe(loadGateway().overheadUs.value);
  });
});
