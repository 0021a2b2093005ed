/**
 * selftest.bin: inputs of a head with the bytes it must answer, so that a board can prove itself. Little-endian, readable in
 * place without malloc: every record starts at a multiple of 4. docs/selftest.md has it field by field.
 */
import { crc32 } from '../core/crc32.js';
import { fail } from '../core/errors.js';

export const SELFTEST_FILE = 'selftest.bin';

/** `ISST` */
const MAGIC = [0x49, 0x53, 0x53, 0x54];
const VERSION = 1;
const HEADER_BYTES = 40;
const ALIGNMENT_BYTES = 4;
const SPLIT_ID_BYTES = 8;

/** Offsets of the header's fields. */
const AT = {
  version: 4,
  headerBytes: 6,
  records: 8,
  inputBytes: 12,
  outputBytes: 16,
  recordBytes: 20,
  splitId: 24,
  crc: 32,
  reserved: 36,
} as const;

export interface SelfTest {
  /** Beginning of the splitId, 16 hex digits. */
  readonly splitIdPrefix: string;
  readonly count: number;
  /** `count` records back to back: the head's input tensor as raw bytes. */
  readonly inputs: Int8Array;
  /** `count` records back to back: the head's outputs, one tensor after another, in the order of the head's outputs. */
  readonly outputs: Int8Array;
}

/** Bytes of an input and of an output record. */
export interface SelfTestSizes {
  readonly inputBytes: number;
  readonly outputBytes: number;
}

/**
 * @param splitId at least 16 hex digits
 * @param inputs `count` input records back to back
 * @param outputs the expected bytes, `count` output records back to back
 */
export function encodeSelfTest(splitId: string, count: number, inputs: Int8Array, outputs: Int8Array): Uint8Array {
  const [inputBytes, outputBytes] = [inputs.length / count, outputs.length / count];
  if (![count, inputBytes, outputBytes].every((n) => Number.isInteger(n) && n > 0)) {
    throw new RangeError(`${inputs.length} and ${outputs.length} bytes are not ${count} whole records`);
  }
  if (!/^[0-9a-f]{16}/.test(splitId)) throw new RangeError(`"${splitId}" is no split id`);
  const recordBytes = padded(inputBytes) + padded(outputBytes);
  const file = new Uint8Array(HEADER_BYTES + count * recordBytes);
  const view = new DataView(file.buffer);
  file.set(MAGIC);
  view.setUint16(AT.version, VERSION, true);
  view.setUint16(AT.headerBytes, HEADER_BYTES, true);
  view.setUint32(AT.records, count, true);
  view.setUint32(AT.inputBytes, inputBytes, true);
  view.setUint32(AT.outputBytes, outputBytes, true);
  view.setUint32(AT.recordBytes, recordBytes, true);
  for (let i = 0; i < SPLIT_ID_BYTES; i++) file[AT.splitId + i] = Number.parseInt(splitId.slice(2 * i, 2 * i + 2), 16);
  for (let i = 0; i < count; i++) {
    const at = HEADER_BYTES + i * recordBytes;
    file.set(asBytes(inputs.subarray(i * inputBytes, (i + 1) * inputBytes)), at);
    file.set(asBytes(outputs.subarray(i * outputBytes, (i + 1) * outputBytes)), at + padded(inputBytes));
  }
  view.setUint32(AT.crc, crc32(file), true);
  return file;
}

/** @throws IsplitError E_SELFTEST_CORRUPT, E_SELFTEST_VERSION; E_SELFTEST_MISMATCH when `expected` sizes or split id differ */
export function decodeSelfTest(
  file: Uint8Array,
  expected: Partial<SelfTestSizes> & { readonly splitId?: string } = {},
): SelfTest & SelfTestSizes {
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  if (file.length < HEADER_BYTES) corrupt(`it has ${file.length} B, the header alone takes ${HEADER_BYTES} B`);
  if (MAGIC.some((byte, i) => file[i] !== byte)) corrupt('it does not begin with ISST');
  const version = view.getUint16(AT.version, true);
  if (version !== VERSION) {
    fail('E_SELFTEST_VERSION', `the self-test is of version ${version}, version ${VERSION} is read`, {
      version,
      supported: VERSION,
    });
  }
  const headerBytes = view.getUint16(AT.headerBytes, true);
  const count = view.getUint32(AT.records, true);
  const inputBytes = view.getUint32(AT.inputBytes, true);
  const outputBytes = view.getUint32(AT.outputBytes, true);
  const recordBytes = view.getUint32(AT.recordBytes, true);
  if (headerBytes !== HEADER_BYTES) corrupt(`its header says ${headerBytes} B instead of ${HEADER_BYTES} B`);
  if (count === 0 || inputBytes === 0 || outputBytes === 0) {
    corrupt(`it states ${count} records of ${inputBytes} B in and ${outputBytes} B out`);
  }
  if (recordBytes !== padded(inputBytes) + padded(outputBytes)) {
    corrupt(`its records take ${recordBytes} B, ${inputBytes} B in and ${outputBytes} B out do not make that`);
  }
  // Below 2^64, where a product of two 32-bit numbers is rounded but never too small to notice.
  if (HEADER_BYTES + count * recordBytes !== file.length) {
    corrupt(`${count} records of ${recordBytes} B and the header are not its ${file.length} B`);
  }
  const stored = view.getUint32(AT.crc, true);
  const zeros = new Uint8Array(4);
  const before = crc32(zeros, crc32(file.subarray(0, AT.crc)));
  const actual = crc32(file.subarray(AT.crc + zeros.length), before);
  if (stored !== actual) corrupt(`its checksum is ${hex(actual)}, it states ${hex(stored)}`);
  const splitIdPrefix = [...file.subarray(AT.splitId, AT.splitId + SPLIT_ID_BYTES)]
    .map((byte) => byte.toString(16).padStart(2, '0'))
    .join('');
  requireSame('input bytes', inputBytes, expected.inputBytes);
  requireSame('output bytes', outputBytes, expected.outputBytes);
  requireSame('split id', splitIdPrefix, expected.splitId?.slice(0, 2 * SPLIT_ID_BYTES));
  const inputs = new Int8Array(count * inputBytes);
  const outputs = new Int8Array(count * outputBytes);
  for (let i = 0; i < count; i++) {
    const at = HEADER_BYTES + i * recordBytes;
    const outputAt = at + padded(inputBytes);
    asBytes(inputs).set(file.subarray(at, at + inputBytes), i * inputBytes);
    asBytes(outputs).set(file.subarray(outputAt, outputAt + outputBytes), i * outputBytes);
  }
  return { splitIdPrefix, count, inputBytes, outputBytes, inputs, outputs };
}

function padded(bytes: number): number {
  return Math.ceil(bytes / ALIGNMENT_BYTES) * ALIGNMENT_BYTES;
}

function asBytes(values: Int8Array): Uint8Array {
  return new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
}

function requireSame(what: string, found: number | string, wanted: number | string | undefined): void {
  if (wanted !== undefined && found !== wanted) {
    fail('E_SELFTEST_MISMATCH', `the self-test has the ${what} ${found}, this head ${wanted}`, { what, found, wanted });
  }
}

function corrupt(why: string): never {
  fail('E_SELFTEST_CORRUPT', `${SELFTEST_FILE} is damaged: ${why}`);
}

function hex(value: number): string {
  return `0x${value.toString(16).padStart(8, '0')}`;
}
