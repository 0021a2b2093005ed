import { z } from 'zod';
import { listCodecProblems } from '../wire/codecs/check-codec.js';
import { MAX_PRECISION, MAX_TABLES, WIRE_CODE_BITS } from '../wire/codecs/codec.js';
import { maxPayloadBytes } from '../wire/codecs/create-codec.js';

/** A tensor on a wire may have so many elements; the decoder sets as much memory aside. */
const LARGEST_WIRE_ELEMENTS = 2 ** 28;

const size = z
  .int()
  .min(1)
  .max(2 ** 31);
const bits = z.literal(WIRE_CODE_BITS);
const frequency = z
  .int()
  .min(1)
  .max(2 ** MAX_PRECISION);

const codec = z.discriminatedUnion('id', [
  z.strictObject({ id: z.literal('raw') }),
  z.strictObject({ id: z.literal('packed'), bits }),
  z.strictObject({
    id: z.literal('rans'),
    bits,
    precision: z.int().min(1).max(MAX_PRECISION),
    tableOfChannel: z.array(z.int().nonnegative().max(MAX_TABLES)).min(1),
    tables: z.array(z.array(frequency).max(256)).min(1).max(MAX_TABLES),
  }),
]);

const wireTensor = z
  .strictObject({
    id: z.string().min(1),
    shape: z.array(size).min(1).max(8),
    dtype: z.literal('int8'),
    scale: z.number().positive(),
    zeroPoint: z.int().min(-128).max(127),
    codec,
    bits,
    bytes: size,
  })
  .superRefine((wire, check) => {
    const add = (path: (string | number)[], message: string): void => {
      check.addIssue({ code: 'custom', path, message });
    };
    const elements = wire.shape.reduce((n, d) => n * d, 1);
    if (elements > LARGEST_WIRE_ELEMENTS)
      add(['shape'], `has ${elements} elements, more than ${LARGEST_WIRE_ELEMENTS}`);
    for (const { path, message } of listCodecProblems(wire.codec, wire.shape)) add(['codec', ...path], message);
    const coded = wire.codec.id === 'raw' ? 8 : wire.codec.bits;
    if (wire.bits !== coded) add(['bits'], `is ${wire.bits}, the codec is for ${coded}`);
    const most = maxPayloadBytes(wire.codec, wire.shape);
    if (wire.bytes !== most) add(['bytes'], `is ${wire.bytes}, the largest payload of shape and codec has ${most} B`);
  });

/** `wire` of a manifest. Only the last payload of a frame may vary in length, so that no lengths have to be sent. */
export const wireSchema = z
  .array(wireTensor)
  .min(1)
  .superRefine((wire, check) => {
    wire.slice(0, -1).forEach((tensor, i) => {
      if (tensor.codec.id !== 'rans') return;
      check.addIssue({
        code: 'custom',
        path: [i, 'codec', 'id'],
        message: 'is rans, which only the last tensor may have',
      });
    });
  });
