import type { Command } from 'commander';
import { fail, IsplitError } from '../../core/errors.js';
import { formatCount } from '../../core/units.js';
import { renderVerifyText } from '../../report/build-text.js';
import { verifyBuild } from '../../sdk.js';
import { defineCommand, runAction } from '../command.js';
import { readOptions } from '../data-options.js';
import { defaultFolder } from '../default-folder.js';
import { readProjectFile } from '../project-file.js';
import type { RawOptions } from '../values.js';

/** Exit code of a folder or a runtime that does not agree. */
const VERIFICATION_FAILED = 5;

export function verifyCommand(): Command {
  const command = defineCommand(
    'verify',
    'every file of a build against its manifest, then the head in every runtime found, bit by bit',
    ['verify build/vgg-like-esp32-s3', 'verify build/vgg-like-esp32-s3 --data fashion/ --samples 200 --json'],
  );
  command
    .argument('[dir]', 'folder that build left (default: that of isplit.json)')
    .option(
      '--data <path>',
      'samples to compare on, labels not needed (default: those of selftest.bin, then random ones)',
    )
    .option('--part <name>', 'of a set that comes divided: train (default), validation or test')
    .option('--record-shape <H,W,C>', 'shape of raw records')
    .option('--samples <n>', 'compare on so many samples (default: all of --data, else 20)')
    .option('--seed <n>', 'seed of the drawing and of random inputs (default 0)');
  return command.action((dir: string | undefined, raw: RawOptions) =>
    runAction(raw, async ({ terminal, ctx }) => {
      const folder =
        dir ?? defaultFolder(readProjectFile()) ?? fail('E_USAGE', 'no folder was given', {}, 'isplit-edge verify DIR');
      const { data, part, recordShape, samples, seed } = readOptions(raw, undefined).analyze;
      try {
        const { report, files } = await verifyBuild(folder, { data, part, recordShape, samples, seed }, ctx);
        terminal.result(
          report,
          () =>
            `files    ${formatCount(files)} of ${formatCount(files)} as the manifest says\n${renderVerifyText(report, terminal.width)}`,
        );
        return report.passed ? 0 : VERIFICATION_FAILED;
      } catch (error) {
        if (!(error instanceof IsplitError) || error.code !== 'E_FOLDER_CHANGED') throw error;
        terminal.error(error);
        return VERIFICATION_FAILED;
      }
    }),
  );
}
