import type { RunContext } from '../core/context.js';
import { fail } from '../core/errors.js';
import type { ByteSource } from './byte-source.js';
import { sampleDecoder } from './elements.js';
import { DATA_LIMITS } from './limits.js';
import { countRecords, readRecords } from './records.js';
import type { SampleShape, SampleSource } from './sample-source.js';

/**
 * `32,32,3`, `49,10` (one channel) or `640` (features) as the size of one sample.
 * @throws IsplitError E_USAGE
 */
export function parseRecordShape(shape: string | readonly number[]): SampleShape {
  const text = typeof shape === 'string' ? shape : shape.join(',');
  const dims = text.split(/[,x×]/).map((d) => (/^\s*\d{1,7}\s*$/.test(d) ? Number(d) : 0));
  const [a = 1, b = 1, c = 1] = dims;
  if (dims.length > 3 || dims.some((d) => d < 1) || a * b * c > DATA_LIMITS.sampleBytes) {
    fail(
      'E_USAGE',
      `"${text}" is no record shape`,
      { recordShape: text },
      'Write height,width,channels: --record-shape 32,32,3.',
    );
  }
  return dims.length === 1 ? { height: 1, width: 1, channels: a } : { height: a, width: b, channels: c };
}

/**
 * Samples back to back without a header: bytes (pictures), or little-endian float32 (what the network gets).
 * @throws IsplitError E_DATA_TRUNCATED, E_DATA_EMPTY
 */
export async function openRawRecords(
  source: ByteSource,
  shape: SampleShape,
  recordType: 'u8' | 'f32',
  ctx: RunContext,
): Promise<SampleSource> {
  const type = recordType === 'u8' ? 'u1' : 'f4';
  const recordBytes = shape.height * shape.width * shape.channels * (recordType === 'u8' ? 1 : 4);
  const count = await countRecords(source, recordBytes, ctx);
  const runs = [{ source, headerBytes: 0, recordBytes, count, decode: sampleDecoder(type, true, shape, source.name) }];
  return {
    format: 'raw',
    count,
    kind: recordType === 'u8' ? 'picture' : 'tensor',
    shape,
    labels: undefined,
    classNames: undefined,
    sampleNames: undefined,
    files: [{ path: source.path, name: '' }],
    part: undefined,
    read: (positions, readContext) => readRecords(runs, positions, readContext),
  };
}
