import { cpSync, existsSync, mkdtempSync, readdirSync, rmSync, watch } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { openBuiltFolder } from '../src/artifact/built-folder.js';
import { createRandom } from '../src/core/random.js';
import { demoPaths } from '../src/sdk.js';
import { type Ended, FROM_SOURCES, hashFolder, runCommand, type Starter } from './build-command.js';
import type { Evidence } from './evidence.js';

const FOLDER = 'fashion-cnn-esp32-s3';
const OUT = path.join('build', FOLDER);

/** What was found where the build goes, right after its run was killed. */
export type Found = 'nothing' | 'the earlier build, whole' | 'the new build, whole' | 'something half-written';

export interface KilledRun {
  /** When: a share of the time a whole run takes, or as soon as the temporary folder appeared. */
  readonly at: number | 'temporary folder';
  /** Whether an earlier build, of another cut, was there. */
  readonly over: boolean;
  readonly found: Found;
  /** The next run ended well and gave the same sha256 for every file. */
  readonly finishedEqual: boolean;
  /** Hidden siblings that the next run left beside the folder. */
  readonly leftovers: readonly string[];
}

export interface Reproducibility {
  readonly files: number;
  /** Files whose sha256 differs between two builds in different folders. */
  readonly differing: readonly string[];
  readonly kills: readonly KilledRun[];
}

export interface ReproducibilityOptions {
  readonly starter: Starter;
  readonly kills: number;
  /** Samples of the demo's calibration set. */
  readonly samples: number;
}

/** Builds fashion-cnn twice, and again after kill −9 at random moments. */
export async function measureReproducibility(
  options: ReproducibilityOptions,
  report: (line: string) => void,
): Promise<Reproducibility> {
  const root = mkdtempSync(path.join(tmpdir(), 'isplit-repeat-'));
  const { model, calibration } = demoPaths();
  const args = ['build', model, '--data', calibration, '--device', 'esp32-s3', '--samples', String(options.samples)];
  const earlierArgs = [...args, '--cut', 'pool1'];
  const run = async (cwd: string, which = args): Promise<Ended> => {
    const ended = await runCommand(options.starter, which, cwd);
    if (ended.code !== 0) throw new Error(`build ended with ${ended.code}: ${ended.stderr.slice(-2000)}`);
    return ended;
  };
  const newFolder = (): string => mkdtempSync(path.join(root, 'run-'));
  try {
    const first = newFolder();
    const { seconds } = await run(first);
    const expected = hashFolder(path.join(first, OUT));
    report(`${Object.keys(expected).length} files in ${seconds.toFixed(1)} s`);
    const second = newFolder();
    await run(second);
    const again = hashFolder(path.join(second, OUT));
    const names = new Set([...Object.keys(expected), ...Object.keys(again)]);
    const differing = [...names].filter((name) => expected[name] !== again[name]);
    report(`built again elsewhere: ${differing.length} files differ`);
    const earlier = newFolder();
    await run(earlier, earlierArgs);
    const earlierFiles = hashFolder(path.join(earlier, OUT));
    const random = createRandom(0);
    const kills: KilledRun[] = [];
    for (let i = 0; i < options.kills; i++) {
      // Every other one over an earlier build; the last two while the folder is written.
      const over = i % 2 === 1;
      const at = i >= options.kills - 2 ? 'temporary folder' : Math.round(random.next() * 1000) / 1000;
      const cwd = newFolder();
      if (over) cpSync(earlier, cwd, { recursive: true });
      await runCommand(options.starter, args, cwd, (kill) => scheduleKill(at, seconds, path.join(cwd, 'build'), kill));
      const found = await inspect(path.join(cwd, OUT), expected, earlierFiles);
      await run(cwd);
      const finishedEqual = JSON.stringify(hashFolder(path.join(cwd, OUT))) === JSON.stringify(expected);
      const leftovers = readdirSync(path.join(cwd, 'build')).filter((name) => name.startsWith(`.${FOLDER}`));
      kills.push({ at, over, found, finishedEqual, leftovers });
      report(
        `killed at ${at}${over ? ' over an earlier build' : ''}: ${found}; then ${finishedEqual ? 'equal' : 'NOT equal'}`,
      );
      rmSync(cwd, { recursive: true, force: true });
    }
    return { files: Object.keys(expected).length, differing, kills };
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
}

function scheduleKill(at: KilledRun['at'], seconds: number, parent: string, kill: () => void): () => void {
  if (at !== 'temporary folder') {
    const timer = setTimeout(kill, 1000 * at * seconds);
    return () => clearTimeout(timer);
  }
  // The parent is made by the stage cache long before.
  const poll = setInterval(() => {
    if (!existsSync(parent)) return;
    clearInterval(poll);
    watcher = watch(parent, (_event, name) => {
      if (name?.startsWith(`.${FOLDER}.building-`)) kill();
    });
  }, 20);
  let watcher: ReturnType<typeof watch> | undefined;
  return () => {
    clearInterval(poll);
    watcher?.close();
  };
}

type Hashes = Readonly<Record<string, string>>;

async function inspect(folder: string, expected: Hashes, earlier: Hashes): Promise<Found> {
  if (!existsSync(folder)) return 'nothing';
  try {
    await openBuiltFolder(folder);
  } catch {
    return 'something half-written';
  }
  const hashes = JSON.stringify(hashFolder(folder));
  if (hashes === JSON.stringify(expected)) return 'the new build, whole';
  return hashes === JSON.stringify(earlier) ? 'the earlier build, whole' : 'something half-written';
}

export const reproducibleBuilds: Evidence = {
  name: 'reproducible-builds',
  summary: 'fashion-cnn built twice, and after kill −9 at ten random moments: sha256 of every file',
  run: (report) => measureReproducibility({ starter: FROM_SOURCES, kills: 12, samples: 1000 }, report),
};
