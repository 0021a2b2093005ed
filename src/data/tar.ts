import { type RunContext, throwIfAborted } from '../core/context.js';
import { fail } from '../core/errors.js';
import { formatBytes, formatCount } from '../core/units.js';
import { type ByteCursor, type ByteSource, readExactly } from './byte-source.js';
import { DATA_LIMITS } from './limits.js';
import { checkMemberName } from './member-name.js';

const BLOCK = 512;
/** Extended headers (long names) are short texts. */
const MAX_EXTENDED_BYTES = 1024 * 1024;

/** A regular file in a tar. */
export interface TarEntry {
  /** As written, without a leading `./`. */
  readonly name: string;
  /** Of its first byte in the (decompressed) tar. */
  readonly offset: number;
  readonly sizeBytes: number;
}

/** Whether this block is a tar header: the checksum fits and the name is not empty. */
export function looksLikeTar(head: Uint8Array): boolean {
  return head.length >= BLOCK && head[0] !== 0 && checksumFits(head.subarray(0, BLOCK));
}

/**
 * Lists the regular files in archive order; links, folders and devices are passed over. Long names of GNU and pax are read.
 * Source: POSIX.1-2017, pax (ustar and pax interchange formats); GNU tar manual, "Basic Tar Format".
 * @param visit gets the cursor at the file's first byte, may read up to sizeBytes of it
 * @throws IsplitError E_DATA_ARCHIVE (checksum, names that point outside), E_DATA_TRUNCATED, E_DATA_TOO_LARGE
 */
export async function walkTar(
  source: ByteSource,
  ctx: RunContext,
  visit: (entry: TarEntry, cursor: ByteCursor) => Promise<void>,
): Promise<void> {
  const cursor = await source.open();
  try {
    let extended: Extended = {};
    for (let entries = 0; ; entries++) {
      throwIfAborted(ctx);
      const at = cursor.position;
      const header = await cursor.read(BLOCK);
      if (header.length < BLOCK) {
        fail('E_DATA_TRUNCATED', `${source.name} ends at byte ${formatCount(at)} without the end mark of a tar`, {
          name: source.name,
          offset: at,
        });
      }
      if (header.every((byte) => byte === 0)) return;
      if (!checksumFits(header)) {
        fail('E_DATA_ARCHIVE', `${source.name} is damaged: no tar header at byte ${formatCount(at)}`, {
          name: source.name,
          offset: at,
        });
      }
      if (entries >= DATA_LIMITS.entries) {
        fail('E_DATA_TOO_LARGE', `${source.name} holds more than ${formatCount(DATA_LIMITS.entries)} entries`, {
          name: source.name,
        });
      }
      const kind = String.fromCharCode(header[156] as number);
      const sizeBytes = extended.sizeBytes ?? readNumber(header, 124, 12, source.name);
      const start = cursor.position;
      const end = start + Math.ceil(sizeBytes / BLOCK) * BLOCK;
      if (kind === 'L' || kind === 'x') {
        const text = await readExtended(cursor, sizeBytes, source.name);
        if (kind === 'L') extended.name = text.replace(/\0.*$/s, '');
        else extended = { ...extended, ...parsePax(text) };
      } else {
        if (kind === '0' || kind === '\0' || kind === '7') {
          const name = (extended.name ?? headerName(header)).replace(/^(\.\/)+/, '');
          checkMemberName(source.name, name);
          await visit({ name, offset: start, sizeBytes }, cursor);
        }
        if (kind !== 'g' && kind !== 'K') extended = {};
      }
      const rest = end - cursor.position;
      if ((await cursor.skip(rest)) < rest) {
        fail('E_DATA_TRUNCATED', `${source.name} ends in the middle of an entry of ${formatBytes(sizeBytes)}`, {
          name: source.name,
          offset: start,
          needsBytes: sizeBytes,
        });
      }
    }
  } finally {
    await cursor.close();
  }
}

interface Extended {
  name?: string;
  sizeBytes?: number;
}

async function readExtended(cursor: ByteCursor, sizeBytes: number, name: string): Promise<string> {
  if (sizeBytes > MAX_EXTENDED_BYTES) {
    fail('E_DATA_TOO_LARGE', `${name} has an extended header of ${formatBytes(sizeBytes)}`, { name, bytes: sizeBytes });
  }
  return Buffer.from(await readExactly(cursor, sizeBytes, name, 'an extended header')).toString('utf8');
}

/** Records "<length> <key>=<value>\n"; only path and size matter here. */
function parsePax(text: string): Extended {
  const found: Extended = {};
  for (const record of text.split('\n')) {
    const match = /^\d+ (path|size)=(.*)$/.exec(record);
    if (match?.[1] === 'path') found.name = match[2] as string;
    else if (match?.[1] === 'size' && /^\d{1,15}$/.test(match[2] as string)) found.sizeBytes = Number(match[2]);
  }
  return found;
}

function headerName(header: Uint8Array): string {
  const name = readText(header, 0, 100);
  const ustar = readText(header, 257, 5) === 'ustar' && header[263] === 0x30;
  const prefix = ustar ? readText(header, 345, 155) : '';
  return prefix === '' ? name : `${prefix}/${name}`;
}

function readText(bytes: Uint8Array, at: number, length: number): string {
  const field = bytes.subarray(at, at + length);
  const end = field.indexOf(0);
  return Buffer.from(end < 0 ? field : field.subarray(0, end)).toString('utf8');
}

/** Octal digits, or GNU's base 256 when the first bit is set. */
function readNumber(bytes: Uint8Array, at: number, length: number, name: string): number {
  if (((bytes[at] as number) & 0x80) !== 0) {
    let value = (bytes[at] as number) & 0x7f;
    for (let i = 1; i < length; i++) value = value * 256 + (bytes[at + i] as number);
    if (Number.isSafeInteger(value)) return value;
  } else {
    const text = readText(bytes, at, length).trim();
    if (/^[0-7]{0,12}$/.test(text)) return text === '' ? 0 : Number.parseInt(text, 8);
  }
  fail('E_DATA_ARCHIVE', `${name} is damaged: an entry has no readable size`, { name });
}

/** Sum of the header's bytes with the checksum field as blanks. Old writers summed signed bytes. */
function checksumFits(header: Uint8Array): boolean {
  const stated = Number.parseInt(readText(header, 148, 8).trim(), 8);
  let unsigned = 0;
  let signed = 0;
  for (let i = 0; i < BLOCK; i++) {
    const byte = i >= 148 && i < 156 ? 0x20 : (header[i] as number);
    unsigned += byte;
    signed += (byte << 24) >> 24;
  }
  return stated === unsigned || stated === signed;
}
