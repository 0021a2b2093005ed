import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import type { Evidence } from './evidence.js';
import { missingSharedData, sharedData } from './shared-data.js';

const PICTURES = 'datasets/tiny-imagenet-200/val_2000.tar.gz';
const SAMPLES = 8;

/** Writes the largest resident set of the process (KiB) to file descriptor 3 when it ends. */
const REPORT_PEAK =
  "import{writeSync}from'node:fs';process.on('exit',()=>writeSync(3,String(process.resourceUsage().maxRSS)))";

/** `isplit-edge analyze` on the network that needs most memory, as a user runs it: a process of its own. */
export const vgg16Memory: Evidence = {
  name: 'vgg16-memory',
  summary: `peak memory and progress of analyze on vgg16-224 (138 M parameters), ${SAMPLES} pictures`,
  missing: missingSharedData,
  async run(report) {
    const out = mkdtempSync(path.join(tmpdir(), 'isplit-evidence-'));
    const options = ['--input', '224', '--model-classes', '200', '--resize', 'bilinear', '--input-range', '-1..1'];
    options.push('--samples', String(SAMPLES));
    try {
      const args = [
        'analyze',
        'vgg16',
        '--data',
        sharedData(PICTURES),
        ...options,
        '--no-cache',
        '--json',
        '--out',
        out,
      ];
      const { peakKib, progress, document } = await runCommand(args, report);
      const analysis = JSON.parse(document) as { samples: number; layers: readonly unknown[] };
      return {
        command: ['analyze', 'vgg16', '--data', path.basename(PICTURES), ...options].join(' '),
        samples: analysis.samples,
        layers: analysis.layers.length,
        progressLines: progress.length,
        peakRssBytes: peakKib * 1024,
        limitBytes: 4_000_000_000,
        withinLimit: peakKib * 1024 <= 4_000_000_000,
      };
    } finally {
      rmSync(out, { recursive: true, force: true });
    }
  },
};

interface Outcome {
  readonly peakKib: number;
  readonly progress: readonly string[];
  readonly document: string;
}

function runCommand(args: readonly string[], report: (line: string) => void): Promise<Outcome> {
  const main = fileURLToPath(new URL('../src/cli/main.ts', import.meta.url));
  const preload = ['--import', 'tsx', '--import', `data:text/javascript,${encodeURIComponent(REPORT_PEAK)}`];
  const child = spawn(process.execPath, [...preload, main, ...args], { stdio: ['ignore', 'pipe', 'pipe', 'pipe'] });
  const texts = ['', '', '', ''];
  for (const fd of [1, 2, 3]) {
    (child.stdio[fd] as Readable).setEncoding('utf8').on('data', (chunk: string) => {
      texts[fd] += chunk;
      if (fd === 2) for (const line of chunk.trim().split('\n')) report(line);
    });
  }
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code) => {
      if (code !== 0) return reject(new Error(`analyze ended with ${code}: ${texts[2]}`));
      const progress = (texts[2] as string).split('\n').filter((line) => / of \d+ images/.test(line));
      resolve({ peakKib: Number(texts[3]), progress, document: texts[1] as string });
    });
  });
}
