import type { Cursor } from './cursor.js';

/** Sizes of addresses and lengths in this file, from the superblock. */
export interface Sizes {
  readonly offset: number;
  readonly length: number;
}

export interface Message {
  readonly type: number;
  readonly body: Cursor;
}

/** Message types that are read. Source: HDF5 file format specification 3.0, IV.A.2. */
export const MESSAGE = {
  dataspace: 0x01,
  linkInfo: 0x02,
  datatype: 0x03,
  link: 0x06,
  externalFiles: 0x07,
  layout: 0x08,
  filters: 0x0b,
  attribute: 0x0c,
  continuation: 0x10,
  symbolTable: 0x11,
  attributeInfo: 0x15,
} as const;

/** A Keras object has dozens of messages at most; a hostile header could chain continuations forever. */
const MAX_CHUNKS = 4096;
const MAX_MESSAGES = 65_536;

/** All messages of an object header, versions 1 and 2, continuations followed. */
export function readMessages(file: Cursor, address: number, sizes: Sizes): Message[] {
  const head = file.from(address);
  const messages: Message[] = [];
  const chunks: { at: number; length: number }[] = [];
  const seen = new Set<number>();
  const version = head.u8();
  let readChunk: (c: Cursor) => void;

  const push = (type: number, flags: number, body: Cursor): void => {
    if (messages.length >= MAX_MESSAGES) head.corrupt(`an object has more than ${MAX_MESSAGES} header messages`);
    if (type === MESSAGE.continuation) {
      const at = body.uint(sizes.offset) ?? body.corrupt('a header continues nowhere');
      const length = body.uint(sizes.length) ?? body.corrupt('a header continuation has no length');
      chunks.push({ at, length });
      return;
    }
    const matters = type === MESSAGE.dataspace || type === MESSAGE.datatype || type === MESSAGE.attribute;
    if ((flags & 2) !== 0 && matters) body.corrupt('shared header messages are not read');
    messages.push({ type, body });
  };

  if (version === 1) {
    head.skip(7);
    const length = head.u32();
    head.skip(4);
    chunks.push({ at: head.at, length });
    readChunk = (c) => {
      while (c.left >= 8) {
        const type = c.u16();
        const size = c.u16();
        const flags = c.u8();
        c.skip(3);
        push(type, flags, c.sub(c.at, size));
        c.skip(size);
      }
    };
  } else {
    head.at = address;
    head.expect('OHDR');
    if (head.u8() !== 2) head.corrupt('the object header version does not exist');
    const flags = head.u8();
    if (flags & 0x20) head.skip(16);
    if (flags & 0x10) head.skip(4);
    const length = head.uint(1 << (flags & 3)) ?? head.corrupt('an object header has no length');
    chunks.push({ at: head.at, length });
    const orderSize = flags & 4 ? 2 : 0;
    readChunk = (c) => {
      while (c.left >= 4 + orderSize) {
        const type = c.u8();
        const size = c.u16();
        const messageFlags = c.u8();
        c.skip(orderSize);
        if (size > c.left) break; // the gap before the checksum
        push(type, messageFlags, c.sub(c.at, size));
        c.skip(size);
      }
    };
  }

  for (let i = 0; i < chunks.length; i++) {
    const { at, length } = chunks[i] as { at: number; length: number };
    if (seen.has(at)) head.corrupt('an object header continues in a circle');
    if (seen.size >= MAX_CHUNKS) head.corrupt(`an object header has more than ${MAX_CHUNKS} parts`);
    seen.add(at);
    const chunk = head.sub(at, length);
    if (version !== 1 && i > 0) {
      chunk.expect('OCHK');
      readChunk(head.sub(at + 4, length - 8));
    } else readChunk(chunk);
  }
  return messages;
}
