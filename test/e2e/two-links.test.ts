import { expect, it } from 'vitest';
import { twoLinks } from '../../evidence/two-links.js';

it('the fastest cut of fashion-cnn on an ESP32 depends on the link', async () => {
  const { links } = (await twoLinks.run(() => {})) as {
    links: Record<string, { id: string; latencyUs: { total: number; link: number; head: number } }[]>;
  };
  const [wifi] = links['wifi-mqtt'] ?? [];
  const [ble] = links.ble ?? [];
  expect(wifi?.id).toBe('conv1_1');
  expect(ble?.id).toBe('pool1');
  // Over Wi-Fi the head decides, over BLE the bytes do: the same cut is slower by the link alone.
  const sameCutOverBle = links.ble?.find((c) => c.id === wifi?.id);
  expect(sameCutOverBle?.latencyUs.head).toBe(wifi?.latencyUs.head);
  expect(sameCutOverBle?.latencyUs.total).toBeGreaterThan(ble?.latencyUs.total as number);
});
