import type { RunContext } from '../core/context.js';
import { fail } from '../core/errors.js';
import { formatCount } from '../core/units.js';
import type { ByteSource } from './byte-source.js';
import { openNpySamples, readNpyLabels } from './npy.js';
import { type DataPart, keepPart, partOfName, type SampleShape, type SampleSource } from './sample-source.js';
import { openZip } from './zip.js';

export const SAMPLE_KEY = /^(images?|pictures|samples|inputs?|data|x)(?=$|[._-])/i;
export const LABEL_KEY = /^(labels?|targets?|classes|y)(?=$|[._-])/i;

/**
 * A npz with one array of samples (key images, x, data, inputs … also x_train, x_test) and, if it has one, the array of
 * labels that goes with it (labels, y …, same suffix).
 * @throws IsplitError E_DATA_FORMAT, E_DATA_AMBIGUOUS, E_DATA_COUNT and what zip and npy raise
 */
export async function openNpz(
  path: string,
  name: string,
  options: { recordShape: SampleShape | undefined; part: DataPart | undefined; findLabels: boolean },
  ctx: RunContext,
): Promise<SampleSource> {
  const members = await openZip(path, name);
  const arrays = [...members]
    .filter(([key]) => key.endsWith('.npy'))
    .map(([key, source]) => ({ key: key.slice(0, -4), source }));
  const sampleArrays = arrays.filter(({ key }) => SAMPLE_KEY.test(key));
  const { kept, part } = keepPart(sampleArrays, ({ key }) => partOfName(key), options.part);
  const chosen = kept[0];
  const keys = arrays.map(({ key }) => key);
  if (chosen === undefined) {
    fail(
      'E_DATA_FORMAT',
      `${name} has no array of samples; its arrays are ${keys.join(', ') || 'none'}`,
      { name, keys },
      'Save it with np.savez(path, images=…, labels=…).',
    );
  }
  if (kept.length > 1) {
    const several = kept.map(({ key }) => key);
    fail('E_DATA_AMBIGUOUS', `${name} has several arrays of samples: ${several.join(', ')}`, { name, keys: several });
  }
  const samples = await openNpySamples(chosen.source, options.recordShape, ctx);
  const suffix = chosen.key.replace(SAMPLE_KEY, '').toLowerCase();
  const labelArray = options.findLabels
    ? arrays.find(({ key }) => LABEL_KEY.test(key) && key.replace(LABEL_KEY, '').toLowerCase() === suffix)
    : undefined;
  const labels = labelArray && (await readLabels(labelArray.source, samples.count, chosen.source, ctx));
  return { ...samples, format: 'npz', labels, part };
}

async function readLabels(
  source: ByteSource,
  count: number,
  samples: ByteSource,
  ctx: RunContext,
): Promise<Int32Array> {
  const labels = await readNpyLabels(source, ctx);
  if (labels.length !== count) {
    fail(
      'E_DATA_COUNT',
      `${samples.name} has ${formatCount(count)} samples, ${source.name} has ${formatCount(labels.length)} labels`,
      { samples: count, labels: labels.length },
    );
  }
  return labels;
}
