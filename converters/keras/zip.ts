import { inflateRawSync } from 'node:zlib';
import { crc32 } from '../../src/core/crc32.js';
import { fail } from '../../src/core/errors.js';
import { formatBytes } from '../../src/core/units.js';

const END_OF_DIRECTORY = 0x06054b50;
const DIRECTORY_ENTRY = 0x02014b50;
const LOCAL_FILE = 0x04034b50;
const MAX_ENTRIES = 10_000;

export function isZip(bytes: Uint8Array): boolean {
  return bytes.length > 22 && new DataView(bytes.buffer, bytes.byteOffset).getUint32(0, true) === LOCAL_FILE;
}

/**
 * Takes the named files out of a zip archive; others are never unpacked. Sizes are bounded twice: by what the directory
 * declares and by what inflating really gives.
 * @throws IsplitError E_MODEL_CORRUPT, E_MODEL_TOO_LARGE
 */
export function unzipNamed(
  bytes: Uint8Array,
  names: readonly string[],
  archive: string,
  maxBytes: number,
): Map<string, Uint8Array> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const corrupt = (why: string, at: number): never =>
    fail('E_MODEL_CORRUPT', `${archive}: ${why} (at byte ${at})`, { file: archive, offset: at });
  const need = (at: number, count: number): void => {
    if (at < 0 || at + count > bytes.length) corrupt('the archive ends too early', at);
  };

  let end = bytes.length - 22;
  const first = Math.max(0, end - 65_535);
  while (end >= first && view.getUint32(end, true) !== END_OF_DIRECTORY) end--;
  if (end < first) corrupt('the directory of the archive is missing: it was cut off', bytes.length);
  const entries = view.getUint16(end + 10, true);
  if (entries > MAX_ENTRIES) corrupt(`the archive has ${entries} files`, end);

  const found = new Map<string, Uint8Array>();
  let at = view.getUint32(end + 16, true);
  let total = 0;
  for (let i = 0; i < entries; i++) {
    need(at, 46);
    if (view.getUint32(at, true) !== DIRECTORY_ENTRY) corrupt('a directory entry is damaged', at);
    const flags = view.getUint16(at + 8, true);
    const method = view.getUint16(at + 10, true);
    const checksum = view.getUint32(at + 16, true);
    const packed = view.getUint32(at + 20, true);
    const size = view.getUint32(at + 24, true);
    const nameLength = view.getUint16(at + 28, true);
    const skip = view.getUint16(at + 30, true) + view.getUint16(at + 32, true);
    const local = view.getUint32(at + 42, true);
    need(at + 46, nameLength);
    const name = new TextDecoder().decode(bytes.subarray(at + 46, at + 46 + nameLength));
    at += 46 + nameLength + skip;
    if (!names.includes(name)) continue;
    if (found.has(name)) corrupt(`the archive has two files called ${name}`, at);
    if (flags & 1) corrupt(`${name} is encrypted`, at);
    if (size === 0xffffffff || packed === 0xffffffff || local === 0xffffffff) {
      fail('E_MODEL_TOO_LARGE', `${archive}: ${name} is larger than 4 GiB`, { file: archive });
    }
    total += size;
    if (total > maxBytes) {
      const message = `${archive}: unpacked it would take ${formatBytes(total)}, the limit is ${formatBytes(maxBytes)}`;
      fail('E_MODEL_TOO_LARGE', message, { file: archive, bytes: total, limit: maxBytes });
    }
    need(local, 30);
    if (view.getUint32(local, true) !== LOCAL_FILE) corrupt(`the header of ${name} is damaged`, local);
    const data = local + 30 + view.getUint16(local + 26, true) + view.getUint16(local + 28, true);
    need(data, packed);
    const content = unpack(bytes.subarray(data, data + packed), method, size) ?? corrupt(`${name} is damaged`, data);
    if (content.length !== size) corrupt(`${name} has ${content.length} bytes instead of ${size}`, data);
    if (crc32(content) !== checksum) corrupt(`${name} does not have its checksum`, data);
    found.set(name, content);
  }
  return found;
}

function unpack(data: Uint8Array, method: number, size: number): Uint8Array | undefined {
  if (method === 0) return data;
  if (method !== 8) return undefined;
  try {
    return inflateRawSync(data, { maxOutputLength: Math.max(size, 1) });
  } catch {
    return undefined;
  }
}
