import { describe, expect, it } from 'vitest';
import type { WireTensor } from '../../../src/artifact/manifest.js';
import type { Dataset, SampleBatch } from '../../../src/data/dataset.js';
import { evaluateSplit, type SplitUnderTest } from '../../../src/evaluate/evaluate-split.js';
import { GraphBuilder } from '../../../src/ir/builder.js';
import { type Graph, tensorOf } from '../../../src/ir/graph.js';
import { SHAPES } from '../../../src/ops/index.js';
import type { CodecSpec, WireBits } from '../../../src/wire/codecs/codec.js';
import { referenceEngine } from './reference-engine.js';

/** Largest value of each quarter of a 4×4 picture: the network is nothing but a pooling, its classes are the quarters. */
function poolNetwork(dtype: 'float32' | 'int8', to: 'pool' | 'scores'): Graph {
  const quant = { scale: Float32Array.of(4), zeroPoint: Int32Array.of(-128), axis: 0 };
  const b = new GraphBuilder('quarters', SHAPES);
  const x = b.input('x', [1, 4, 4, 1], dtype, dtype === 'int8' ? quant : undefined);
  const attrs = { kernelSize: [2, 2], strides: [2, 2], pads: [0, 0, 0, 0] };
  const pool = b.op('max_pool2d', [x], attrs, dtype === 'int8' ? { id: 'pool', quant } : { id: 'pool' });
  if (to === 'pool') return b.build([pool]);
  return b.build([
    b.op('reshape', [pool], { shape: [-1, 4] }, dtype === 'int8' ? { id: 'scores', quant } : { id: 'scores' }),
  ]);
}

function tailNetwork(): Graph {
  const b = new GraphBuilder('tail', SHAPES);
  return b.build([b.op('reshape', [b.input('pool', [1, 2, 2, 1])], { shape: [-1, 4] }, { id: 'scores' })]);
}

const spec = {
  version: 1,
  crop: { kind: 'none' },
  resize: 'none',
  colour: 'grey',
  height: 4,
  width: 4,
  channels: 1,
  mean: [0],
  std: [1],
} as const;

const wireOf = (shape: readonly number[]): WireTensor => ({
  id: 'pool',
  shape,
  dtype: 'int8',
  scale: 4,
  zeroPoint: -128,
  codec: { id: 'raw' },
  bits: 8,
  bytes: 4,
});

const split: SplitUnderTest = {
  splitId: 'e'.repeat(64),
  head: poolNetwork('int8', 'pool'),
  tail: tailNetwork(),
  wire: [wireOf([2, 2, 1])],
  input: { scale: 4, zeroPoint: -128 },
  preprocessing: spec,
  full: poolNetwork('float32', 'scores'),
  classNames: ['north-west', 'north-east', 'south-west', 'south-east'],
};

/** Pictures whose quarters are one byte each. */
const QUARTERS: readonly (readonly [label: number, ...bytes: number[]])[] = [
  [0, 200, 10, 20, 30],
  [3, 0, 0, 0, 255],
  // 101 and 102 are 25 and 26 steps of 4, rounded half up: still told apart.
  [1, 101, 102, 0, 0],
  // 103 and 104 are both 26 steps: int8 cannot tell, and the lowest class wins.
  [1, 103, 104, 0, 0],
  [0, 103, 104, 0, 0],
  [2, 8, 8, 8, 8],
];

function datasetOf(rows: typeof QUARTERS, as: 'pictures' | 'floats' = 'pictures'): Dataset {
  const labels = Int32Array.from(rows, ([label]) => label);
  const batches = async function* (batchSize: number): AsyncGenerator<SampleBatch> {
    for (let from = 0; from < rows.length; from += batchSize) {
      const some = rows.slice(from, from + batchSize);
      const pixels = Uint8Array.from(
        some.flatMap(([, ...q]) => [0, 0, 1, 1, 0, 0, 1, 1, 2, 2, 3, 3, 2, 2, 3, 3].map((i) => q[i] ?? 0)),
      );
      yield {
        count: some.length,
        inputs: Float32Array.from(pixels),
        pixels: as === 'pictures' ? pixels : undefined,
        labels: labels.slice(from, from + some.length),
        indices: Uint32Array.from(some, (_, i) => from + i),
      };
    }
  };
  return {
    count: rows.length,
    labels,
    describe: () => ({ name: 'quarters', format: 'npy', part: undefined }) as ReturnType<Dataset['describe']>,
    contentSha256: async () => 'f'.repeat(64),
    batches: ({ batchSize }: { batchSize: number }) => batches(batchSize),
  } as unknown as Dataset;
}

const options = { engine: referenceEngine, threads: 1 };

describe('evaluateSplit', () => {
  it.each(['pictures', 'floats'] as const)(
    'runs full, float split and int8 split on the same samples (%s)',
    async (as) => {
      const { evaluation, predictions } = await evaluateSplit(split, datasetOf(QUARTERS, as), options);
      expect(predictions.map((p) => [p.label, p.full, p.splitFloat, p.splitInt8])).toEqual([
        [0, 0, 0, 0],
        [3, 3, 3, 3],
        [1, 1, 1, 1],
        [1, 1, 1, 0],
        [0, 1, 1, 0],
        [2, 0, 0, 0],
      ]);
      expect(evaluation.accuracy).toEqual({ full: 4 / 6, splitFloat: 4 / 6, splitInt8: 4 / 6 });
      expect(evaluation.difference).toMatchObject({ value: 0, onlyFirst: 1, onlySecond: 1 });
      expect(evaluation.wireBytes).toEqual({ mean: 4, p99: 4 });
      expect(evaluation.perClass.map((row) => row.name)).toEqual(split.classNames);
      expect(evaluation.data).toEqual({ name: 'quarters', format: 'npy', part: null, sha256: 'f'.repeat(64) });
    },
  );

  it('has no float figures without the float network', async () => {
    const { full, ...without } = split;
    const { evaluation } = await evaluateSplit(without, datasetOf(QUARTERS), options);
    expect(evaluation.accuracy).toEqual({ full: null, splitFloat: null, splitInt8: 4 / 6 });
  });

  it('classifies on the device alone, and from the quantized input alone', async () => {
    const { tail, ...rest } = split;
    const whole = { ...rest, head: poolNetwork('int8', 'scores'), wire: [wireOf([4])] };
    expect((await evaluateSplit(whole, datasetOf(QUARTERS), options)).evaluation.accuracy.splitInt8).toBe(4 / 6);
    const { head, ...noHead } = split;
    const sent = { ...wireOf([4, 4, 1]), id: 'x', bytes: 16 };
    const input = { ...noHead, tail: poolNetwork('float32', 'scores'), wire: [sent] };
    const { evaluation, predictions } = await evaluateSplit(input, datasetOf(QUARTERS), options);
    expect(predictions.map((p) => p.splitInt8)).toEqual([0, 3, 1, 0, 0, 0]);
    expect(predictions.map((p) => p.splitFloat)).toEqual(predictions.map((p) => p.full));
    expect(evaluation.wireBytes.mean).toBe(16);
  });

  it('sends through the codec: bytes are those of each payload, and what is lost in it is lost for the tail', async () => {
    const coded = (codec: CodecSpec, bits: WireBits, bytes: number): SplitUnderTest => ({
      ...split,
      wire: [{ ...wireOf([2, 2, 1]), codec, bits, bytes }],
    });
    // The lowest is all but certain, the others cost 14 bits each.
    const table = Array.from({ length: 256 }, (_, code) => (code === 0 ? 2 ** 14 - 255 : 1));
    const spec: CodecSpec = { id: 'rans', bits: 8, precision: 14, tableOfChannel: [0], tables: [table] };
    const rows: typeof QUARTERS = [...QUARTERS, [3, 0, 0, 0, 0]];
    const raw = await evaluateSplit(split, datasetOf(rows), options);
    const rans = await evaluateSplit(coded(spec, 8, 4), datasetOf(rows), options);
    expect(rans.predictions.map((p) => p.splitInt8)).toEqual(raw.predictions.map((p) => p.splitInt8));
    // Four zeros are nothing but the state's three bytes; with one other code no payload is shorter than the packed one.
    expect(rans.predictions.map((p) => p.wireBytes)).toEqual([4, 4, 4, 4, 4, 4, 3]);
    expect(rans.evaluation.wireBytes).toEqual({ mean: 27 / 7, p99: 4 });
    // A head that gives more codes than its codec holds: the largest one arrives, and quarters look alike.
    const packed = await evaluateSplit(coded({ id: 'packed', bits: 1 }, 1, 1), datasetOf(rows), options);
    expect(packed.predictions.map((p) => p.splitInt8)).toEqual([0, 3, 0, 0, 0, 0, 0]);
    expect(packed.evaluation.wireBytes).toEqual({ mean: 1, p99: 1 });
  });

  it('refuses labels outside the classes, an empty set, and parts that do not fit', async () => {
    const rejects = (under: SplitUnderTest, data: Dataset): Promise<unknown> =>
      evaluateSplit(under, data, options).then(
        () => undefined,
        (error: { code: string }) => error.code,
      );
    expect(await rejects(split, datasetOf([[4, 0, 0, 0, 0]]))).toBe('E_LABEL_RANGE');
    expect(await rejects(split, datasetOf([[-1, 0, 0, 0, 0]]))).toBe('E_LABEL_RANGE');
    expect(await rejects(split, datasetOf([]))).toBe('E_DATA_EMPTY');
    expect(await rejects({ ...split, wire: [{ ...wireOf([3]), bytes: 3 }] }, datasetOf(QUARTERS))).toBe(
      'E_GRAPH_INVALID',
    );
    expect(tensorOf(split.head as Graph, 'pool').shape).toEqual([1, 2, 2, 1]);
  });

  it('stops on request', async () => {
    const controller = new AbortController();
    controller.abort();
    await expect(
      evaluateSplit(split, datasetOf(QUARTERS), options, { signal: controller.signal }),
    ).rejects.toMatchObject({
      code: 'E_INTERRUPTED',
    });
  });
});
