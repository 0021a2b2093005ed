import type { RunContext } from '../core/context.js';
import { fail } from '../core/errors.js';
import { formatBytes } from '../core/units.js';
import { type ByteSource, readExactly } from './byte-source.js';
import { type ElementType, elementBytes, elementReader, sampleDecoder } from './elements.js';
import { DATA_LIMITS } from './limits.js';
import { checkRunLength, readRecords } from './records.js';
import type { DataPart, SampleShape, SampleSource } from './sample-source.js';

/** Header of a NumPy array file. Source: numpy.lib.format (versions 1.0 to 3.0). */
export interface NpyHeader {
  readonly type: ElementType;
  readonly littleEndian: boolean;
  readonly dims: readonly number[];
  readonly headerBytes: number;
}

const ELEMENT_TYPES: readonly string[] = ['u1', 'i1', 'u2', 'i2', 'u4', 'i4', 'u8', 'i8', 'f4', 'f8', 'b1'];

/** Whether these bytes start a npy file. */
export function looksLikeNpy(head: Uint8Array): boolean {
  return head.length >= 8 && Buffer.from(head.subarray(0, 6)).toString('latin1') === '\x93NUMPY';
}

/**
 * @throws IsplitError E_DATA_FORMAT, E_DATA_DTYPE (object arrays, Fortran order, complex …), E_DATA_TRUNCATED, E_DATA_TOO_LARGE
 */
export async function readNpyHeader(source: ByteSource): Promise<NpyHeader> {
  const cursor = await source.open();
  try {
    const head = await readExactly(cursor, 10, source.name, 'the npy header');
    const major = head[6] as number;
    if (!looksLikeNpy(head) || major < 1 || major > 3) {
      fail('E_DATA_FORMAT', `${source.name} is no npy file of version 1 to 3`, { name: source.name, version: major });
    }
    const view = new DataView(head.buffer, head.byteOffset);
    let textBytes = view.getUint16(8, true);
    let headerBytes = 10;
    if (major > 1) {
      const more = await readExactly(cursor, 2, source.name, 'the npy header');
      textBytes += ((more[0] as number) | ((more[1] as number) << 8)) * 65_536;
      headerBytes = 12;
    }
    if (textBytes > DATA_LIMITS.npyHeaderBytes) {
      fail('E_DATA_TOO_LARGE', `${source.name} announces a header of ${formatBytes(textBytes)}`, {
        name: source.name,
        headerBytes: textBytes,
        limitBytes: DATA_LIMITS.npyHeaderBytes,
      });
    }
    const text = Buffer.from(await readExactly(cursor, textBytes, source.name, 'the npy header')).toString('utf8');
    return { ...parseDescription(text, source.name), headerBytes: headerBytes + textBytes };
  } finally {
    await cursor.close();
  }
}

function parseDescription(text: string, name: string): Omit<NpyHeader, 'headerBytes'> {
  const descr = /'descr'\s*:\s*(?:'([^']*)'|(\[))/.exec(text);
  const fortran = /'fortran_order'\s*:\s*(True|False)/.exec(text);
  const shape = /'shape'\s*:\s*\(([^)]*)\)/.exec(text);
  if (!descr || !fortran || !shape) {
    fail('E_DATA_FORMAT', `${name} has a npy header that cannot be read`, { name, header: text.slice(0, 200) });
  }
  const dtype = descr[2] === '[' ? 'a structured type' : (descr[1] as string);
  const match = /^([<>|=])?([a-zA-Z]\d+)$/.exec(dtype);
  const type = match?.[2];
  if (type === undefined || !ELEMENT_TYPES.includes(type)) {
    const ragged = dtype.endsWith('O');
    fail(
      'E_DATA_DTYPE',
      ragged
        ? `${name} is an object array (samples of different sizes, pickled)`
        : `${name} holds elements of type ${dtype}, which is not read`,
      { name, dtype },
      ragged
        ? 'Bring the samples to one size and save them as one uint8 or float32 array.'
        : 'Save it as uint8 (pictures), float32 (network input) or int32 (labels).',
    );
  }
  const dims = shape[1]
    ?.split(',')
    .map((d) => d.trim().replace(/L$/, ''))
    .filter((d) => d !== '')
    .map((d) => (/^\d{1,15}$/.test(d) ? Number(d) : Number.NaN)) as number[];
  if (dims.some((d) => Number.isNaN(d)) || dims.length > 32) {
    fail('E_DATA_FORMAT', `${name} has the shape (${shape[1]}), which cannot be read`, { name });
  }
  if (fortran[1] === 'True' && dims.length > 1) {
    fail(
      'E_DATA_DTYPE',
      `${name} is stored in Fortran order (columns first)`,
      { name, shape: dims },
      'Save it with np.save(path, np.ascontiguousarray(array)).',
    );
  }
  return { type: type as ElementType, littleEndian: match?.[1] !== '>', dims };
}

/**
 * An array of samples: (N, H, W, C), (N, H, W), or (N, F) for features or with a record shape.
 * @param recordShape shape of one sample when the array is flat
 * @throws IsplitError E_DATA_SHAPE, E_DATA_DTYPE, E_DATA_TRUNCATED, E_DATA_EMPTY
 */
export async function openNpySamples(
  source: ByteSource,
  recordShape: SampleShape | undefined,
  ctx: RunContext,
): Promise<Omit<SampleSource, 'labels' | 'format'>> {
  const header = await readNpyHeader(source);
  const [count = 0, ...rest] = header.dims;
  const shape = sampleShapeOf(source.name, rest, recordShape);
  const recordBytes = shape.height * shape.width * shape.channels * elementBytes(header.type);
  if (count === 0 || recordBytes === 0) {
    fail('E_DATA_EMPTY', `${source.name} has the shape (${header.dims.join(', ')}): no samples`, { name: source.name });
  }
  await checkRunLength(source, { headerBytes: header.headerBytes, recordBytes, count }, ctx);
  const decode = sampleDecoder(header.type, header.littleEndian, shape, source.name);
  const runs = [{ source, headerBytes: header.headerBytes, recordBytes, count, decode }];
  return {
    count,
    kind: header.type.startsWith('f') ? 'tensor' : 'picture',
    shape,
    classNames: undefined,
    sampleNames: undefined,
    files: [{ path: source.path, name: '' }],
    part: undefined as DataPart | undefined,
    read: (positions, readContext) => readRecords(runs, positions, readContext),
  };
}

function sampleShapeOf(name: string, dims: readonly number[], recordShape: SampleShape | undefined): SampleShape {
  const elements = dims.reduce((product, d) => product * d, 1);
  if (recordShape) {
    const { height, width, channels } = recordShape;
    if (height * width * channels === elements) return recordShape;
    fail(
      'E_DATA_SHAPE',
      `${name} has samples of ${dims.join('×')} = ${elements} elements, --record-shape says ${height}×${width}×${channels}`,
      { name, sample: [...dims], recordShape: [height, width, channels] },
    );
  }
  const [a = 1, b = 1, c = 1] = dims;
  if (dims.length === 1) return { height: 1, width: 1, channels: a };
  if (dims.length === 2) return { height: a, width: b, channels: 1 };
  if (dims.length === 3) {
    if ((a === 1 || a === 3) && b > 4 && c > 4) {
      fail(
        'E_DATA_SHAPE',
        `${name} has samples of ${dims.join('×')}: channels first`,
        { name, sample: [...dims] },
        'Samples are channels last; save np.ascontiguousarray(array.transpose(0, 2, 3, 1)).',
      );
    }
    return { height: a, width: b, channels: c };
  }
  fail(
    'E_DATA_SHAPE',
    `${name} has samples of ${dims.length} dimensions (${dims.join('×')})`,
    { name, sample: [...dims] },
    'Arrays of samples are (N, H, W, C), (N, H, W) or (N, features).',
  );
}

/**
 * Labels: a 1-D array (or N×1) of whole numbers.
 * @throws IsplitError E_DATA_LABELS, E_DATA_DTYPE, E_DATA_TRUNCATED
 */
export async function readNpyLabels(source: ByteSource, ctx: RunContext): Promise<Int32Array> {
  const header = await readNpyHeader(source);
  const [count = 0, columns = 1, ...more] = header.dims;
  if (header.dims.length === 0 || columns !== 1 || more.some((d) => d !== 1)) {
    fail(
      'E_DATA_LABELS',
      `${source.name} has the shape (${header.dims.join(', ')}), labels are one number a sample`,
      { name: source.name, shape: [...header.dims] },
      'One-hot labels: save array.argmax(-1).',
    );
  }
  const width = elementBytes(header.type);
  await checkRunLength(source, { headerBytes: header.headerBytes, recordBytes: width, count }, ctx);
  const cursor = await source.open();
  try {
    await cursor.skip(header.headerBytes);
    const read = elementReader(header.type, header.littleEndian);
    const labels = new Int32Array(count);
    const block = 65_536;
    for (let at = 0; at < count; at += block) {
      const here = Math.min(block, count - at);
      const bytes = await readExactly(cursor, here * width, source.name, 'the labels');
      const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
      for (let i = 0; i < here; i++) {
        const value = read(view, i);
        if (!Number.isInteger(value) || Math.abs(value) > 0x7fffffff) {
          fail('E_DATA_LABELS', `${source.name}: entry ${at + i} is ${value}, labels are whole numbers`, {
            name: source.name,
            entry: at + i,
          });
        }
        labels[at + i] = value;
      }
    }
    return labels;
  } finally {
    await cursor.close();
  }
}
