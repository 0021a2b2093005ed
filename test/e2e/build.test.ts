/** `build` as a user runs it: what it leaves, what it prints, what it says when nothing fits, and what a kill leaves. */
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { tfliteReader } from '../../converters/tflite/index.js';
import { measureReproducibility } from '../../evidence/reproducible-builds.js';
import { openBuiltFolder } from '../../src/artifact/built-folder.js';
import { decodeSelfTest } from '../../src/artifact/selftest.js';
import { prepareInt8 } from '../../src/quantize/executor.js';
import { repositoryRoot } from '../support/shared-data.js';
import { compileOnce, documentOf, type ErrorDocument, emptyFolder, filesIn, run } from './command-line.js';

const demo = path.join(repositoryRoot, 'models/fashion-cnn');
const model = path.join(demo, 'fashion-cnn.h5');
const data = path.join(demo, 'samples/calibration');
const testData = path.join(demo, 'samples/test');
const MINUTE = 60_000;

const work = emptyFolder();
beforeAll(() => {
  compileOnce();
  const project = { schemaVersion: 1, model, data, samples: 300, budgets: { total: '300KB' } };
  writeFileSync(path.join(work, 'isplit.json'), JSON.stringify(project));
}, 5 * MINUTE);
afterAll(() => rmSync(work, { recursive: true, force: true }));

const HEAD_FILES = [
  'analysis.json',
  'evaluation.json',
  'head.tflite',
  'head_encode.c',
  'head_encode.h',
  'head_model_data.c',
  'head_model_data.h',
  'head_preprocess.c',
  'head_preprocess.h',
  'manifest.json',
  'plan.json',
  'quantization.json',
  'report.html',
  'selftest.bin',
  'tail-tfjs/group1-shard1of1.bin',
  'tail-tfjs/model.json',
  'tail.onnx',
  'verify.json',
];

interface BuildDocument {
  readonly folder: string;
  readonly splitId: string;
  readonly cut: string;
  readonly samples: Readonly<Record<string, number | string>>;
  readonly sizes: Readonly<Record<string, number>>;
  readonly accuracy: {
    readonly full: number;
    readonly splitInt8: number;
    readonly samples: number;
    readonly on: string;
  };
  readonly verify: readonly { readonly id: string; readonly status: string }[] | undefined;
}

describe('build', () => {
  it(
    'leaves a checked folder that head and tail start from',
    async () => {
      const ran = await run(['build', '--device', 'coral', '--budget', '4MB', '--json'], { cwd: work });
      expect(ran.code, ran.stderr).toBe(0);
      const document = documentOf(ran) as BuildDocument;
      expect(document.folder).toBe('build/fashion-cnn-coral');
      const folder = path.join(work, document.folder);
      expect(filesIn(folder)).toEqual(HEAD_FILES);
      const built = await openBuiltFolder(folder);
      const { manifest } = built;
      expect(manifest.splitId).toBe(document.splitId);
      expect(manifest.device).toMatchObject({ id: 'coral-micro', template: 'coral-micro', kernelLibrary: 'cmsis-nn' });
      expect(manifest.budgets.asked).toEqual({ totalBytes: 4_000_000 });
      expect(document.sizes.weightBytes).toBe(built.bytesOf('head.tflite').length);
      // 300 samples: a fifth is held out, the rest calibrates and ranks.
      expect(document.samples).toMatchObject({ importance: 240, calibration: 128, test: 60, on: 'held-out' });
      expect(document.accuracy).toMatchObject({ samples: 60, on: 'held-out' });
      expect(document.accuracy.full).toBeGreaterThan(0.85);
      expect(document.accuracy.splitInt8).toBeGreaterThan(0.85);
      expect(document.verify?.find((runtime) => runtime.id === 'executor')?.status).toBe('compared');
      // What a board proves itself with is what the head gives.
      const file = { name: 'head.tflite', bytes: built.bytesOf('head.tflite'), sibling: () => Promise.reject() };
      const { graph: head } = await tfliteReader.read(file, {});
      const selftest = decodeSelfTest(built.bytesOf('selftest.bin'), { splitId: manifest.splitId });
      const program = prepareInt8(head);
      for (let i = 0; i < selftest.count; i++) {
        const input = selftest.inputs.slice(i * selftest.inputBytes, (i + 1) * selftest.inputBytes);
        const [output] = program.run([input]);
        const expected = selftest.outputs.slice(i * selftest.outputBytes, (i + 1) * selftest.outputBytes);
        expect(Int8Array.from(output as Int8Array)).toEqual(expected);
      }
      // Nothing of this machine gets into what is built.
      for (const name of filesIn(folder).filter((file) => /\.(json|html|c|h)$/.test(file))) {
        expect(readFileSync(path.join(folder, name), 'utf8'), name).not.toContain(repositoryRoot);
      }
    },
    5 * MINUTE,
  );

  it(
    'prints the decision, what it costs, and what to type next',
    async () => {
      const ran = await run(['build', '--device', 'coral', '--test-data', testData], { cwd: work });
      expect(ran.code, ran.stderr).toBe(0);
      // Where lines break depends on how long the figures are.
      const words = ran.stdout.replace(/\s+/g, ' ');
      for (const pattern of [
        /^model fashion-cnn\.h5 /,
        / data calibration · 300 samples for importance, 128 for calibration, 1 500 of test for the accuracy/,
        / dense1 \* ▸ /,
        / quantize int8, .*dense layers per tensor · .*output SQNR \d+\.\d dB · worst layer /,
        / accuracy \(1 500 samples of test, 95 % interval\)/,
        / verify our executor/,
        / fits flash [\d ]+ \(head [\d ]+, code about [\d ]+\) \+ RAM [\d ]+ = [\d ]+ of 300 000 B /,
        / wrote build\/fashion-cnn-coral\/ \(split [0-9a-f]{16}…\)/,
        / next isplit-edge evaluate build\/fashion-cnn-coral --test-data .*samples\/test /,
      ])
        expect(words).toMatch(pattern);
      expect(readdirSync(path.join(work, 'build')).sort()).toEqual(['.isplit-cache', 'fashion-cnn-coral']);
    },
    5 * MINUTE,
  );

  it(
    'keeps everything on the device, or nothing',
    async () => {
      const all = await run(['build', '--cut', 'output', '--out', 'all', '--json'], { cwd: work });
      expect(all.code, all.stderr).toBe(0);
      const whole = await openBuiltFolder(path.join(work, 'all'));
      expect(whole.manifest).toMatchObject({ cut: 'output', device: null, wire: [{ shape: [10], scale: 1 / 256 }] });
      const none = await run(['build', '--cut', 'input', '--out', 'none', '--json'], { cwd: work });
      expect(none.code, none.stderr).toBe(0);
      const without = await openBuiltFolder(path.join(work, 'none'));
      const headless = HEAD_FILES.filter((name) => !/head\.tflite|model_data|quantization|selftest|verify/.test(name));
      expect(filesIn(path.join(work, 'none'))).toEqual(headless);
      // u8 − 128 is sent: the bytes as they are.
      expect(without.manifest).toMatchObject({
        cut: 'input',
        operators: [],
        wire: [{ bytes: 784, zeroPoint: -128, scale: Math.fround(1 / 255) }],
      });
      expect(without.manifest.accuracy?.splitInt8).toBe(without.manifest.accuracy?.full);
    },
    5 * MINUTE,
  );

  it('refuses to report accuracy on the samples it chooses by', { timeout: MINUTE }, async () => {
    const ran = await run(['build', '--test-data', data, '--json'], { cwd: work });
    const { error } = documentOf(ran) as ErrorDocument;
    expect([ran.code, error.code]).toEqual([2, 'E_USAGE']);
    expect(error.message).toMatch(/--test-data are the samples of --data/);
  });

  it(
    'does not replace a folder with files of others',
    async () => {
      const ran = await run(['build', '--device', 'coral', '--out', '.', '--json'], { cwd: work });
      const { error } = documentOf(ran) as ErrorDocument;
      expect([ran.code, error.code]).toEqual([2, 'E_FOLDER_FOREIGN']);
      expect(existsSync(path.join(work, 'isplit.json'))).toBe(true);
    },
    MINUTE,
  );
});

describe('a wish that cannot be met', () => {
  it(
    'ends with 4, every reason of every cut, and a way out that works',
    async () => {
      const args = ['build', '--device', 'esp32-c3', '--json'];
      const ran = await run([...args, '--budget', '8KB'], { cwd: work });
      const { error } = documentOf(ran) as ErrorDocument;
      expect([ran.code, error.code]).toEqual([4, 'E_BUDGET_INFEASIBLE']);
      const cuts = error.context.cuts as readonly { id: string; reasons: readonly { code: string }[] }[];
      expect(cuts.length).toBe(10);
      expect(cuts.every((cut) => cut.reasons.some((reason) => reason.code === 'budget-total'))).toBe(true);
      expect(error.all.length).toBe(11);
      const folder = path.join(work, 'build/fashion-cnn-esp32-c3');
      expect(readdirSync(folder)).toEqual(['plan.json']);
      expect(JSON.parse(readFileSync(path.join(folder, 'plan.json'), 'utf8'))).toMatchObject({
        chosen: null,
        nearest: cuts[0]?.id,
      });
      const [remedy] = error.context.remedies as readonly { cut: string; options: readonly string[] }[];
      expect(error.hint).toContain(`${remedy?.options[0]} (cut ${remedy?.cut})`);
      const again = await run([...args, ...(remedy?.options[0]?.split(' ') ?? [])], { cwd: work });
      expect(again.code, again.stdout).toBe(0);
      expect((documentOf(again) as BuildDocument).cut).toBe(remedy?.cut);
      // A finished build is not touched by a later wish that fails.
      const before = readFileSync(path.join(folder, 'manifest.json'), 'utf8');
      expect((await run([...args, '--budget', '8KB'], { cwd: work })).code).toBe(4);
      expect(readFileSync(path.join(folder, 'manifest.json'), 'utf8')).toBe(before);
    },
    5 * MINUTE,
  );
  it(
    'by hand is refused with its reasons',
    async () => {
      const raw = ['--cut', 'pool1', '--budget-wire', '1KB', '--bottleneck', 'none'];
      const ran = await run(['build', ...raw, '--json'], { cwd: work });
      const { error } = documentOf(ran) as ErrorDocument;
      expect([ran.code, error.code]).toEqual([4, 'E_BUDGET_INFEASIBLE']);
      expect(error.all[1]?.message).toBe('pool1: needs 3 136 B of bytes on the wire, budget 1 000 B');
    },
    MINUTE,
  );
});

it(
  'two builds are equal in every byte, also after kill −9',
  async () => {
    const starter = [process.execPath, path.join(repositoryRoot, 'dist/src/cli/main.js')];
    const result = await measureReproducibility({ starter, kills: 2, samples: 100 }, () => {});
    expect(result.files).toBe(HEAD_FILES.length);
    expect(result.differing).toEqual([]);
    expect(result.kills).toHaveLength(2);
    for (const kill of result.kills) {
      expect(kill.found).not.toBe('something half-written');
      expect(kill).toMatchObject({ finishedEqual: true, leftovers: [] });
    }
  },
  10 * MINUTE,
);
