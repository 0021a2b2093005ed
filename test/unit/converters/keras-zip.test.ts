import { zipSync } from 'fflate';
import { describe, expect, it } from 'vitest';
import { isZip, unzipNamed } from '../../../converters/keras/zip.js';
import { IsplitError } from '../../../src/core/errors.js';

const LIMIT = 1_000_000;
const text = (s: string) => new TextEncoder().encode(s);
const archive = () =>
  zipSync({ 'config.json': text('{}'), 'other.bin': new Uint8Array(5000), 'a/b.h5': text('x'.repeat(900)) });

/** Offset of the n-th directory entry. */
function directoryEntry(bytes: Uint8Array, n: number): number {
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  let at = view.getUint32(bytes.length - 22 + 16, true);
  for (let i = 0; i < n; i++) at += 46 + view.getUint16(at + 28, true) + view.getUint16(at + 30, true);
  return at;
}

function refusal(bytes: Uint8Array, names = ['config.json', 'a/b.h5']): IsplitError {
  try {
    unzipNamed(bytes, names, 'm.keras', LIMIT);
  } catch (error) {
    if (error instanceof IsplitError) return error;
    throw error;
  }
  throw new Error('nothing was refused');
}

describe('unzipNamed', () => {
  it('takes only the named files, stored or deflated', () => {
    const files = unzipNamed(archive(), ['config.json', 'a/b.h5', 'missing'], 'm.keras', LIMIT);
    expect([...files.keys()]).toEqual(['config.json', 'a/b.h5']);
    expect(new TextDecoder().decode(files.get('a/b.h5'))).toBe('x'.repeat(900));
    const stored = zipSync({ 'config.json': text('{"a":1}') }, { level: 0 });
    expect(new TextDecoder().decode(unzipNamed(stored, ['config.json'], 'm', LIMIT).get('config.json'))).toBe(
      '{"a":1}',
    );
  });

  it('knows a zip by its first bytes', () => {
    expect(isZip(archive())).toBe(true);
    expect(isZip(text('PK but not really a zip archive'))).toBe(false);
  });

  it.each<[string, (bytes: Uint8Array, view: DataView, entry: number) => void, string, RegExp]>([
    ['a bomb that says so', (_, v, at) => v.setUint32(at + 24, LIMIT + 1, true), 'E_MODEL_TOO_LARGE', /would take/],
    ['a bomb that lies', (_, v, at) => v.setUint32(at + 24, 100, true), 'E_MODEL_CORRUPT', /damaged/],
    [
      'a size that is too large',
      (_, v, at) => v.setUint32(at + 24, 901, true),
      'E_MODEL_CORRUPT',
      /900 bytes instead of 901/,
    ],
    ['another checksum', (_, v, at) => v.setUint32(at + 16, 1, true), 'E_MODEL_CORRUPT', /checksum/],
    ['encryption', (_, v, at) => v.setUint16(at + 8, 1, true), 'E_MODEL_CORRUPT', /encrypted/],
    ['an unknown method', (_, v, at) => v.setUint16(at + 10, 99, true), 'E_MODEL_CORRUPT', /damaged/],
    ['data outside the file', (_, v, at) => v.setUint32(at + 42, 0x7fffffff, true), 'E_MODEL_CORRUPT', /too early/],
    [
      'a packed size outside the file',
      (_, v, at) => v.setUint32(at + 20, 0x7fffffff, true),
      'E_MODEL_CORRUPT',
      /too early/,
    ],
    ['zip64 sizes', (_, v, at) => v.setUint32(at + 24, 0xffffffff, true), 'E_MODEL_TOO_LARGE', /4 GiB/],
    ['a damaged directory', (_, v, at) => v.setUint32(at, 0, true), 'E_MODEL_CORRUPT', /directory entry/],
    [
      'more entries than there are',
      (b, v) => v.setUint16(b.length - 22 + 10, 9, true),
      'E_MODEL_CORRUPT',
      /damaged|too early/,
    ],
    [
      'a directory outside the file',
      (b, v) => v.setUint32(b.length - 22 + 16, 0x7fffffff, true),
      'E_MODEL_CORRUPT',
      /too early/,
    ],
  ])('refuses %s', (_, change, code, message) => {
    const bytes = archive();
    change(bytes, new DataView(bytes.buffer, bytes.byteOffset, bytes.length), directoryEntry(bytes, 2));
    const error = refusal(bytes);
    expect(error.message).toMatch(message);
    expect(error.code).toBe(code);
  });

  it('refuses two files of one name', () => {
    const bytes = zipSync({ 'config.json': text('{}'), 'config.jsoX': text('{}') });
    bytes[directoryEntry(bytes, 1) + 46 + 10] = 'n'.charCodeAt(0);
    expect(refusal(bytes).message).toMatch(/two files called config.json/);
  });

  it('refuses every cut', () => {
    const bytes = archive();
    for (let length = 0; length < bytes.length; length += 7) {
      expect(refusal(bytes.slice(0, length)).code).toBe('E_MODEL_CORRUPT');
    }
  });
});
