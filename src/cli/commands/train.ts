import { existsSync } from 'node:fs';
import path from 'node:path';
import type { Command } from 'commander';
import { renderTrainingText } from '../../report/training-text.js';
import { defaultTrainedFile, ENGINE_CHOICES, RECIPES, retrainBuild, trainModel } from '../../sdk.js';
import { showBuild } from '../build-result.js';
import { defineCommand, runAction } from '../command.js';
import {
  ARCHITECTURE_OPTIONS,
  FOLDER_OPTIONS,
  readRetrainOptions,
  readTrainOptions,
  refuseOptions,
} from '../train-options.js';
import type { RawOptions } from '../values.js';

export function trainCommand(): Command {
  const command = defineCommand(
    'train',
    'trains an architecture from scratch to a float model and its card; or bottleneck and tail of a built folder again',
    [
      'train resnet8 --data cifar10/ --epochs 30 --out trained/resnet8.tflite',
      'train vgg16 --data letters/ --input 32 --augment crop',
      'train mobilenet_v1 --data photos.tar --test-data photos.tar --input 96x96x3 --json',
      'train build/resnet8-esp32-s3 --data more-samples/ --recipe default',
      'train build/resnet8-esp32-s3 --budget-wire 256B --out build/resnet8-256',
    ],
  );
  command
    .argument(
      '<what>',
      'an architecture such as resnet8 or vgg16 (an unknown name lists them all), or a folder that build left',
    )
    .option('--data <path>', 'labelled samples: CIFAR-10 records, IDX, folder or tar of images, npy/npz, raw records')
    .option('--test-data <path>', 'samples accuracy is reported on (default: a seeded part of the data is held out)')
    .option('--part <name>', 'of a set that comes divided: train (default), validation or test')
    .option('--labels <path>', 'labels beside the data: one a line, CSV, npy or IDX')
    .option('--label-map <file>', 'gives the classes other numbers, or leaves some out')
    .option('--record-shape <H,W,C>', 'shape of raw records')
    .option('--samples <n>', 'use so many samples, drawn by the seed, each class keeping its share')
    .option('--seed <n>', "seed of weights, order and held-out samples (default 0, or the folder's)")
    .option('--engine <id>', `${ENGINE_CHOICES.join(', ')} (default onnx)`)
    .option('--threads <n>', 'threads of the engine (default: all cores)')
    .option('--no-resume', 'start anew, even if an interrupted run of the same training left a checkpoint')
    .option(
      '--out <path>',
      'model file (default trained/<architecture>.tflite; its card lies beside it), or folder (default: the same)',
    )
    .optionsGroup('An architecture:')
    .option('--input <HxWxC>', "size of the network's input, e.g. 32 or 96x96x1 (default: small pictures' own)")
    .option('--input-range <a..b>', 'what bytes 0 and 255 become (default 0..1)')
    .option('--mean <list>', 'mean per channel')
    .option('--std <list>', 'standard deviation per channel')
    .option('--resize <mode>', 'bring pictures to the input size: bilinear (default), nearest or none')
    .option('--crop <spec>', 'none, centre, centre:875 (per mille of the side) or top,left,height,width')
    .option('--colour <order>', 'rgb, bgr or grey')
    .option('--epochs <n>', 'times that every sample is seen (default 30)')
    .option('--learning-rate <x>', "Adam's at its peak (default 0.001)")
    .option('--batch <n>', 'samples a step (default 64)')
    .option('--weight-decay <x>', 'decoupled decay of all weights (default 0.01)')
    .option('--augment <list>', 'flip, crop (shifts) or none, comma-separated (default flip,crop)')
    .option('--patience <n>', 'epochs without a better validation after which it ends (default 10)')
    .optionsGroup('A folder that build left (else as it was built):')
    .option('--model <file>', 'the float model it was built from (default: where build found it)')
    .option('--bottleneck <spec>', 'another one, such as conv3x3-s2-c8-b4')
    .option('--budget-wire <size>', 'bytes on the wire an inference')
    .option('--recipe <name>', `how long it is trained: ${RECIPES.join(' or ')}`)
    .option('--train-samples <n>', 'samples it is trained on, at most (default 20000)')
    .option('--test-labels <path>', 'labels beside the test data')
    .option('--no-baselines', 'do not measure simpler ideas on the test samples');
  return command.action((what: string, raw: RawOptions) =>
    runAction(raw, async ({ terminal, ctx }) => {
      if (existsSync(path.join(what, 'manifest.json'))) {
        refuseOptions(raw, ARCHITECTURE_OPTIONS, 'is for architectures; a folder keeps what it was built with');
        const { folder, options } = readRetrainOptions(what, raw);
        showBuild(await retrainBuild(what, options, ctx), folder, terminal);
        return 0;
      }
      refuseOptions(raw, FOLDER_OPTIONS, 'is for folders that build left');
      const { data, options } = readTrainOptions(raw, what);
      const file = typeof raw.out === 'string' ? raw.out : defaultTrainedFile(what);
      const trained = await trainModel(what, file, { ...options, data }, ctx);
      terminal.result(trained, () => renderTrainingText(trained));
      return 0;
    }),
  );
}
