/** Networks and data of the accuracy–bytes curves: bottlenecks and pictures are trained and measured on the same samples. */
import { demoPaths } from '../src/sdk.js';
import { sharedData } from './shared-data.js';

export interface CurveCase {
  readonly name: string;
  readonly model: string;
  readonly training: string;
  /** Of them, at most; those left are not read. */
  readonly samples?: number;
  readonly test: string;
  readonly options: { readonly inputRange?: string };
}

export function curveCases(): readonly CurveCase[] {
  return [
    {
      name: 'ic_resnet8',
      model: sharedData('models/mlperf-tiny/ic_resnet8.h5'),
      training: sharedData('datasets/cifar10/train_10000.bin.gz'),
      test: sharedData('datasets/cifar10/test_2000.bin.gz'),
      options: { inputRange: '0..255' },
    },
    {
      name: 'fashion-cnn',
      model: demoPaths().model,
      training: sharedData('datasets/fashion-mnist'),
      samples: 10_000,
      test: sharedData('datasets/fashion-mnist'),
      options: {},
    },
  ];
}
