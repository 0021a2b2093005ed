import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { openBuiltFolder } from '../src/artifact/built-folder.js';
import { demoPaths } from '../src/sdk.js';
import { FROM_SOURCES, hashFolder, runCommand, type Starter } from './build-command.js';
import type { Evidence } from './evidence.js';
import { missingSharedData, sharedData } from './shared-data.js';

interface BuildCase {
  readonly name: string;
  /** Arguments as they are shown; names in capitals stand for files. */
  readonly args: readonly string[];
  /** isplit.json of the folder. */
  readonly project?: Readonly<Record<string, unknown>>;
}

/** One build as it ended. */
export interface BuildRow {
  readonly name: string;
  /** As typed, with files by their base names. */
  readonly command: string;
  readonly exitCode: number | null;
  readonly result:
    | {
        readonly cut: string;
        readonly sizes: Readonly<Record<string, number>>;
        readonly accuracy: {
          readonly full: number;
          readonly splitInt8: number;
          readonly intervals: Readonly<Record<string, readonly [number, number]>>;
          readonly samples: number;
          readonly on: string;
        };
        readonly outputSqnrDb: number | null;
        readonly verified: readonly string[];
        readonly files: number;
      }
    | {
        readonly error: string;
        readonly message: string;
        readonly hint: string;
        readonly cuts: readonly { readonly id: string; readonly reasons: readonly object[] }[];
      };
}

/** Class numbers of tiny-imagenet in those of ImageNet, by name; a name that stands for two classes is left out. */
function mapTinyImagenet(): Record<string, number | null> {
  const lines = (file: string): string[] => readFileSync(sharedData(file), 'utf8').trimEnd().split('\n');
  // The first label of that file is `background`, which this network does not have.
  const names = lines('models/coral/imagenet_labels.txt').slice(1);
  const map: Record<string, number | null> = {};
  for (const line of lines('datasets/tiny-imagenet-200/classes.tsv')) {
    const [index = '', , name = ''] = line.split('\t');
    const whole = names.flatMap((known, k) => (known.toLowerCase() === name.toLowerCase() ? [k] : []));
    const first = names.flatMap((known, k) =>
      known.toLowerCase().split(', ')[0] === name.toLowerCase().split(', ')[0] ? [k] : [],
    );
    const found = whole.length > 0 ? whole : first;
    map[index] = found.length === 1 ? (found[0] as number) : null;
  }
  return map;
}

function listCases(samples: number): BuildCase[] {
  const mobilenet = sharedData('models/mobilenet_v1_025_224_tfjs');
  const pictures = sharedData('datasets/tiny-imagenet-200/train_4000.tar.gz');
  const resnet = sharedData('models/mlperf-tiny/ic_resnet8.h5');
  const cifar = sharedData('datasets/cifar10/train_10000.bin.gz');
  const cifarTest = sharedData('datasets/cifar10/test_2000.bin.gz');
  const { model, calibration, test } = demoPaths();
  const few = ['--samples', String(samples)];
  const scaling = ['--resize', 'bilinear', '--input-range=-1..1', '--label-map', 'map.json'];
  const resnetArgs = ['build', resnet, '--data', cifar, '--test-data', cifarTest, '--input-range', '0..255', ...few];
  return [
    {
      name: 'mobilenet_v1_025_224 on coral within 4 MB',
      args: ['build', mobilenet, '--data', pictures, ...scaling, ...few, '--device', 'coral', '--budget', '4MB'],
    },
    {
      name: 'the same from isplit.json',
      args: ['build', '--device', 'coral', '--budget', '4MB'],
      project: {
        schemaVersion: 1,
        model: mobilenet,
        data: pictures,
        labelMap: 'map.json',
        samples,
        preprocessing: { resize: 'bilinear', inputRange: '-1..1' },
      },
    },
    {
      name: 'fashion-cnn on esp32-s3 within 300 KB',
      args: ['build', model, '--data', calibration, '--test-data', test, '--device', 'esp32-s3', '--budget', '300KB'],
    },
    {
      name: 'ic_resnet8 on esp32-c3 within 500 ms a frame',
      args: [...resnetArgs, '--device', 'esp32-c3', '--budget-latency', '500ms'],
    },
    { name: 'ic_resnet8 on esp32 within 8 KB', args: [...resnetArgs, '--device', 'esp32', '--budget', '8KB'] },
  ];
}

export interface BuildsEvidence {
  readonly builds: readonly BuildRow[];
  /** Both ways of asking for the same build gave the same bytes. */
  readonly projectFileEqual: boolean;
}

/** @param samples of each training set */
export async function measureBuilds(
  starter: Starter,
  samples: number,
  report: (line: string) => void,
): Promise<BuildsEvidence> {
  const root = mkdtempSync(path.join(tmpdir(), 'isplit-builds-'));
  const builds: BuildRow[] = [];
  const hashes: string[] = [];
  try {
    for (const [i, { name, args, project }] of listCases(samples).entries()) {
      const cwd = path.join(root, String(i));
      writeAll(cwd, { 'map.json': mapTinyImagenet(), ...(project ? { 'isplit.json': project } : {}) });
      const ended = await runCommand(starter, [...args, '--json'], cwd);
      const document = JSON.parse(ended.stdout) as ResultDocument;
      const command = ['isplit-edge', ...args.map((arg) => (path.isAbsolute(arg) ? path.basename(arg) : arg))];
      const result = document.error ? describeError(document.error) : await describeBuilt(cwd, document);
      builds.push({ name, command: command.join(' '), exitCode: ended.code, result });
      hashes.push(document.error ? '' : JSON.stringify(hashFolder(path.join(cwd, document.folder))));
      report(`${name}: ${ended.code} in ${ended.seconds.toFixed(0)} s, ${document.error?.code ?? document.cut}`);
    }
    return { builds, projectFileEqual: hashes[0] === hashes[1] };
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
}

interface ResultDocument {
  readonly folder: string;
  readonly cut: string;
  readonly sizes: Readonly<Record<string, number>>;
  readonly accuracy: Extract<BuildRow['result'], { cut: string }>['accuracy'];
  readonly quantization: { readonly outputSqnrDb: number | null } | null;
  readonly verify: readonly {
    readonly id: string;
    readonly endToEnd: { readonly bytes: number; readonly equalBytes: number } | null;
  }[];
  readonly error?: {
    readonly code: string;
    readonly message: string;
    readonly hint: string;
    readonly context: { readonly cuts: readonly { readonly id: string; readonly reasons: readonly object[] }[] };
  };
}

async function describeBuilt(cwd: string, document: ResultDocument): Promise<BuildRow['result']> {
  const { manifest } = await openBuiltFolder(path.join(cwd, document.folder));
  const { full, splitInt8, intervals, samples, on } = document.accuracy;
  const equal = document.verify.filter(({ endToEnd }) => endToEnd && endToEnd.equalBytes === endToEnd.bytes);
  return {
    cut: document.cut,
    sizes: document.sizes,
    accuracy: { full, splitInt8, intervals, samples, on },
    outputSqnrDb: document.quantization?.outputSqnrDb ?? null,
    verified: equal.map(({ id }) => id),
    files: Object.keys(manifest.files).length + 1,
  };
}

function describeError({ code, message, hint, context }: NonNullable<ResultDocument['error']>): BuildRow['result'] {
  return { error: code, message, hint, cuts: context.cuts.map(({ id, reasons }) => ({ id, reasons })) };
}

function writeAll(folder: string, files: Readonly<Record<string, object>>): void {
  mkdirSync(folder, { recursive: true });
  for (const [name, content] of Object.entries(files)) {
    writeFileSync(path.join(folder, name), JSON.stringify(content));
  }
}

export const builds: Evidence = {
  name: 'builds',
  summary: 'builds for a Coral board, an ESP32-S3, an ESP32-C3, and one that no ESP32 can hold',
  missing: missingSharedData,
  run: (report) => measureBuilds(FROM_SOURCES, 400, report),
};
