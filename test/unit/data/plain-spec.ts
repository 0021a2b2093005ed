import { specFromOptions } from '../../../src/preprocess/options.js';
import type { PreprocessSpec } from '../../../src/preprocess/spec.js';

/** Bytes as they are: 0..255. */
export function plainSpecOf(height: number, width: number, channels: number): PreprocessSpec {
  return specFromOptions({ inputRange: '0..255' }, [height, width, channels]).spec;
}
