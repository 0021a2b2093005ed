/** Generated C encoders, compiled with every warning and both sanitizers, against the TypeScript ones. Seeded. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createCodec } from '../../src/wire/codecs/create-codec.js';
import { type EncodedTensor, emitEncoderC } from '../../src/wire/codecs/emit-encoder-c.js';
import { type Compiler, FLAGS } from './preprocess-campaign.js';
import { run } from './run-command.js';

export interface EncoderCase {
  readonly wire: readonly EncodedTensor[];
  /** int8 values of one inference each, tensors one after the other. */
  readonly samples: readonly Int8Array[];
}

/** Payload that the TypeScript encoders make. */
export function expectedPayload(wire: readonly EncodedTensor[], values: Int8Array): Uint8Array {
  let at = 0;
  const parts = wire.map(({ codec, shape }) => {
    const size = shape.reduce((n, d) => n * d, 1);
    const codes = Uint8Array.from(values.subarray(at, at + size), (v) => v + 128);
    at += size;
    return createCodec(codec, shape).encode(codes);
  });
  return Buffer.concat(parts);
}

/**
 * Compiles all cases into one program and runs every sample through it, in buffers of exactly the size that the header states.
 * @returns per case and sample the C encoder's payload
 * @throws with the compiler's or sanitizer's text; when a too small capacity is not refused
 */
export function runEncodersInC(compiler: Compiler, cases: readonly EncoderCase[]): Uint8Array[][] {
  const folder = mkdtempSync(path.join(tmpdir(), 'isplit-encode-'));
  try {
    const sources = cases.map(({ wire }, i) => {
      const { source, header } = emitEncoderC(wire, { prefix: `e${i}` });
      writeFileSync(path.join(folder, `e${i}_encode.h`), header);
      writeFileSync(path.join(folder, `e${i}.c`), source);
      return `e${i}.c`;
    });
    writeFileSync(path.join(folder, 'main.c'), mainSource(cases));
    run(compiler, [...FLAGS, '-o', 'main', 'main.c', ...sources], folder);
    const input = Buffer.concat(
      cases.flatMap(({ samples }, i) =>
        samples.flatMap((s) => [
          new Uint8Array(Uint32Array.of(i).buffer),
          new Uint8Array(s.buffer, s.byteOffset, s.length),
        ]),
      ),
    );
    const answer = run(path.join(folder, 'main'), [], folder, input);
    let at = 0;
    return cases.map(({ samples }) =>
      samples.map(() => {
        const length = answer.readUInt32LE(at);
        at += 4 + length;
        return answer.subarray(at - length, at);
      }),
    );
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function mainSource(cases: readonly EncoderCase[]): string {
  const sizesOf = (wire: readonly EncodedTensor[]): number[] =>
    wire.map(({ shape }) => shape.reduce((n, d) => n * d, 1));
  const calls = cases.map(({ wire }, i) => {
    const sizes = sizesOf(wire);
    if (sizes.length === 1) return `    case ${i}: return e${i}_encode(values, out, capacity);`;
    const offsets = sizes.map((_, t) => sizes.slice(0, t).reduce((a, b) => a + b, 0));
    return `    case ${i}: {
      const int8_t *wire[${sizes.length}];
${offsets.map((from, t) => `      wire[${t}] = values + ${from};`).join('\n')}
      return e${i}_encode(wire, out, capacity);
    }`;
  });
  const list = (macro: string): string => cases.map((_, i) => `E${i}_${macro}`).join(', ');
  return `#include <stdio.h>
#include <stdlib.h>
${cases.map((_, i) => `#include "e${i}_encode.h"`).join('\n')}

static const size_t wire_bytes[] = {${list('WIRE_BYTES')}};
static const size_t max_bytes[] = {${list('ENCODE_MAX_BYTES')}};

static size_t encode(uint32_t i, const int8_t *values, uint8_t *out, size_t capacity) {
  switch (i) {
${calls.join('\n')}
  }
  return 0;
}

int main(void) {
  uint32_t i, length;
  while (fread(&i, sizeof i, 1, stdin) == 1) {
    int8_t *values = malloc(wire_bytes[i]);
    uint8_t *out = malloc(max_bytes[i]);
    if (!values || !out || fread(values, 1, wire_bytes[i], stdin) != wire_bytes[i]) return 2;
    if (encode(i, values, out, max_bytes[i] - 1u) != 0) return 4;
    length = (uint32_t)encode(i, values, out, max_bytes[i]);
    if (fwrite(&length, sizeof length, 1, stdout) != 1) return 3;
    if (fwrite(out, 1, length, stdout) != length) return 3;
    free(values);
    free(out);
  }
  return 0;
}
`;
}
