import type { FileHandle } from 'node:fs/promises';
import { fail } from '../core/errors.js';
import { formatBytes, formatCount } from '../core/units.js';
import { type ByteSource, memberSource, openFile } from './byte-source.js';
import { DATA_LIMITS } from './limits.js';
import { checkMemberName } from './member-name.js';

const END_RECORD = 0x06054b50;
const END_RECORD_64 = 0x06064b50;
const END_LOCATOR_64 = 0x07064b50;
const CENTRAL_ENTRY = 0x02014b50;
const LOCAL_ENTRY = 0x04034b50;
const END_BYTES = 22;
/** Central directory of a npz: a few names. More is no npz. */
const MAX_DIRECTORY_BYTES = 16 * 1024 * 1024;

/** Whether these bytes start a zip file. */
export function looksLikeZip(head: Uint8Array): boolean {
  return head[0] === 0x50 && head[1] === 0x4b && head[2] === 3 && head[3] === 4;
}

interface ZipEntry {
  readonly name: string;
  readonly method: number;
  readonly encrypted: boolean;
  readonly storedBytes: number;
  readonly sizeBytes: number;
  readonly localOffset: number;
}

/**
 * Members of a zip (with Zip64), by name, through its central directory; nothing is unpacked yet.
 * Source: PKWARE APPNOTE 6.3.10, 4.3.
 * @throws IsplitError E_DATA_ARCHIVE, E_DATA_TRUNCATED, E_DATA_TOO_LARGE
 */
export async function openZip(path: string, name: string): Promise<ReadonlyMap<string, ByteSource>> {
  const { handle, sizeBytes } = await openFile(path, name);
  try {
    const entries = await readDirectory(handle, sizeBytes, name);
    const members = new Map<string, ByteSource>();
    for (const entry of entries) {
      if (entry.name.endsWith('/')) continue;
      if (members.has(entry.name))
        fail('E_DATA_ARCHIVE', `${name} holds ${entry.name} twice`, { name, member: entry.name });
      checkMemberName(name, entry.name);
      const dataOffset = await findData(handle, sizeBytes, entry, name);
      members.set(
        entry.name,
        memberSource(path, `${name}:${entry.name}`, {
          offset: dataOffset,
          storedBytes: entry.storedBytes,
          sizeBytes: entry.sizeBytes,
          deflated: entry.method === 8,
        }),
      );
    }
    return members;
  } finally {
    await handle.close();
  }
}

async function readDirectory(handle: FileHandle, sizeBytes: number, name: string): Promise<ZipEntry[]> {
  const tailBytes = Math.min(sizeBytes, END_BYTES + 65_535 + 20);
  const tail = await readAt(handle, sizeBytes - tailBytes, tailBytes, name);
  let at = tail.byteLength - END_BYTES;
  while (at >= 0 && tail.getUint32(at, true) !== END_RECORD) at--;
  if (at < 0) fail('E_DATA_TRUNCATED', `${name} has no end record: the zip is cut off`, { name });
  let count = tail.getUint16(at + 10, true);
  let directoryBytes = tail.getUint32(at + 12, true);
  let offset = tail.getUint32(at + 16, true);
  if (at >= 20 && tail.getUint32(at - 20, true) === END_LOCATOR_64) {
    const end64 = await readAt(handle, readUint64(tail, at - 20 + 8), 56, name);
    if (end64.getUint32(0, true) !== END_RECORD_64) failDamaged(name, 'its Zip64 end record is missing');
    count = readUint64(end64, 32);
    directoryBytes = readUint64(end64, 40);
    offset = readUint64(end64, 48);
  }
  if (directoryBytes > MAX_DIRECTORY_BYTES || count > DATA_LIMITS.entries) {
    fail('E_DATA_TOO_LARGE', `${name} announces ${formatCount(count)} members in ${formatBytes(directoryBytes)}`, {
      name,
    });
  }
  const directory = await readAt(handle, offset, directoryBytes, name);
  const entries: ZipEntry[] = [];
  let cursor = 0;
  for (let i = 0; i < count; i++) {
    if (cursor + 46 > directory.byteLength || directory.getUint32(cursor, true) !== CENTRAL_ENTRY) {
      failDamaged(name, `entry ${i} of its directory is missing`);
    }
    const nameBytes = directory.getUint16(cursor + 28, true);
    const extraBytes = directory.getUint16(cursor + 30, true);
    const commentBytes = directory.getUint16(cursor + 32, true);
    const next = cursor + 46 + nameBytes + extraBytes + commentBytes;
    if (next > directory.byteLength) failDamaged(name, `entry ${i} of its directory is cut off`);
    entries.push(readEntry(directory, cursor, nameBytes, extraBytes, name));
    cursor = next;
  }
  return entries;
}

function readEntry(view: DataView, at: number, nameBytes: number, extraBytes: number, name: string): ZipEntry {
  const member = Buffer.from(view.buffer, view.byteOffset + at + 46, nameBytes).toString('utf8');
  let storedBytes = view.getUint32(at + 20, true);
  let sizeBytes = view.getUint32(at + 24, true);
  let localOffset = view.getUint32(at + 42, true);
  // Zip64 extra field: only the values that overflowed, in this order.
  const extraEnd = at + 46 + nameBytes + extraBytes;
  for (let p = at + 46 + nameBytes; p + 4 <= extraEnd; ) {
    const fieldEnd = p + 4 + view.getUint16(p + 2, true);
    if (view.getUint16(p, true) === 1) {
      let q = p + 4;
      const take = (current: number): number => {
        if (current !== 0xffffffff) return current;
        if (q + 8 > Math.min(fieldEnd, extraEnd)) failDamaged(name, `the Zip64 field of ${member} is cut off`);
        q += 8;
        return readUint64(view, q - 8);
      };
      sizeBytes = take(sizeBytes);
      storedBytes = take(storedBytes);
      localOffset = take(localOffset);
    }
    p = fieldEnd;
  }
  const method = view.getUint16(at + 10, true);
  const encrypted = (view.getUint16(at + 8, true) & 1) !== 0;
  return { name: member, method, encrypted, storedBytes, sizeBytes, localOffset };
}

async function findData(handle: FileHandle, fileBytes: number, entry: ZipEntry, name: string): Promise<number> {
  if (entry.encrypted) failDamaged(name, `${entry.name} is encrypted`);
  if (entry.method !== 0 && entry.method !== 8) {
    failDamaged(name, `${entry.name} is compressed by method ${entry.method}, only stored and deflate are read`);
  }
  const local = await readAt(handle, entry.localOffset, 30, name);
  if (local.getUint32(0, true) !== LOCAL_ENTRY) failDamaged(name, `the header of ${entry.name} is missing`);
  const offset = entry.localOffset + 30 + local.getUint16(26, true) + local.getUint16(28, true);
  if (offset + entry.storedBytes > fileBytes || (entry.method === 0 && entry.storedBytes !== entry.sizeBytes)) {
    failDamaged(name, `${entry.name} does not fit the file`);
  }
  return offset;
}

async function readAt(handle: FileHandle, offset: number, length: number, name: string): Promise<DataView> {
  const bytes = new Uint8Array(length);
  const { bytesRead } =
    Number.isSafeInteger(offset) && offset >= 0 ? await handle.read(bytes, 0, length, offset) : { bytesRead: 0 };
  if (bytesRead < length) failDamaged(name, 'its directory points outside the file');
  return new DataView(bytes.buffer);
}

function readUint64(view: DataView, at: number): number {
  return Number(view.getBigUint64(at, true));
}

function failDamaged(name: string, what: string): never {
  fail('E_DATA_ARCHIVE', `${name} cannot be read as a zip: ${what}`, { name });
}
