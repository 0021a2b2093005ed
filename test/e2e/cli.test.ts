/** The habits of every command: help, one JSON document, exit codes, nothing written on errors, Ctrl-C, isplit.json. */
import { chmodSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createRandom } from '../../src/core/random.js';
import { repositoryRoot } from '../support/shared-data.js';
import { compileOnce, documentOf, type ErrorDocument, emptyFolder, filesIn, type Ran, run } from './command-line.js';

const demo = path.join(repositoryRoot, 'models/fashion-cnn');
const model = path.join(demo, 'fashion-cnn.h5');
const samples = path.join(demo, 'samples/test');
const COMMANDS = [
  'demo',
  'init',
  'inspect',
  'train',
  'analyze',
  'build',
  'verify',
  'evaluate',
  'run',
  'devices',
  'links',
  'doctor',
];

/** Files that commands read; commands run in folders of their own. */
const inputs = emptyFolder();
const folders = [inputs];
const input = (name: string): string => path.join(inputs, name);

function workFolder(): string {
  const folder = emptyFolder();
  folders.push(folder);
  return folder;
}

/** Runs with --json, expects this exit code and that nothing was written; gives the error. */
async function failing(args: readonly string[], code: number, nodeArgs: readonly string[] = []) {
  const cwd = workFolder();
  const ran = await run([...args, '--json'], { cwd, nodeArgs });
  const { error } = documentOf(ran) as ErrorDocument;
  expect(ran.code, `${args.join(' ')}\n${ran.stdout}`).toBe(code);
  expect(filesIn(cwd)).toEqual([]);
  expect(error.all[0]?.code).toBe(error.code);
  expect(error.hint.length).toBeGreaterThan(10);
  return error;
}

const analyze = (...args: readonly string[]): string[] => ['analyze', model, '--data', samples, ...args];

function writeSamples(): void {
  const random = createRandom(1);
  writeFileSync(
    input('pixels.bin'),
    Uint8Array.from({ length: 40 * 784 }, () => random.int(256)),
  );
  writeFileSync(input('labels.txt'), `${Array.from({ length: 40 }, (_, i) => i % 10).join('\n')}\n`);
  writeFileSync(input('wild-labels.txt'), `${Array.from({ length: 40 }, (_, i) => (i === 7 ? 77 : 3)).join('\n')}\n`);
  mkdirSync(input('empty'));
  for (const name of ['0', '1']) {
    mkdirSync(input(`pictures/${name}`), { recursive: true });
    writeFileSync(input(`pictures/${name}/p.bmp`), Buffer.concat([Buffer.from('BM'), Buffer.alloc(70)]));
  }
}

function writeModels(): void {
  const bytes = readFileSync(model);
  writeFileSync(input('truncated.h5'), bytes.subarray(0, 100_000));
  // The root group's tree points at itself.
  const hostile = Buffer.from(bytes);
  hostile.writeBigUInt64LE(8n, 64);
  writeFileSync(input('hostile.h5'), hostile);
  writeFileSync(input('text.h5'), 'not a model\n');
}

function writeDevices(): void {
  const board = JSON.parse(readFileSync(path.join(repositoryRoot, 'devices/esp32-s3.json'), 'utf8'));
  writeFileSync(input('my-board.json'), JSON.stringify({ ...board, id: 'my-board', name: 'My board', aliases: [] }));
  const broken = { ...board, id: 'My Board', cores: [], defaultLink: 7 };
  delete broken.summary;
  writeFileSync(input('broken-board.json'), JSON.stringify(broken));
}

beforeAll(() => {
  compileOnce();
  writeSamples();
  writeModels();
  writeDevices();
}, 300_000);

afterAll(() => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});

describe.concurrent('help', () => {
  it.each(COMMANDS)('of %s has examples', async (command) => {
    const ran = await run([command, '--help'], { cwd: inputs });
    expect(ran.code).toBe(0);
    expect(ran.stdout).toMatch(/Examples:\n {2}\$ isplit-edge /);
    expect(ran.stdout).toMatch(/--json .*one JSON document/);
    expect(ran.stdout).toContain('--quiet');
  });

  it('without a command goes to stderr and is wrong usage', async () => {
    const ran = await run([], { cwd: inputs });
    expect([ran.code, ran.stdout]).toEqual([2, '']);
    for (const command of COMMANDS) expect(ran.stderr).toContain(`  ${command} `);
  });
});

describe.concurrent('wrong usage ends 2', () => {
  it.each([
    [['analyze', '--frobnicate'], /unknown option '--frobnicate'/],
    [['analyze', '--dat', 'x'], /'--dat'; did you mean --data\?/],
    [['analyse'], /unknown command 'analyse'; did you mean analyze\?/],
    [['devices', 'esp32', 'esp32-s3'], /too many arguments/],
    [['analyze', model, '--data'], /--data needs a value, "--json"/],
  ])('%j', async (args, message) => {
    const error = await failing(args, 2);
    expect(error.code).toBe('E_USAGE');
    expect(error.message).toMatch(message);
    expect(error.message).not.toContain('\n');
    expect(error.hint).toContain('--help');
  });

  it('prints the same for people on stderr', async () => {
    const ran = await run(['analyze', '--frobnicate'], { cwd: inputs });
    expect([ran.code, ran.stdout]).toEqual([2, '']);
    expect(ran.stderr).toMatch(/^error E_USAGE {2}unknown option '--frobnicate'/);
    expect(ran.stderr).toContain('isplit-edge analyze --help');
  });

  it('names everything that is missing', async () => {
    const error = await failing(['analyze'], 2);
    expect(error.all.map((p) => p.message)).toEqual(['no model was given', 'no data was given']);
  });

  it('names every malformed option at once', async () => {
    const bad = ['--budget', '1zb', '--budget-latency', 'soon', '--samples', '0', '--engine', 'abacus'];
    const error = await failing(analyze(...bad, '--rank-by', 'luck', '--seed', '-1'), 2);
    const said = error.all.map((p) => p.message).join('\n');
    for (const value of ['1zb', 'soon', '"0"', 'abacus', 'luck', '-1']) expect(said).toContain(value);
    expect(error.all).toHaveLength(6);
  });

  it('names every unknown class with the nearest ones', async () => {
    const error = await failing(analyze('--classes', 'Sneeker,Bag,Trousers'), 2);
    expect(error.all.map((p) => p.code)).toEqual(['E_CLASS_UNKNOWN', 'E_CLASS_UNKNOWN']);
    expect(error.all[0]?.message).toMatch(/"Sneeker".*Sneaker/);
    expect(error.all[1]?.message).toMatch(/"Trousers".*Trouser/);
  });

  it('names budgets that contradict', async () => {
    const error = await failing(analyze('--budget', '10KB', '--budget-flash', '20KB', '--budget-ram', '12KB'), 2);
    expect(error.all.map((p) => p.code)).toEqual(['E_BUDGET_CONTRADICTION', 'E_BUDGET_CONTRADICTION']);
    expect(error.message).toMatch(/20 000 B.*10 000 B/);
  });

  it.each([
    ['devices', 'esp32-s4', 'E_DEVICE_UNKNOWN', 'esp32-s3'],
    ['links', 'wifi-mqt', 'E_LINK_UNKNOWN', 'wifi-mqtt'],
  ])('%s %s names the nearest', async (command, id, code, nearest) => {
    const error = await failing([command, id], 2);
    expect(error.code).toBe(code);
    expect(error.message).toContain(nearest);
  });

  it('unknown device of analyze', async () => {
    const error = await failing(analyze('--device', 'esp23'), 2);
    expect(error.code).toBe('E_DEVICE_UNKNOWN');
    expect(error.message).toContain('esp32');
  });

  it('a project file that breaks its schema, every violation', async () => {
    const cwd = workFolder();
    writeFileSync(path.join(cwd, 'isplit.json'), JSON.stringify({ schemaVersion: 1, modell: 'm.h5', seed: -3 }));
    const ran = await run(['analyze', '--json'], { cwd });
    const { error } = documentOf(ran) as ErrorDocument;
    expect(ran.code).toBe(2);
    expect(error.code).toBe('E_PROJECT_INVALID');
    const said = error.all.map((p) => p.message).join('\n');
    expect(said).toContain('modell');
    expect(said).toContain('seed');
  });
});

describe.concurrent('bad input ends 3', () => {
  const raw = ['--record-shape', '28,28,1', '--input-range', '0..1'];
  it.each([
    ['a truncated model', () => ['inspect', input('truncated.h5')], 'E_MODEL_CORRUPT', /cut off/],
    ['a hostile model', () => ['inspect', input('hostile.h5')], 'E_MODEL_CORRUPT', /byte \d+/],
    ['no model at all', () => ['inspect', input('text.h5')], 'E_MODEL_FORMAT', /12 bytes/],
    ['a model that is not there', () => ['inspect', 'vgg61'], 'E_MODEL_READ', /did you mean vgg16/],
    ['data that is not there', () => ['analyze', model, '--data', input('gone')], 'E_DATA_UNREADABLE', /gone/],
    ['an empty folder', () => ['analyze', model, '--data', input('empty')], 'E_DATA_EMPTY', /empty/],
    ['BMP pictures, each of them', () => ['analyze', model, '--data', input('pictures')], 'E_DATA_PICTURE', /2 pict/],
    [
      'samples of another shape',
      () => [
        'analyze',
        model,
        '--data',
        input('pixels.bin'),
        '--labels',
        input('labels.txt'),
        '--record-shape',
        '14,56,1',
      ],
      'E_DATA_SHAPE',
      /14.*56/,
    ],
    [
      'labels outside the classes',
      () => ['analyze', model, '--data', input('pixels.bin'), '--labels', input('wild-labels.txt'), ...raw],
      'E_DATA_LABEL_RANGE',
      /77/,
    ],
    ['missing labels', () => ['analyze', model, '--data', input('pixels.bin'), ...raw], 'E_DATA_LABELS', /label/],
    ['a folder that cannot be written', () => analyze('--out', input('text.h5')), 'E_WRITE', /ENOTDIR/],
  ] as const)('%s', async (_, args, code, message) => {
    const error = await failing(args(), 3);
    expect(error.code).toBe(code);
    expect(error.all.map((p) => p.message).join('\n')).toMatch(message);
  });

  it('a device file that breaks its schema, every violation', async () => {
    const error = await failing(['devices', input('broken-board.json')], 3);
    expect(new Set(error.all.map((p) => p.code))).toEqual(new Set(['E_DEVICE_INVALID']));
    const said = error.all.map((p) => p.message).join('\n');
    for (const field of ['id', 'summary', 'cores', 'defaultLink']) expect(said).toContain(field);
  });

  const unbound = process.platform === 'win32' || process.getuid?.() === 0;
  it.skipIf(unbound)(
    `a folder without permission${unbound ? ' [needs a user whom permissions bind]' : ''}`,
    async () => {
      const cwd = workFolder();
      mkdirSync(path.join(cwd, 'locked'));
      chmodSync(path.join(cwd, 'locked'), 0o500);
      const ran = await run(analyze('--out', 'locked/a', '--json'), { cwd });
      expect(ran.code).toBe(3);
      expect((documentOf(ran) as ErrorDocument).error.code).toBe('E_WRITE');
    },
  );
});

describe.concurrent('results', () => {
  it('devices, links and doctor give one document', async () => {
    const [devices, one, links, doctor] = await Promise.all([
      run(['devices', '--json'], { cwd: inputs }),
      run(['devices', input('my-board.json'), '--json'], { cwd: inputs }),
      run(['links', 'ble', '--json'], { cwd: inputs }),
      run(['doctor', '--json'], { cwd: inputs }),
    ]);
    const ids = (documentOf(devices) as { id: string }[]).map((d) => d.id);
    for (const id of ['esp32', 'esp32-s3', 'coral-micro', 'rv32-virt']) expect(ids).toContain(id);
    expect(documentOf(one)).toMatchObject({ id: 'my-board', name: 'My board' });
    expect(documentOf(links)).toMatchObject({ id: 'ble' });
    const { checks } = documentOf(doctor) as { checks: { name: string; state: string; remedy: string | null }[] };
    expect(checks.find((c) => c.name === 'onnx')?.state).toBe('ok');
    expect([devices.code, one.code, links.code, doctor.code]).toEqual([0, 0, 0, 0]);
  });

  it('inspect gives the counts Keras gives', async () => {
    const ran = await run(['inspect', model, '--json'], { cwd: inputs });
    expect(documentOf(ran)).toMatchObject({ format: 'keras', inputs: [{ shape: [1, 28, 28, 1] }] });
    const keras = JSON.parse(readFileSync(path.join(repositoryRoot, 'test/golden/model-counts.json'), 'utf8'));
    const counted = (documentOf(ran) as { parameters: number }).parameters;
    expect(JSON.stringify(keras)).toContain(`${counted}`);
  });

  it('analyze on a board of the user, with raw records and labels, quietly', async () => {
    const cwd = workFolder();
    const data = ['--data', input('pixels.bin'), '--labels', input('labels.txt'), '--record-shape', '28,28,1'];
    const board = ['--device', input('my-board.json'), '--link', 'ble', '--classes', 'Bag,3'];
    const ran = await run(['analyze', model, ...data, ...board, '--json', '--quiet', '--out', 'here'], { cwd });
    expect(ran.code, ran.stderr).toBe(0);
    expect(documentOf(ran)).toMatchObject({
      schemaVersion: 1,
      samples: 40,
      classes: [3, 8],
      device: { id: 'my-board', link: 'ble' },
    });
    const written = filesIn(path.join(cwd, 'here')).filter((file) => !file.startsWith('.cache'));
    expect(written).toEqual(['analysis.json', 'report.html']);
    expect(JSON.parse(readFileSync(path.join(cwd, 'here/analysis.json'), 'utf8'))).toEqual(documentOf(ran));
  });

  it('ends 4 when no cut fits, with every reason written down', async () => {
    const cwd = workFolder();
    const ran = await run(analyze('--samples', '50', '--device', 'esp32', '--budget-ram', '10B', '--json'), { cwd });
    expect(ran.code, ran.stderr).toBe(4);
    const analysis = documentOf(ran) as { ranking: string[]; cuts: { feasible: boolean; reasons: unknown[] }[] };
    expect(analysis.ranking).toEqual([]);
    expect(analysis.cuts.length).toBeGreaterThan(5);
    for (const cut of analysis.cuts) {
      expect(cut.feasible).toBe(false);
      expect(cut.reasons).toContainEqual(expect.objectContaining({ needs: expect.any(Number), has: 10, unit: 'B' }));
    }
    expect(existsSync(path.join(cwd, 'analysis/fashion-cnn/report.html'))).toBe(true);
  });
});

describe.concurrent('a missing engine ends 6', () => {
  /** Node as it is where a package was never installed. */
  const without = (name: string): string[] => {
    const hook = `export async function resolve(s, c, n) { if (s === '${name}') throw Object.assign(new Error("Cannot find package '${name}'"), { code: 'ERR_MODULE_NOT_FOUND' }); return n(s, c); }`;
    const url = (code: string): string => `data:text/javascript,${encodeURIComponent(code)}`;
    return ['--import', url(`import { register } from 'node:module'; register(${JSON.stringify(url(hook))});`)];
  };

  it.each([
    ['tfjs-node', '@tensorflow/tfjs-node'],
    ['onnx', 'onnxruntime-node'],
  ])('%s', async (engine, name) => {
    const error = await failing(analyze('--engine', engine), 6, without(name));
    expect(error.code).toBe('E_ENGINE_MISSING');
    expect(error.message).toContain(engine);
  });
});

describe('isplit.json', () => {
  it('is written by init and then enough for analyze and inspect', async () => {
    const cwd = workFolder();
    const options = ['--data', samples, '--device', 'esp32-s3', '--budget', '300KB', '--samples', '60', '--seed', '5'];
    const made = await run(['init', model, ...options, '--json'], { cwd });
    expect(made.code, made.stderr).toBe(0);
    expect(filesIn(cwd)).toEqual(['isplit.json']);
    expect(JSON.parse(readFileSync(path.join(cwd, 'isplit.json'), 'utf8'))).toEqual(documentOf(made));

    const again = await run(['init', model, ...options, '--json'], { cwd });
    expect([again.code, (documentOf(again) as ErrorDocument).error.code]).toEqual([2, 'E_USAGE']);

    const analyzed = await run(['analyze', '--json'], { cwd });
    expect(analyzed.code, analyzed.stderr).toBe(0);
    expect(documentOf(analyzed)).toMatchObject({ samples: 60, seed: 5, device: { id: 'esp32-s3' } });
    const overridden = await run(['analyze', '--samples', '20', '--device', 'esp32-c3', '--json'], { cwd });
    expect(documentOf(overridden)).toMatchObject({ samples: 20, device: { id: 'esp32-c3' } });
    const inspected = await run(['inspect', '--json'], { cwd });
    expect(documentOf(inspected)).toMatchObject({ name: 'fashion-cnn.h5' });
  });

  it('is not written when the model, the data or the board is bad', async () => {
    await failing(['init', input('truncated.h5'), '--data', samples, '--device', 'esp32'], 3);
    await failing(['init', model, '--data', input('empty'), '--device', 'esp32'], 3);
    await failing(['init', model, '--data', samples, '--device', 'esp23'], 2);
  });
});

describe('Ctrl-C', () => {
  it('ends 130, says so, and leaves no half-written file', async () => {
    const cwd = workFolder();
    const network = ['analyze', 'vgg16', '--input', '64x64x1', '--data', samples, '--resize', 'bilinear'];
    const ran: Ran = await run([...network, '--input-range', '0..1', '--json'], {
      cwd,
      interruptAt: /importance \d+ of/,
    });
    expect(ran.code, ran.stderr).toBe(130);
    const { error } = documentOf(ran) as ErrorDocument;
    expect(error.code).toBe('E_INTERRUPTED');
    // What is finished is kept for the next run; results and temporary files are not there.
    expect(filesIn(cwd).filter((file) => !/^analysis\/vgg16\/\.cache\/[\w-]+\.json$/.test(file))).toEqual([]);
  });
});
