import { createReadStream, type ReadStream } from 'node:fs';
import { type FileHandle, open, stat } from 'node:fs/promises';
import { pipeline, type Transform } from 'node:stream';
import { createGunzip, createInflateRaw } from 'node:zlib';
import { type RunContext, throwIfAborted } from '../core/context.js';
import { fail, IsplitError } from '../core/errors.js';
import { formatBytes } from '../core/units.js';
import { DATA_LIMITS } from './limits.js';

/** Bytes that can be read front to back, any number of times: a file, a gzip file, a member of a zip. */
export interface ByteSource {
  /** File on disk, for hashing and for finding files beside it. */
  readonly path: string;
  /** For messages. */
  readonly name: string;
  /** Length of the bytes as read (after decompression); undefined while only a full pass could tell. */
  readonly sizeBytes: number | undefined;
  open(): Promise<ByteCursor>;
}

/** A forward-only reader. Memory stays bounded by the largest single read. */
export interface ByteCursor {
  /** Bytes read or skipped so far. */
  readonly position: number;
  /** The next `length` bytes in a buffer of their own; fewer only at the end. */
  read(length: number): Promise<Uint8Array>;
  /** Moves on; does not read what it skips where the source is a plain file. @returns bytes skipped, fewer at the end */
  skip(length: number): Promise<number>;
  close(): Promise<void>;
}

const CHUNK_BYTES = 256 * 1024;

/**
 * Opens a file by content: gzip (1f 8b) is decompressed on the way, anything else is read as it is.
 * @throws IsplitError E_DATA_UNREADABLE
 */
export async function openByteSource(path: string, name: string): Promise<ByteSource> {
  const { handle, sizeBytes } = await openFile(path, name);
  try {
    const magic = new Uint8Array(2);
    const { bytesRead } = await handle.read(magic, 0, 2, 0);
    const gzip = bytesRead === 2 && magic[0] === 0x1f && magic[1] === 0x8b;
    return gzip ? gzipSource(path, name) : fileSource(path, name, sizeBytes);
  } catch (error) {
    failUnreadable(name, error);
  } finally {
    await handle.close();
  }
}

function fileSource(path: string, name: string, sizeBytes: number): ByteSource {
  return {
    path,
    name,
    sizeBytes,
    open: async () => {
      const opened = await openFile(path, name);
      return new FileCursor(opened.handle, opened.sizeBytes, name);
    },
  };
}

function gzipSource(path: string, name: string): ByteSource {
  return {
    path,
    name,
    sizeBytes: undefined,
    open: async () => new InflateCursor(createReadStream(path), createGunzip({ chunkSize: CHUNK_BYTES }), name),
  };
}

/** A range of a file, raw-deflated or stored: a member of a zip. The declared size is held to. */
export function memberSource(
  path: string,
  name: string,
  range: { offset: number; storedBytes: number; sizeBytes: number; deflated: boolean },
): ByteSource {
  const { offset, storedBytes, sizeBytes, deflated } = range;
  return {
    path,
    name,
    sizeBytes,
    open: async () => {
      if (deflated) {
        const file = createReadStream(path, { start: offset, end: offset + Math.max(0, storedBytes - 1) });
        return new InflateCursor(file, createInflateRaw({ chunkSize: CHUNK_BYTES }), name, sizeBytes);
      }
      const opened = await openFile(path, name);
      return new FileCursor(opened.handle, Math.min(opened.sizeBytes, offset + sizeBytes), name, offset);
    },
  };
}

/** @throws IsplitError E_DATA_UNREADABLE */
export async function openFile(path: string, name: string): Promise<{ handle: FileHandle; sizeBytes: number }> {
  try {
    // Before opening: opening a named pipe would wait for its writer.
    const info = await stat(path);
    if (!info.isFile()) fail('E_DATA_UNREADABLE', `${name} is no file`, { path: name });
    return { handle: await open(path, 'r'), sizeBytes: info.size };
  } catch (error) {
    failUnreadable(name, error);
  }
}

/** @throws IsplitError E_DATA_UNREADABLE */
export async function isFolder(path: string, name: string): Promise<boolean> {
  try {
    return (await stat(path)).isDirectory();
  } catch (error) {
    failUnreadable(name, error);
  }
}

/** Turns a file system error into words; coded errors pass through. */
export function failUnreadable(name: string, error: unknown): never {
  if (error instanceof IsplitError) throw error;
  const code = (error as NodeJS.ErrnoException).code;
  const reason =
    code === 'ENOENT'
      ? 'does not exist'
      : code === 'EACCES' || code === 'EPERM'
        ? 'may not be read'
        : `cannot be read (${code ?? String(error)})`;
  fail('E_DATA_UNREADABLE', `${name} ${reason}`, { path: name, reason: code ?? String(error) });
}

class FileCursor implements ByteCursor {
  #at: number;
  readonly #start: number;
  #buffer = new Uint8Array(0);
  #bufferStart = 0;

  constructor(
    private readonly handle: FileHandle,
    private readonly end: number,
    private readonly name: string,
    start = 0,
  ) {
    this.#at = start;
    this.#start = start;
  }

  get position(): number {
    return this.#at - this.#start;
  }

  async read(length: number): Promise<Uint8Array> {
    const wanted = Math.max(0, Math.min(length, this.end - this.#at));
    const out = new Uint8Array(wanted);
    let filled = 0;
    while (filled < wanted) {
      const inBuffer = this.#at - this.#bufferStart;
      if (inBuffer >= 0 && inBuffer < this.#buffer.length) {
        const piece = this.#buffer.subarray(inBuffer, inBuffer + wanted - filled);
        out.set(piece, filled);
        filled += piece.length;
        this.#at += piece.length;
      } else if (wanted - filled >= CHUNK_BYTES) {
        const got = await this.#readInto(out.subarray(filled));
        if (got === 0) return out.subarray(0, filled);
        filled += got;
        this.#at += got;
      } else {
        const buffer = new Uint8Array(Math.min(CHUNK_BYTES, this.end - this.#at));
        const got = await this.#readInto(buffer);
        if (got === 0) return out.subarray(0, filled);
        this.#buffer = buffer.subarray(0, got);
        this.#bufferStart = this.#at;
      }
    }
    return out;
  }

  async #readInto(buffer: Uint8Array): Promise<number> {
    try {
      return (await this.handle.read(buffer, 0, buffer.length, this.#at)).bytesRead;
    } catch (error) {
      failUnreadable(this.name, error);
    }
  }

  async skip(length: number): Promise<number> {
    const skipped = Math.max(0, Math.min(length, this.end - this.#at));
    this.#at += skipped;
    return skipped;
  }

  async close(): Promise<void> {
    await this.handle.close();
  }
}

class InflateCursor implements ByteCursor {
  position = 0;
  #produced = 0;
  #chunk: Uint8Array = new Uint8Array(0);
  readonly #chunks: AsyncIterator<Uint8Array>;

  constructor(
    private readonly file: ReadStream,
    private readonly inflate: Transform,
    private readonly name: string,
    private readonly declaredBytes?: number,
  ) {
    // The iterator reports errors of both; the callback only keeps pipeline from throwing.
    pipeline(file, inflate, () => undefined);
    this.#chunks = inflate[Symbol.asyncIterator]();
  }

  async #next(): Promise<boolean> {
    try {
      const next = await this.#chunks.next();
      if (next.done) return false;
      this.#chunk = next.value;
    } catch (error) {
      failInflate(this.name, error);
    }
    this.#produced += this.#chunk.length;
    const { bombFloorBytes, bombRatio } = DATA_LIMITS;
    const consumed = Math.max(1, this.file.bytesRead);
    if (this.#produced > bombFloorBytes && this.#produced > bombRatio * consumed) {
      fail(
        'E_DATA_ARCHIVE',
        `${this.name} unpacks to more than ${bombRatio} times its size (${formatBytes(this.#produced)} from ${formatBytes(consumed)} so far)`,
        { name: this.name, unpackedBytes: this.#produced, readBytes: consumed, ratio: bombRatio },
        'Unpack it yourself if you trust it, and give the unpacked file.',
      );
    }
    if (this.declaredBytes !== undefined && this.#produced > this.declaredBytes) {
      fail('E_DATA_ARCHIVE', `${this.name} unpacks to more than the ${formatBytes(this.declaredBytes)} it declares`, {
        name: this.name,
        declaredBytes: this.declaredBytes,
      });
    }
    return true;
  }

  async read(length: number): Promise<Uint8Array> {
    const first = this.#chunk;
    if (first.length >= length) {
      this.#chunk = first.subarray(length);
      this.position += length;
      return first.slice(0, length);
    }
    const pieces: Uint8Array[] = [];
    let got = 0;
    while (got < length) {
      if (this.#chunk.length === 0 && !(await this.#next())) break;
      const piece = this.#chunk.subarray(0, length - got);
      this.#chunk = this.#chunk.subarray(piece.length);
      pieces.push(piece);
      got += piece.length;
    }
    this.position += got;
    const out = new Uint8Array(got);
    let at = 0;
    for (const piece of pieces) {
      out.set(piece, at);
      at += piece.length;
    }
    return out;
  }

  async skip(length: number): Promise<number> {
    let skipped = 0;
    while (skipped < length) {
      if (this.#chunk.length === 0 && !(await this.#next())) break;
      const step = Math.min(this.#chunk.length, length - skipped);
      this.#chunk = this.#chunk.subarray(step);
      skipped += step;
    }
    this.position += skipped;
    return skipped;
  }

  async close(): Promise<void> {
    this.inflate.destroy();
    this.file.destroy();
  }
}

function failInflate(name: string, error: unknown): never {
  const code = (error as NodeJS.ErrnoException).code ?? '';
  if (code === 'Z_BUF_ERROR') {
    fail('E_DATA_TRUNCATED', `${name} ends in the middle of its compressed data`, { name });
  }
  if (code.startsWith('Z_')) {
    fail('E_DATA_ARCHIVE', `${name} is damaged: its compressed data cannot be unpacked`, { name, reason: code });
  }
  failUnreadable(name, error);
}

/**
 * Reads exactly so many bytes.
 * @param what for the message: "image 17"
 * @throws IsplitError E_DATA_TRUNCATED
 */
export async function readExactly(cursor: ByteCursor, length: number, name: string, what: string): Promise<Uint8Array> {
  const bytes = await cursor.read(length);
  if (bytes.length !== length) {
    fail(
      'E_DATA_TRUNCATED',
      `${name} ends in the middle of ${what}: ${formatBytes(bytes.length)} of ${formatBytes(length)}`,
      {
        name,
        has: bytes.length,
        needs: length,
      },
    );
  }
  return bytes;
}

/** The first bytes, for claiming a format; fewer when the file is shorter. */
export async function peekBytes(source: ByteSource, length: number): Promise<Uint8Array> {
  const cursor = await source.open();
  try {
    return await cursor.read(length);
  } finally {
    await cursor.close();
  }
}

/** Length after decompression; a full pass where that is the only way to know. */
export async function measureBytes(source: ByteSource, ctx: RunContext): Promise<number> {
  if (source.sizeBytes !== undefined) return source.sizeBytes;
  const cursor = await source.open();
  try {
    while ((await cursor.skip(16 * 1024 * 1024)) > 0) throwIfAborted(ctx);
    return cursor.position;
  } finally {
    await cursor.close();
  }
}

/**
 * The whole of a small file.
 * @throws IsplitError E_DATA_TOO_LARGE
 */
export async function readWhole(source: ByteSource, limitBytes: number): Promise<Uint8Array> {
  const cursor = await source.open();
  try {
    if ((source.sizeBytes ?? 0) > limitBytes) failTooLarge(source.name, source.sizeBytes as number, limitBytes);
    const pieces: Uint8Array[] = [];
    for (;;) {
      const piece = await cursor.read(CHUNK_BYTES);
      if (piece.length === 0) break;
      pieces.push(piece);
      if (cursor.position > limitBytes) failTooLarge(source.name, cursor.position, limitBytes);
    }
    return Buffer.concat(pieces);
  } finally {
    await cursor.close();
  }
}

function failTooLarge(name: string, bytes: number, limitBytes: number): never {
  fail('E_DATA_TOO_LARGE', `${name} is larger than ${formatBytes(limitBytes)}`, { name, bytes, limitBytes });
}
