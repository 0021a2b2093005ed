/**
 * Tables and vectors of FlatBuffers over the flatbuffers package. A file grows from back to front: what is written first
 * lies last. What is equal is written once when it goes through `shared`.
 */
import { Builder, type Offset } from 'flatbuffers';

export type { Offset };

export class FlatbufferWriter {
  /** For scalar fields, inside of `table`. */
  readonly builder: Builder;
  readonly #written = new Map<string, Offset>();

  constructor(expectedBytes: number) {
    this.builder = new Builder(expectedBytes);
  }

  /** A table of these offset fields, by name, and of the scalar fields that `addScalars` adds. Absent offsets are left out. */
  table<F extends Readonly<Record<string, number>>>(
    fields: F,
    offsets: Readonly<{ [K in keyof F]?: Offset | undefined }>,
    addScalars?: (builder: Builder) => void,
  ): Offset {
    this.builder.startObject(Math.max(...Object.values(fields)) + 1);
    addScalars?.(this.builder);
    for (const [name, offset] of Object.entries(offsets)) {
      if (offset) this.builder.addFieldOffset(fields[name] as number, offset, 0);
    }
    return this.builder.endObject();
  }

  /** What `write` wrote when it was called with this kind and content before, else what it writes now. */
  shared(kind: string, content: Iterable<unknown>, write: () => Offset): Offset {
    const key = `${kind}|${[...content].join('|')}`;
    const known = this.#written.get(key);
    if (known !== undefined) return known;
    const offset = write();
    this.#written.set(key, offset);
    return offset;
  }

  string(text: string): Offset {
    return this.shared('text', [text], () => this.builder.createString(text));
  }

  /** Data starts at a multiple of `alignment`; vectors of bytes are by themselves aligned to their length field only. */
  bytes(content: Uint8Array, alignment: number): Offset {
    this.builder.prep(alignment, content.length);
    return this.builder.createByteVector(content);
  }

  int32s(values: ArrayLike<number>): Offset {
    return this.#vector(values, 4, (v) => this.builder.addInt32(v));
  }

  int64s(values: ArrayLike<number>): Offset {
    return this.#vector(values, 8, (v) => this.builder.addInt64(BigInt(v)));
  }

  float32s(values: ArrayLike<number>): Offset {
    return this.#vector(values, 4, (v) => this.builder.addFloat32(v));
  }

  offsets(values: readonly Offset[]): Offset {
    return this.#vector(values, 4, (v) => this.builder.addOffset(v));
  }

  finish(root: Offset, fileIdentifier: string): Uint8Array {
    this.builder.finish(root, fileIdentifier);
    return this.builder.asUint8Array().slice();
  }

  #vector(values: ArrayLike<number>, bytesPerElement: number, add: (value: number) => void): Offset {
    this.builder.startVector(bytesPerElement, values.length, bytesPerElement);
    for (let i = values.length - 1; i >= 0; i--) add(values[i] as number);
    return this.builder.endVector();
  }
}
