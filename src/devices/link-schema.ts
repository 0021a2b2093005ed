import { z } from 'zod';
import { deviceId, RADIOS } from './device-schema.js';
import { sourced, sourcedBytes, sourcedPositive, sourcedUs, sourceText } from './sourced.js';

/** Bytes added by a protocol layer: a fixed number, or a length field that grows with what it counts. */
const overhead = z.union([
  z.strictObject({ name: z.string().min(1), bytes: z.number().int().nonnegative(), source: sourceText }),
  z.strictObject({
    name: z.string().min(1),
    encoding: z.literal('mqtt-remaining-length').describe('1 to 4 bytes, seven bits of the length in each'),
    source: sourceText,
  }),
]);

/**
 * One layer, from the application downwards: cuts each unit it gets into units of at most `unitPayload` bytes and adds its
 * overheads to each. Without `unitPayload` a unit stays whole. A `stream` layer (TCP, a TLS record layer) does not see the
 * borders of what is above it: it cuts the sum.
 */
const layer = z.strictObject({
  name: z.string().min(1),
  stream: z.boolean().optional().describe('true: cuts the byte stream, not each unit of the layer above'),
  unitPayload: sourced(z.number().int().positive()).optional(),
  overheads: z.array(overhead),
});

/** The schema of devices/links/<id>.json and of a user's own `--link ./link.json`. */
export const linkSchema = z
  .strictObject({
    $schema: z.string().optional(),
    schemaVersion: z.literal(1),
    id: deviceId,
    name: z.string().min(1),
    aliases: z.array(deviceId),
    summary: z.string().min(1),
    radio: z.enum(RADIOS).describe('the radio stack it needs on the device; "none" for wires and external modems'),
    secure: z.boolean().describe('whether TLS runs on the device (its reserve is then taken)'),
    deviceStackBytes: sourcedBytes.describe(
      'RAM of its stack beyond what the free memory under the radio already lacks',
    ),
    layers: z.array(layer).min(1).describe('from the application to the air; the last one makes the packets'),
    rate: z.strictObject({
      bitsPerSecond: sourcedPositive,
      bitsPerByte: sourcedPositive.describe('8, or 10 on a serial line with start and stop bit'),
      countedAt: z
        .enum(['stream', 'air'])
        .describe(
          'stream: a measured throughput of the bytes handed to the last layer; air: the raw rate of all bytes',
        ),
    }),
    perPacketUs: sourcedUs.describe('spacing, preamble, acknowledgement and channel access of one packet'),
    fixedUs: sourcedUs.describe('one way to the tail beyond the time on air: channel access, bridge, broker'),
    resultUs: sourcedUs.describe('the way back of the small result'),
    ackUs: sourcedUs.describe(
      'QoS 1 or link acknowledgement; not on the way to the result, but the device is occupied',
    ),
    dutyCycle: sourced(z.number().positive().max(1)).optional().describe('share of time the radio may transmit'),
  })
  .refine((link) => link.dutyCycle === undefined || link.rate.countedAt === 'air', {
    message: 'a duty cycle needs a rate counted on air',
    path: ['rate', 'countedAt'],
  });

export type LinkProfile = z.infer<typeof linkSchema>;
export type LinkLayer = LinkProfile['layers'][number];
