/** Every model of the shared test data loads, or is refused with a code and the operators' names. Outputs: the format's own test. */
import { existsSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { expect, it } from 'vitest';
import { IsplitError, openModel } from '../../src/sdk.js';
import { describeNeeding, sharedData, sharedTestData } from '../support/shared-data.js';

/** File → what the refusal must name; absent = it loads. */
const REFUSED: Readonly<Record<string, { code: string; names: RegExp }>> = {
  'coral/mobilenet_v1_0.25_128_quant.tflite': { code: 'E_OP_UNSUPPORTED', names: /uint8/i },
  'coral/mobilenet_v1_0.25_128_quant_edgetpu.tflite': { code: 'E_OP_UNSUPPORTED', names: /edgetpu-custom-op/ },
  'mlperf-tiny/kws_ref_model_float32.tflite': { code: 'E_OP_UNSUPPORTED', names: /CONV_2D/ },
  'mlperf-tiny/kws_ref_model_savedmodel': { code: 'E_MODEL_FORMAT', names: /SavedModel/ },
  'tflm/audio_preprocessor_int8.tflite': { code: 'E_OP_UNSUPPORTED', names: /Signal/i },
  'tflm/person_detect_vela.tflite': { code: 'E_OP_UNSUPPORTED', names: /ethos-u/ },
};

function listModels(): string[] {
  const root = sharedData('models');
  return readdirSync(root)
    .flatMap((folder) =>
      existsSync(path.join(root, folder, 'model.json'))
        ? [folder]
        : readdirSync(path.join(root, folder)).map((f) => `${folder}/${f}`),
    )
    .filter((name) => !name.endsWith('.txt'))
    .sort();
}

describeNeeding([sharedTestData], 'every shared model', () => {
  it.each(listModels())('%s', async (name) => {
    const refusal = REFUSED[name];
    const opened = openModel(sharedData(`models/${name}`));
    if (!refusal) {
      expect((await opened).network.nodes.length).toBeGreaterThan(0);
      return;
    }
    const error = await opened.then(
      () => undefined,
      (e: unknown) => e,
    );
    expect(error).toBeInstanceOf(IsplitError);
    expect((error as IsplitError).code).toBe(refusal.code);
    expect((error as IsplitError).all.map((p) => p.message).join('\n')).toMatch(refusal.names);
  });
});
