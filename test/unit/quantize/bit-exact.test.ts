/** Whole int8 networks against TensorFlow Lite Micro; `npm run evidence -- bit-exact-files` does more records of the same. */
import { expect } from 'vitest';
import { compareFiles, compareGoldens } from '../../../evidence/bit-exact-files.js';
import { describeNeeding, itNeeding, pythonOracle, sharedTestData } from '../../support/shared-data.js';

describeNeeding([sharedTestData], 'int8 networks give the bytes of TensorFlow Lite Micro', () => {
  itNeeding([], 'recorded outputs of its C++ sources', async () => {
    expect(await compareGoldens()).toEqual([
      { name: 'ic_resnet8_int8', records: 24, bytes: 240, differing: 0 },
      { name: 'person_detect', records: 10, bytes: 20, differing: 0 },
      { name: 'hello_world_int8', records: 64, bytes: 64, differing: 0 },
    ]);
  });

  itNeeding([pythonOracle], 'its wheel, on random records of every int8 file', async () => {
    const results = await compareFiles(4);
    const compared = results.filter((r) => 'differing' in r);
    expect(compared.filter((r) => r.differing > 0)).toEqual([]);
    expect(compared.map((r) => r.name)).toEqual([
      'mlperf-tiny/ic_resnet8_int8.tflite',
      'mlperf-tiny/vww_96_int8.tflite',
      'tflm/hello_world_int8.tflite',
      'tflm/micro_speech_quantized.tflite',
      'tflm/person_detect.tflite',
    ]);
    // An operator of Arm's compiler, for which the wheel has no kernel.
    expect(results.filter((r) => 'refused' in r).map((r) => r.name)).toEqual(['tflm/person_detect_vela.tflite']);
  });
});
