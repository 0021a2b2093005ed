/** `isplit-edge evaluate` and `verify` on a folder that `build` left. */
import { createHash } from 'node:crypto';
import { cpSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { gunzipSync } from 'node:zlib';
import ort from 'onnxruntime-node';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ArtifactManifest } from '../../src/artifact/manifest.js';
import type { Evaluation } from '../../src/evaluate/evaluation.js';
import type { VerifyReport } from '../../src/verify/verify-report.js';
import { repositoryRoot } from '../support/shared-data.js';
import { compileOnce, documentOf, type ErrorDocument, emptyFolder, type Ran, run } from './command-line.js';

const demo = path.join(repositoryRoot, 'models/fashion-cnn');
const model = path.join(demo, 'fashion-cnn.h5');
const calibration = path.join(demo, 'samples/calibration');
const test = path.join(demo, 'samples/test');
const cwd = emptyFolder();
const built = 'build/fashion-cnn-esp32-s3';

const isplit = (...args: readonly string[]): Promise<Ran> => run(args, { cwd });
const at = (...names: readonly string[]): string => path.join(cwd, ...names);

async function failing(code: number, ...args: readonly string[]): Promise<ErrorDocument['error']> {
  const ran = await isplit(...args, '--json');
  expect(ran.code, ran.stdout).toBe(code);
  return (documentOf(ran) as ErrorDocument).error;
}

beforeAll(async () => {
  compileOnce();
  const project = { schemaVersion: 1, model, data: calibration, testData: test, device: 'esp32-s3', samples: 300 };
  writeFileSync(at('isplit.json'), JSON.stringify(project));
  const ran = await isplit('build', '--cut', 'pool2', '--calibration-samples', '32');
  expect(ran.code, ran.stderr).toBe(0);
}, 600_000);

afterAll(() => rmSync(cwd, { recursive: true, force: true }));

/** Rows of the predictions file. */
function readPredictions(file: string): Record<'index' | 'label' | 'full' | 'splitFloat' | 'splitInt8', number>[] {
  const [head, ...lines] = readFileSync(file, 'utf8').trim().split('\n');
  expect(head).toBe('index,label,full,splitFloat,splitInt8,wireBytes');
  return lines.map((line) => {
    const [index = -1, label = -1, full = -1, splitFloat = -1, splitInt8 = -1] = line.split(',').map(Number);
    return { index, label, full, splitFloat, splitInt8 };
  });
}

describe('evaluate', () => {
  it('counts what its predictions say, and the int8 split is head.tflite and tail.onnx', async () => {
    const ran = await isplit(
      'evaluate',
      built,
      '--test-data',
      test,
      '--samples',
      '400',
      '--predictions',
      'out/p.csv',
      '--json',
    );
    expect(ran.code, ran.stderr).toBe(0);
    const evaluation = documentOf(ran) as Evaluation;
    const rows = readPredictions(at('out/p.csv'));
    const manifest = JSON.parse(readFileSync(at(built, 'manifest.json'), 'utf8')) as ArtifactManifest;
    expect(rows).toHaveLength(400);
    for (const variant of ['full', 'splitFloat', 'splitInt8'] as const) {
      const right = rows.filter((row) => row[variant] === row.label).length;
      expect(evaluation.accuracy[variant]).toBe(right / 400);
      const [low, high] = evaluation.intervals[variant] ?? [1, 0];
      expect(low < right / 400 && right / 400 < high).toBe(true);
    }
    // 92.55 % on all 10 000 test pictures (docs/evidence), of which these are 400; the float split is the same network.
    expect(evaluation.accuracy.full).toBeGreaterThan(0.87);
    expect(rows.filter((row) => row.full !== row.splitFloat)).toEqual([]);
    expect(Math.abs((evaluation.accuracy.splitInt8 ?? 0) - (evaluation.accuracy.full ?? 1))).toBeLessThan(0.02);
    expect(evaluation.splitId).toBe(manifest.splitId);
    expect(evaluation.wireBytes).toEqual({ mean: 1568, p99: 1568 });

    // By hand: bytes − 128 through `run`, its output into plain onnxruntime.
    const pictures = gunzipSync(readFileSync(path.join(test, 'test-images-idx3-ubyte.gz'))).subarray(16);
    const count = 100;
    const some = rows.slice(0, count);
    writeFileSync(
      at('x.bin'),
      Buffer.concat(some.map(({ index }) => pictures.subarray(784 * index, 784 * (index + 1)))).map((b) => b - 128),
    );
    const head = path.join(built, 'head.tflite');
    expect((await isplit('run', head, '--input', 'x.bin', '--output', 'wire.bin')).code).toBe(0);
    const session = await ort.InferenceSession.create(readFileSync(at(built, 'tail.onnx')));
    const wire = new Int8Array(readFileSync(at('wire.bin')));
    const fed = { [session.inputNames[0] as string]: new ort.Tensor('int8', wire, [count, 7, 7, 32]) };
    const scores = (await session.run(fed))[session.outputNames[0] as string]?.data as Float32Array;
    const classes = Array.from({ length: count }, (_, i) => {
      const row = [...scores.subarray(10 * i, 10 * i + 10)];
      return row.indexOf(Math.max(...row));
    });
    expect(some.map((row) => row.splitInt8)).toEqual(classes);
  });

  it('says when the head was calibrated on samples of the same data', async () => {
    const same = await isplit('evaluate', built, '--test-data', calibration, '--samples', '50', '--json');
    expect(same.stderr).toMatch(/calibrated on were drawn from calibration too, .* says little about new ones/);
    const others = await isplit('evaluate', built, '--test-data', test, '--samples', '50', '--json');
    expect([same.code, others.code], others.stderr).toEqual([0, 0]);
    expect(others.stderr).not.toContain('calibrated on');
  });

  it('takes folder, test data and model from isplit.json', async () => {
    renameSync(at('build/.isplit-cache'), at('build/elsewhere'));
    const ran = await isplit('evaluate', '--samples', '100');
    renameSync(at('build/elsewhere'), at('build/.isplit-cache'));
    expect(ran.code, ran.stderr).toBe(0);
    expect(ran.stdout).toMatch(/^accuracy {2}\(test · 100 samples, 95 % interval\)/);
    expect(ran.stdout).toMatch(/whole network, float32 +\d\d\.\d % \[/);
    expect(ran.stdout).toMatch(/split, int8 head, 1 568 B on the wire +\d\d\.\d % \[/);
    expect(ran.stdout).toContain('T-shirt/top');
  });

  it('evaluates the int8 split alone when the float model is nowhere to be found', async () => {
    cpSync(at(built), at('alone/b'), { recursive: true });
    rmSync(at('isplit.json'));
    const ran = await isplit('evaluate', 'alone/b', '--test-data', test, '--samples', '100', '--json');
    expect(ran.code, ran.stderr).toBe(0);
    const evaluation = documentOf(ran) as Evaluation;
    expect(evaluation.accuracy).toMatchObject({ full: null, splitFloat: null });
    expect(evaluation.accuracy.splitInt8).toBeGreaterThan(0.8);
    expect([evaluation.difference, evaluation.agreement]).toEqual([null, null]);
    expect(ran.stderr).toContain('--model FILE');
  });

  it('measures simpler ideas on the same samples, with settings chosen on others', async () => {
    const options = ['--test-data', test, '--samples', '60', '--baselines', '--rates', '120', '--report', 'out/e.html'];
    const ran = await isplit('evaluate', built, ...options, '--json');
    expect(ran.code, ran.stderr).toBe(0);
    const { accuracy, baselines, headMacs, latencyUs, linkOverheadBytes, verdict, wireBytes } = documentOf(
      ran,
    ) as Evaluation;
    expect(baselines?.map(({ id }) => id)).toEqual(['jpeg', 'webp', 'on-gateway', 'on-device']);
    for (const curve of baselines?.slice(0, 2) ?? []) {
      expect(curve.points.map(({ targetBytes }) => targetBytes)).toEqual([120, wireBytes.mean]);
      expect(curve.searchedOn?.name).toBe('calibration');
    }
    const [gateway, device] = (baselines ?? []).slice(2).map(({ points }) => points[0]);
    expect(gateway).toMatchObject({ bytesMean: 784, accuracy: accuracy.full });
    expect(device).toMatchObject({ bytesMean: 0, fits: true });
    expect(device?.deviceLatencyUs).toBeGreaterThan(latencyUs?.head ?? Number.NaN);
    expect([headMacs, linkOverheadBytes].every((value) => value !== null && value > 0)).toBe(true);
    expect(verdict).toMatch(/^At 1 568 B the split has [\d.]+ %, JPEG [\d.]+ %, WebP [\d.]+ %\./);
    expect(readFileSync(at('out/e.html'), 'utf8')).toContain('Simpler ideas on the same samples');
    const same = await failing(2, 'evaluate', built, '--test-data', calibration, '--samples', '60', '--baselines');
    expect(same.message).toContain('holds the test samples');
    const alone = await failing(2, 'evaluate', built, '--test-data', test, '--rates', '120', '--fine-tune');
    expect(alone.all).toHaveLength(2);
  }, 300_000);

  it('refuses another model, and names everything that is missing', async () => {
    const other = await failing(3, 'evaluate', built, '--test-data', test, '--model', path.join(built, 'head.tflite'));
    expect(other.code).toBe('E_MODEL_MISMATCH');
    expect((await failing(2, 'evaluate')).all).toHaveLength(2);
    expect((await failing(3, 'evaluate', 'build', '--test-data', test)).code).toBe('E_FOLDER_UNFINISHED');
  });
});

describe('verify', () => {
  it('reports every runtime, and the head it ran', async () => {
    const ran = await isplit('verify', built, '--samples', '6', '--json');
    expect(ran.code, ran.stdout).toBe(0);
    const report = documentOf(ran) as VerifyReport;
    const head = readFileSync(at(built, 'head.tflite'));
    expect(report).toMatchObject({
      passed: true,
      samples: 6,
      headSha256: createHash('sha256').update(head).digest('hex'),
    });
    const executor = report.runtimes.find(({ id }) => id === 'executor');
    expect(executor).toMatchObject({
      status: 'compared',
      endToEnd: { bytes: 6 * 1568, equalBytes: 6 * 1568, maxLsb: 0 },
    });
    expect(report.runtimes.map(({ id }) => id)).toContain('tflite-micro');
    expect(report.runtimes.find(({ id }) => id === 'esp-nn')?.status).toBe('unverified');
  });

  it('compares on data of one’s own', async () => {
    const ran = await isplit('verify', built, '--data', test, '--samples', '3');
    expect(ran.code, ran.stderr).toBe(0);
    expect(ran.stdout).toMatch(/^files {4}\d+ of \d+ as the manifest says\nverify {3}our executor/);
  });

  it('has nothing to run where nothing runs on the device; evaluate has', async () => {
    const options = ['--data', calibration, '--samples', '60', '--test-data', test, '--cut', 'input', '--out', 'sent'];
    expect((await isplit('build', model, ...options)).code).toBe(0);
    const error = await failing(2, 'verify', 'sent');
    expect(error.message).toContain('the cut is "input"');
    const ran = await isplit('evaluate', 'sent', '--test-data', test, '--samples', '50', '--json');
    const { accuracy, wireBytes } = documentOf(ran) as Evaluation;
    expect(accuracy.splitInt8).toBe(accuracy.full);
    expect(wireBytes.mean).toBe(784);
  });

  it('ends 5 when a file is not the one of the manifest', async () => {
    cpSync(at(built), at('changed/b'), { recursive: true });
    const head = readFileSync(at('changed/b/head.tflite'));
    writeFileSync(at('changed/b/head.tflite'), head.subarray(0, head.length - 1));
    const error = await failing(5, 'verify', 'changed/b');
    expect(error.code).toBe('E_FOLDER_CHANGED');
    expect(error.message).toContain('head.tflite');
  });
});
