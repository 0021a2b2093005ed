/**
 * Random preprocessings, generated as C, compiled and compared with the TypeScript definition on random pictures. Seeded.
 * All specs of a campaign go into one program a compiler: a compilation costs more than a thousand pictures.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { IsplitError } from '../../src/core/errors.js';
import { createRandom, type Random } from '../../src/core/random.js';
import { applyToU8, checkPictureShape } from '../../src/preprocess/apply.js';
import { emitPreprocessC } from '../../src/preprocess/emit-c.js';
import type { SourceSize } from '../../src/preprocess/emit-c-body.js';
import { type Int8Map, makeInt8Map, toInt8 } from '../../src/preprocess/normalise.js';
import { type CropSpec, inputElements, type PreprocessSpec } from '../../src/preprocess/spec.js';
import { run } from './run-command.js';

export const COMPILERS = ['gcc', 'clang'] as const;
export type Compiler = (typeof COMPILERS)[number];

/** Warnings are errors; both sanitizers end the program at their first finding. */
export const FLAGS = [
  '-std=c99',
  '-pedantic',
  '-Wall',
  '-Wextra',
  '-Wconversion',
  '-Wsign-conversion',
  '-Wshadow',
  '-Werror',
  '-O1',
  '-g',
  '-fsanitize=address,undefined',
  '-fno-sanitize-recover=all',
];

export interface Generated {
  readonly spec: PreprocessSpec;
  readonly map: Int8Map;
  /** Size fixed when the code is generated, or undefined. */
  readonly fixed: SourceSize | undefined;
}

export interface Case {
  /** Index of the generated preprocessing. */
  readonly index: number;
  readonly size: SourceSize;
  readonly rowStride: number;
  /** Pixels without the gaps between rows. */
  readonly data: Uint8Array;
}

export interface CampaignResult {
  readonly specs: number;
  readonly cases: number;
  /** Cases that both sides refuse. */
  readonly refused: number;
  /** Input bytes compared. */
  readonly bytes: number;
  readonly counts: Readonly<Record<string, number>>;
  readonly differing: readonly string[];
}

/** What the C program answers to a case. */
interface Answer {
  readonly status: number;
  readonly input: Int8Array;
}

const CANARY = 0x5a;

export function randomGenerated(random: Random): Generated {
  const pick = <T>(list: readonly T[]): T => list[random.int(list.length)] as T;
  const side = (): number => 1 + random.int(pick([4, 16, 40]));
  const colour = pick(['rgb', 'bgr', 'grey', 'none'] as const);
  const channels = colour === 'grey' ? 1 : colour === 'none' ? pick([1, 2, 3, 5]) : 3;
  const resize = pick(['none', 'nearest', 'bilinear', 'bilinear'] as const);
  const [height, width] = [side(), side()];
  const crop = pick<() => CropSpec>([
    () => ({ kind: 'none' }),
    () => ({ kind: 'centre', perMille: pick([1000, 875, 500, 1, 1 + random.int(1000)]) }),
    () => {
      const box = resize === 'none' ? { height, width } : { height: side(), width: side() };
      return { kind: 'box', top: random.int(8), left: random.int(8), ...box };
    },
  ])();
  const perChannel = random.next() < 0.3;
  const scaling = pick([
    { mean: 0, std: 1, scale: 1, zeroPoint: -128 },
    { mean: 0, std: 255, scale: 1 / 255, zeroPoint: -128 },
    { mean: 127.5, std: 127.5, scale: 0.0078125, zeroPoint: -1 },
    {
      mean: 110 * random.next(),
      std: 1 + 100 * random.next(),
      scale: 0.001 + 0.05 * random.next(),
      zeroPoint: random.int(256) - 128,
    },
  ]);
  const spread = (value: number): number[] =>
    Array.from({ length: channels }, (_, c) => value + (perChannel ? 7 * c : 0));
  const spec: PreprocessSpec = {
    version: 1,
    crop,
    resize,
    colour,
    height,
    width,
    channels,
    mean: spread(scaling.mean),
    std: spread(scaling.std),
  };
  const map = makeInt8Map(spec, scaling);
  const generated = { spec, map, fixed: undefined };
  if (random.next() < 0.4) {
    const fixed = acceptedSize(random, generated);
    if (isAccepted(fixed, spec)) return { ...generated, fixed };
  }
  return generated;
}

/** A size that the spec most likely takes. */
function acceptedSize(random: Random, { spec }: Generated): SourceSize {
  const channels = spec.colour === 'none' ? spec.channels : random.int(2) === 0 ? 1 : 3;
  const { crop } = spec;
  if (crop.kind === 'box') {
    return {
      height: crop.top + crop.height + random.int(20),
      width: crop.left + crop.width + random.int(20),
      channels,
    };
  }
  if (spec.resize === 'none') {
    const more = crop.kind === 'centre' ? 20 : 1;
    return { height: spec.height + random.int(more), width: spec.width + random.int(more), channels };
  }
  const shape = random.int(8);
  // The longest sides there are, on a picture of few rows or columns.
  if (shape === 0) return { height: 16384 - random.int(2), width: 1 + random.int(3), channels };
  if (shape === 1) return { height: 1 + random.int(3), width: 16384 - random.int(2), channels };
  if (shape === 2) return { height: spec.height, width: spec.width, channels };
  return { height: 1 + random.int(120), width: 1 + random.int(120), channels };
}

function isAccepted(size: SourceSize, spec: PreprocessSpec): boolean {
  try {
    checkPictureShape(size, spec);
    return true;
  } catch (error) {
    if (error instanceof IsplitError) return false;
    throw error;
  }
}

export function randomCase(random: Random, generated: Generated, index: number): Case {
  const odd = random.next() < 0.12;
  const wrong: SourceSize = { height: random.int(60), width: random.int(60), channels: random.int(5) };
  const size = generated.fixed ?? (odd ? wrong : acceptedSize(random, generated));
  const row = size.width * size.channels;
  const shortRow = random.next() < 0.03 && row > 0;
  const rowStride = shortRow ? row - 1 : row + (random.int(3) === 0 ? random.int(17) : 0);
  const kind = random.int(4);
  const data = Uint8Array.from({ length: size.height * row }, (_, i) =>
    kind === 0 ? 255 : kind === 1 ? (i * 5) & 255 : random.int(256),
  );
  return { index, size, rowStride, data };
}

/** The definition's answer: the bytes, or undefined where it refuses the picture. */
function expectedInput({ spec, map }: Generated, { size, rowStride, data }: Case): Int8Array | undefined {
  if (!isAccepted(size, spec) || rowStride < size.width * size.channels) return undefined;
  return toInt8(applyToU8({ ...size, data }, spec), map);
}

/** @param report one line now and then */
export function runPreprocessCampaign(
  compiler: Compiler,
  seed: number,
  specCount: number,
  picturesEach: number,
  report: (line: string) => void = () => undefined,
): CampaignResult {
  const random = createRandom(seed);
  const generated = Array.from({ length: specCount }, () => randomGenerated(random));
  const cases = generated.flatMap((g, i) => Array.from({ length: picturesEach }, () => randomCase(random, g, i)));
  report(`${compiler}: compiling ${specCount} preprocessings`);
  const answers = runInC(compiler, generated, cases);
  const counts: Record<string, number> = {};
  const count = (key: string): void => {
    counts[key] = (counts[key] ?? 0) + 1;
  };
  const differing: string[] = [];
  let refused = 0;
  let bytes = 0;
  cases.forEach((c, i) => {
    const g = generated[c.index] as Generated;
    const { status, input } = answers[i] as Answer;
    const expected = expectedInput(g, c);
    const untouched = expected === undefined && status !== 0 && input.every((v) => v === CANARY);
    const equal = expected !== undefined && status === 0 && input.every((v, at) => v === expected[at]);
    if (!equal && !untouched) differing.push(describeCase(g, c, status));
    if (expected === undefined) refused++;
    else {
      bytes += expected.length;
      count(`resize ${g.spec.resize}`);
      count(`crop ${g.spec.crop.kind}`);
      count(`colour ${g.spec.colour} from ${c.size.channels}`);
      count(`${g.map.kind}${g.map.kind === 'table' && g.map.channels > 1 ? ' a channel' : ''}`);
      count(g.fixed ? 'size fixed' : 'size at run time');
    }
  });
  const sorted = Object.fromEntries(Object.entries(counts).sort(([a], [b]) => (a < b ? -1 : 1)));
  return { specs: specCount, cases: cases.length, refused, bytes, counts: sorted, differing };
}

function describeCase({ spec, map, fixed }: Generated, { size, rowStride }: Case, status: number): string {
  return JSON.stringify({ spec, map: map.kind, fixed: fixed !== undefined, size, rowStride, status });
}

/** Compiles one program of all preprocessings and gives it all cases. @throws with the compiler's or sanitizer's text */
function runInC(compiler: Compiler, generated: readonly Generated[], cases: readonly Case[]): Answer[] {
  const folder = mkdtempSync(path.join(tmpdir(), 'isplit-preprocess-'));
  try {
    const sources = generated.map(({ spec, map, fixed }, i) => {
      const options = { prefix: `p${i}`, ...(fixed ? { picture: fixed } : {}) };
      const { source, header } = emitPreprocessC(spec, map, options);
      writeFileSync(path.join(folder, `p${i}_preprocess.h`), header);
      writeFileSync(path.join(folder, `p${i}.c`), source);
      return `p${i}.c`;
    });
    writeFileSync(path.join(folder, 'main.c'), mainSource(generated));
    run(compiler, [...FLAGS, '-o', 'main', 'main.c', ...sources], folder);
    const answer = run(path.join(folder, 'main'), [], folder, encodeCases(cases));
    return decodeAnswers(answer, generated, cases);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Reads cases from stdin: index, height, width, channels, stride, byte count, bytes. Buffers have exactly the size they need. */
function mainSource(generated: readonly Generated[]): string {
  const calls = generated.map(({ fixed }, i) => {
    const size = fixed ? '' : ' h[1], h[2], h[3],';
    return `    case ${i}: return p${i}_preprocess(picture,${size} h[4], input);`;
  });
  return `#include <stdio.h>
#include <stdlib.h>
#include <string.h>
${generated.map((_, i) => `#include "p${i}_preprocess.h"`).join('\n')}

static const size_t input_bytes[] = {${generated.map((_, i) => `P${i}_INPUT_BYTES`).join(', ')}};

static int preprocess(const uint32_t *h, const uint8_t *picture, int8_t *input) {
  switch (h[0]) {
${calls.join('\n')}
  }
  return -1;
}

int main(void) {
  uint32_t h[6];
  while (fread(h, sizeof h, 1, stdin) == 1) {
    uint8_t *picture = malloc(h[5] ? h[5] : 1);
    int8_t *input = malloc(input_bytes[h[0]]);
    int32_t status;
    if (!picture || !input || fread(picture, 1, h[5], stdin) != h[5]) return 2;
    memset(input, ${CANARY}, input_bytes[h[0]]);
    status = preprocess(h, picture, input);
    if (fwrite(&status, sizeof status, 1, stdout) != 1) return 3;
    if (fwrite(input, 1, input_bytes[h[0]], stdout) != input_bytes[h[0]]) return 3;
    free(picture);
    free(input);
  }
  return 0;
}
`;
}

function encodeCases(cases: readonly Case[]): Uint8Array {
  const parts = cases.flatMap(({ index, size, rowStride, data }) => {
    const picture = withGaps(size, rowStride, data);
    return [Uint32Array.of(index, size.height, size.width, size.channels, rowStride, picture.length), picture];
  });
  return Buffer.concat(parts.map((part) => new Uint8Array(part.buffer, part.byteOffset, part.byteLength)));
}

/** Rows rowStride apart; after the last one nothing. */
function withGaps({ height, width, channels }: SourceSize, rowStride: number, data: Uint8Array): Uint8Array {
  const row = width * channels;
  if (rowStride <= row || height === 0) return data;
  const out = new Uint8Array((height - 1) * rowStride + row).fill(0xa5);
  for (let i = 0; i < height; i++) out.set(data.subarray(i * row, (i + 1) * row), i * rowStride);
  return out;
}

function decodeAnswers(bytes: Buffer, generated: readonly Generated[], cases: readonly Case[]): Answer[] {
  let at = 0;
  return cases.map(({ index }) => {
    const length = inputElements((generated[index] as Generated).spec);
    const status = bytes.readInt32LE(at);
    const input = Int8Array.from(bytes.subarray(at + 4, at + 4 + length), (v) => (v << 24) >> 24);
    at += 4 + length;
    return { status, input };
  });
}
