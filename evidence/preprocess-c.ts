import { spawnSync } from 'node:child_process';
import { COMPILERS, FLAGS, runPreprocessCampaign } from '../test/codegen/preprocess-campaign.js';
import type { Evidence } from './evidence.js';

const SPECS = 125;
/** With these, more than 1 000 are taken; the rest is refused by both sides. */
const PICTURES_EACH = 9;

/** More than 1 000 random pictures through 125 random preprocessings: the C99 that is generated against the TypeScript definition. */
export const preprocessC: Evidence = {
  name: 'preprocess-c',
  summary: `generated C preprocessing on ${SPECS * PICTURES_EACH} random pictures, gcc and clang with sanitizers`,
  missing() {
    const absent = COMPILERS.filter((compiler) => version(compiler) === undefined);
    return absent.length > 0 ? `needs ${absent.join(' and ')}: apt-get install ${absent.join(' ')}` : undefined;
  },
  async run(report) {
    const compilers = COMPILERS.map((compiler) => {
      const { differing, ...result } = runPreprocessCampaign(compiler, 8, SPECS, PICTURES_EACH, report);
      for (const line of differing) report(`DIFFERS ${line}`);
      return { compiler: version(compiler), ...result, differing: differing.length };
    });
    return { flags: FLAGS.join(' '), compilers };
  },
};

function version(compiler: string): string | undefined {
  const { stdout } = spawnSync(compiler, ['--version'], { encoding: 'utf8' });
  return stdout?.split('\n')[0]?.replace(/ \(.*\)/, '');
}
