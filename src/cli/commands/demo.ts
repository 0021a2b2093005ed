import type { Command } from 'commander';
import { renderAnalysisReport } from '../../report/analysis-report.js';
import { renderAnalysisText } from '../../report/analysis-text.js';
import { analyzeModel, demoPaths, openModel, writeAnalysis } from '../../sdk.js';
import { defineCommand, runAction } from '../command.js';
import type { RawOptions } from '../data-options.js';

/** Small enough to end in seconds, large enough for steady curves: 100 pictures a class. */
const DEMO_SAMPLES = 1000;

/** About two thirds of the network: without a limit the most important cut is the last one. */
const DEMO_BUDGET_MACS = 5_000_000;

export function demoCommand(): Command {
  const command = defineCommand('demo', 'the main job on an embedded model and data set: no download, no board', [
    'demo',
    'demo --device esp32 --link ble',
    'demo --json',
  ]);
  command
    .option('--device <id>', 'board', 'esp32-s3')
    .option('--link <id>', "link (default: the board's)")
    .option('--out <dir>', 'where the report goes', 'build/demo');
  return command.action((raw: RawOptions) =>
    runAction(raw, async ({ terminal, ctx }) => {
      const paths = demoPaths();
      const model = await openModel(paths.model, {}, ctx);
      const analysis = await analyzeModel(
        model,
        {
          data: paths.calibration,
          samples: DEMO_SAMPLES,
          device: raw.device as string,
          budgets: { macs: DEMO_BUDGET_MACS },
          ...(typeof raw.link === 'string' ? { link: raw.link } : {}),
        },
        ctx,
      );
      for (const warning of analysis.warnings) terminal.warn(warning);
      const wrote = await writeAnalysis(raw.out as string, analysis, await renderAnalysisReport(analysis));
      terminal.result(analysis, () => renderAnalysisText(analysis, { width: terminal.width, wrote }));
      return 0;
    }),
  );
}
