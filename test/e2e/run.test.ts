/** `isplit-edge run`: TFLite files over records of raw bytes. */
import { cpSync, existsSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { describeNeeding, repositoryRoot, sharedData, sharedTestData } from '../support/shared-data.js';
import { compileOnce, documentOf, type ErrorDocument, emptyFolder, filesIn, run } from './command-line.js';

const folder = emptyFolder();
const file = (name: string): string => path.join(folder, name);

beforeAll(compileOnce, 300_000);
afterAll(() => rmSync(folder, { recursive: true, force: true }));

interface Summary {
  readonly records: number;
  readonly inputBytes: number;
  readonly outputBytes: number;
  readonly by: string;
}

interface Golden {
  readonly model: string;
  readonly count: number;
  readonly inputBytes: number;
  readonly outputBytes: number;
}

describeNeeding([sharedTestData], 'run', () => {
  it.each(['hello_world_int8', 'person_detect', 'ic_resnet8_int8'])(
    'gives the bytes of TensorFlow Lite Micro: %s',
    async (name) => {
      const golden = sharedData(`golden/${name}`);
      const expected = JSON.parse(readFileSync(path.join(golden, 'golden.json'), 'utf8')) as Golden;
      const output = file(`${name}.bin`);
      const args = ['run', sharedData(expected.model), '--input', path.join(golden, 'inputs.bin'), '--output', output];
      const ran = await run([...args, '--threads', '2', '--json'], { cwd: folder });
      expect(ran.code, ran.stderr).toBe(0);
      expect(documentOf(ran)).toMatchObject({
        records: expected.count,
        inputBytes: expected.inputBytes,
        outputBytes: expected.outputBytes,
        by: 'int8 executor',
      } satisfies Summary);
      expect(readFileSync(output).equals(readFileSync(path.join(golden, 'outputs.bin')))).toBe(true);
    },
  );

  it('runs float files in the engine: hello_world is a sine', async () => {
    const xs = Float32Array.from({ length: 101 }, (_, i) => (i * 2 * Math.PI) / 100);
    writeFileSync(file('x.f32'), new Uint8Array(xs.buffer));
    const model = sharedData('models/tflm/hello_world_float.tflite');
    const ran = await run(['run', model, '--input', 'x.f32', '--output', 'deep/y.f32', '--json'], { cwd: folder });
    expect(ran.code, ran.stderr).toBe(0);
    expect((documentOf(ran) as Summary).by).toMatch(/^onnxruntime-node/);
    const bytes = readFileSync(file('deep/y.f32'));
    expect(bytes.length).toBe(404);
    xs.forEach((x, i) => {
      expect(Math.abs(bytes.readFloatLE(4 * i) - Math.sin(x))).toBeLessThan(0.12);
    });
  });

  it('says for people what ran, and how fast', async () => {
    writeFileSync(file('one.bin'), Uint8Array.of(5));
    const model = sharedData('models/tflm/hello_world_int8.tflite');
    const ran = await run(['run', model, '--input', 'one.bin', '--output', 'y.bin'], { cwd: folder });
    expect(ran.stdout).toMatch(/^model {4}hello_world_int8\.tflite · TFLite 3/);
    expect(ran.stdout).toMatch(/ran {6}1 record in int8 executor, [\d .]+ a second/);
    expect(ran.stdout).toMatch(/wrote {4}y\.bin \(1 B\)/);
  });

  it.each([
    [
      '300 bytes of 3 072',
      'cut.bin',
      3 * 3072 + 300,
      'E_DATA_TRUNCATED',
      /9 516 B: 3 records and 300 B more; a record/,
    ],
    ['nothing', 'none.bin', 0, 'E_DATA_EMPTY', /none\.bin is empty; a record of ic_resnet8_int8 is 3 072 B/],
  ])('refuses input that is not whole records: %s', async (_, name, bytes, code, message) => {
    writeFileSync(file(name), new Uint8Array(bytes));
    const model = sharedData('models/mlperf-tiny/ic_resnet8_int8.tflite');
    const ran = await run(['run', model, '--input', name, '--output', 'never.bin', '--json'], { cwd: folder });
    const { error } = documentOf(ran) as ErrorDocument;
    expect([ran.code, error.code]).toEqual([3, code]);
    expect(error.message).toMatch(message);
    expect(existsSync(file('never.bin'))).toBe(false);
  });

  it('says what it cannot read before it writes', async () => {
    writeFileSync(file('u8.bin'), new Uint8Array(128 * 128 * 3));
    const model = sharedData('models/coral/mobilenet_v1_0.25_128_quant.tflite');
    const ran = await run(['run', model, '--input', 'u8.bin', '--output', 'never.bin', '--json'], { cwd: folder });
    const { error } = documentOf(ran) as ErrorDocument;
    expect([ran.code, error.code]).toEqual([3, 'E_OP_UNSUPPORTED']);
    expect(filesIn(folder).filter((name) => /never|tmp/.test(name))).toEqual([]);
  });
});

describe('run', () => {
  it('names everything that is missing', async () => {
    const ran = await run(['run', '--json'], { cwd: folder });
    const { error } = documentOf(ran) as ErrorDocument;
    expect([ran.code, error.code]).toEqual([2, 'E_USAGE']);
    expect(error.all.map((p) => p.message)).toEqual([
      'the TFLite file is missing',
      '--input is missing',
      '--output is missing',
    ]);
  });

  it('refuses models of other formats, and files that are not there', async () => {
    writeFileSync(file('one.bin'), Uint8Array.of(5));
    const keras = path.join(repositoryRoot, 'models/fashion-cnn/fashion-cnn.h5');
    const other = await run(['run', keras, '--input', 'one.bin', '--output', 'y.bin', '--json'], { cwd: folder });
    expect([other.code, (documentOf(other) as ErrorDocument).error.code]).toEqual([3, 'E_MODEL_FORMAT']);
    const gone = await run(['run', 'gone.tflite', '--input', 'one.bin', '--output', 'y.bin', '--json'], {
      cwd: folder,
    });
    expect([gone.code, (documentOf(gone) as ErrorDocument).error.code]).toEqual([3, 'E_MODEL_READ']);
  });

  it('does not write over what it reads, nor over what is no file', async () => {
    writeFileSync(file('in.bin'), Uint8Array.of(5));
    const keras = path.join(repositoryRoot, 'models/fashion-cnn/fashion-cnn.h5');
    cpSync(keras, file('net.h5'));
    const failing = async (output: string): Promise<ErrorDocument['error']> => {
      const ran = await run(['run', 'net.h5', '--input', 'in.bin', '--output', output, '--json'], { cwd: folder });
      return { ...(documentOf(ran) as ErrorDocument).error, hint: String(ran.code) };
    };
    symlinkSync('in.bin', file('link.bin'));
    for (const [output, what] of [
      ['in.bin', 'input'],
      ['./link.bin', 'input'],
      ['net.h5', 'model'],
    ] as const) {
      const error = await failing(output);
      expect([error.code, error.hint, error.message]).toEqual([
        'E_USAGE',
        '2',
        `the output ${output} is the ${what} itself, which would be lost`,
      ]);
    }
    expect(await failing('in.bin/y.bin')).toMatchObject({ code: 'E_WRITE', hint: '3' });
    expect(await failing('new/')).toMatchObject({ code: 'E_WRITE', message: 'cannot write to new/: EISDIR' });
    expect(readFileSync(file('in.bin'))).toEqual(Buffer.of(5));
  });
});
