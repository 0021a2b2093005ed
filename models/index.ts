/** Architectures that can be built at any input size with seeded weights: one line each. */
import { dsCnn } from './ds-cnn/build.js';
import { fashionCnn } from './fashion-cnn/build.js';
import { mobilenetV1 } from './mobilenet_v1/build.js';
import { mobilenetV2 } from './mobilenet_v2/build.js';
import type { Architecture } from './network-builder.js';
import { resnet8 } from './resnet8/build.js';
import { resnet50 } from './resnet50/build.js';
import { vgg16 } from './vgg16/build.js';

export const ARCHITECTURES: readonly Architecture[] = [
  dsCnn,
  fashionCnn,
  mobilenetV1,
  mobilenetV2,
  resnet8,
  resnet50,
  vgg16,
];

export type { Architecture, ArchitectureOptions } from './network-builder.js';
