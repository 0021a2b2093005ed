import { type Analysis, analyzeModel, demoPaths, openModel } from '../src/sdk.js';
import type { Evidence } from './evidence.js';

/** Single-tensor cuts by predicted total latency, fastest first. */
function byLatency(analysis: Analysis): { id: string; latencyUs: Analysis['cuts'][number]['latencyUs'] }[] {
  return analysis.cuts
    .filter((cut) => cut.tensors.length === 1 && cut.latencyUs !== null)
    .map(({ id, latencyUs }) => ({ id, latencyUs }))
    .sort((a, b) => (a.latencyUs?.total as number) - (b.latencyUs?.total as number));
}

export const twoLinks: Evidence = {
  name: 'two-links',
  summary: 'fashion-cnn on esp32: the fastest cut over wifi-mqtt and over ble',
  async run() {
    const { model, calibration } = demoPaths();
    const opened = await openModel(model);
    const links: Record<string, ReturnType<typeof byLatency>> = {};
    for (const link of ['wifi-mqtt', 'ble']) {
      links[link] = byLatency(await analyzeModel(opened, { data: calibration, samples: 10, device: 'esp32', link }));
    }
    return { model: 'fashion-cnn', device: 'esp32', estimate: true, links };
  },
};
