import path from 'node:path';
import type { Command } from 'commander';
import { buildModel, defaultBuildFolder, demoPaths, openModel } from '../../sdk.js';
import { showBuild } from '../build-result.js';
import { defineCommand, runAction } from '../command.js';
import type { RawOptions } from '../values.js';

/** An eighth of the picture's bytes. */
const DEMO_BUDGET_WIRE = 100;
/** Where the curves of what simpler ideas give are drawn. */
const DEMO_RATES = [50, 200, 400];
/** About two thirds of the network: without a limit the most important cut is the last one. */
const DEMO_BUDGET_MACS = 5_000_000;

export function demoCommand(): Command {
  const command = defineCommand(
    'demo',
    'the main job on an embedded model and data set: analyze, train a bottleneck, build, verify, compare; no download, no board',
    ['demo', 'demo --device esp32 --link ble', 'demo --json'],
  );
  command
    .option('--device <id>', 'board', 'esp32-s3')
    .option('--link <id>', "link (default: the board's)")
    .option('--out <dir>', 'folder that is made or replaced (default build/demo-<device>)');
  return command.action((raw: RawOptions) =>
    runAction(raw, async ({ terminal, ctx }) => {
      const paths = demoPaths();
      const device = raw.device as string;
      const folder = typeof raw.out === 'string' ? raw.out : defaultBuildFolder('demo', device);
      const model = await openModel(paths.model, {}, ctx);
      const options = {
        data: paths.calibration,
        testData: shorten(paths.test),
        device,
        budgets: { macs: DEMO_BUDGET_MACS, wireBytes: DEMO_BUDGET_WIRE },
        recipe: 'quick' as const,
        rates: DEMO_RATES,
        fineTune: 'own' as const,
        ...(typeof raw.link === 'string' ? { link: raw.link } : {}),
      };
      showBuild(await buildModel(model, paths.model, folder, options, ctx), folder, terminal);
      return 0;
    }),
  );
}

/** As one would type it here. */
function shorten(file: string): string {
  const relative = path.relative('.', file);
  return relative.startsWith('..') ? file : relative;
}
