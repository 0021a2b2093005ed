import { wrapCHeader } from '../core/c-header.js';
import {
  CODEC_NUMBERS,
  FRAME_FIELDS,
  FRAME_FLAGS,
  FRAME_HEADER_BYTES,
  FRAME_MAGIC,
  FRAME_OVERHEAD_BYTES,
  FRAME_VERSION,
  SPLIT_ID_PREFIX_BYTES,
  type WireField,
} from './frame.js';
import { RESULT_BYTES, RESULT_FIELDS, RESULT_MAGIC, RESULT_STATUSES, RESULT_VERSION } from './result.js';

const define = (name: string, value: number, hex = false): string =>
  `#define ISPLIT_${name} ${hex ? `0x${value.toString(16)}` : value}u`;
const capitals = (name: string): string => name.replace(/([a-z])([A-Z])/g, '$1_$2').toUpperCase();
const offsets = (of: string, fields: readonly WireField[]): string[] =>
  fields.map(({ name, offset }) => define(`${of}_AT_${name.toUpperCase()}`, offset));

/** isplit_wire_format.h: the numbers of docs/wire.md, from the constants that the decoder uses. */
export function emitFormatHeader(): string {
  const flags = Object.entries(FRAME_FLAGS);
  const codecs = Object.entries(CODEC_NUMBERS);
  return wrapCHeader(
    'ISPLIT_WIRE_FORMAT_H',
    'Layout of frames and results, docs/wire.md. Integers are little-endian.',
    [
      define('FRAME_MAGIC', FRAME_MAGIC, true),
      define('FRAME_VERSION', FRAME_VERSION),
      define('FRAME_HEADER_BYTES', FRAME_HEADER_BYTES),
      '/* Header and CRC-32. */',
      define('FRAME_OVERHEAD_BYTES', FRAME_OVERHEAD_BYTES),
      define('SPLIT_ID_BYTES', SPLIT_ID_PREFIX_BYTES),
      ...offsets('FRAME', FRAME_FIELDS),
      '',
      ...flags.map(([name, bit]) => define(`FRAME_FLAG_${capitals(name)}`, bit)),
      define(
        'FRAME_KNOWN_FLAGS',
        flags.reduce((all, [, bit]) => all | bit, 0),
      ),
      '',
      ...codecs.map(([name, number]) => define(`CODEC_${capitals(name)}`, number)),
      define('CODEC_LAST', Math.max(...codecs.map(([, number]) => number))),
      '',
      define('RESULT_MAGIC', RESULT_MAGIC, true),
      define('RESULT_VERSION', RESULT_VERSION),
      define('RESULT_BYTES', RESULT_BYTES),
      ...offsets('RESULT', RESULT_FIELDS),
      '',
      ...RESULT_STATUSES.map((name, number) => define(`STATUS_${capitals(name)}`, number)),
      define('STATUS_LAST', RESULT_STATUSES.length - 1),
    ],
  );
}
