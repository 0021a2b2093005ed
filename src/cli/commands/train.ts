import type { Command } from 'commander';
import { fail } from '../../core/errors.js';
import { renderTrainingText } from '../../report/training-text.js';
import { defaultTrainedFile, ENGINE_CHOICES, trainModel } from '../../sdk.js';
import { defineCommand, runAction } from '../command.js';
import { readOptions } from '../data-options.js';
import { readProjectFile } from '../project-file.js';
import { parseAugmentation, parseInputSize } from '../train-options.js';
import { type RawOptions, readNumbers } from '../values.js';

export function trainCommand(): Command {
  const command = defineCommand('train', 'trains an architecture from scratch; writes a float model and its card', [
    'train resnet8 --data cifar10/ --epochs 30 --out trained/resnet8.tflite',
    'train vgg16 --data letters/ --input 32 --augment crop',
    'train mobilenet_v1 --data photos.tar --test-data photos.tar --input 96x96x3 --json',
  ]);
  command
    .argument('<architecture>', 'what to train, such as resnet8 or vgg16; an unknown name lists them all')
    .option('--data <path>', 'labelled samples: CIFAR-10 records, IDX, folder or tar of images, npy/npz, raw records')
    .option('--test-data <path>', 'samples accuracy is reported on (default: a seeded part of the data is held out)')
    .option('--part <name>', 'of a set that comes divided: train (default), validation or test')
    .option('--labels <path>', 'labels beside the data: one a line, CSV, npy or IDX')
    .option('--label-map <file>', 'gives the classes other numbers, or leaves some out')
    .option('--record-shape <H,W,C>', 'shape of raw records')
    .option('--samples <n>', 'use so many samples, drawn by the seed, each class keeping its share')
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
    .option('--seed <n>', 'seed of weights, order and held-out samples (default 0)')
    .option('--engine <id>', `${ENGINE_CHOICES.join(', ')} (default onnx)`)
    .option('--threads <n>', 'threads of the engine (default: all cores)')
    .option('--no-resume', 'start anew, even if an interrupted run of the same training left a checkpoint')
    .option('--out <file>', 'the model (default trained/<architecture>.tflite); its card lies beside it');
  return command.action((architecture: string, raw: RawOptions) =>
    runAction(raw, async ({ terminal, ctx }) => {
      const project = readProjectFile();
      const { input: _size, ...others } = raw;
      const numbers = readNumbers(raw, {
        epochs: { option: '--epochs', least: 1, whole: true },
        batchSize: { option: '--batch', least: 2, whole: true },
        patience: { option: '--patience', least: 1, whole: true },
        learningRate: { option: '--learning-rate', above: 0 },
        weightDecay: { option: '--weight-decay', least: 0 },
      });
      const { analyze, testData } = readOptions(others, project);
      const {
        data,
        classes: _classes,
        device: _device,
        link: _link,
        rankBy: _rank,
        budgets: _budgets,
        ...rest
      } = analyze;
      if (data === undefined) fail('E_USAGE', 'no data was given', {}, `isplit-edge train ${architecture} --data PATH`);
      const trained = await trainModel(
        architecture,
        typeof raw.out === 'string' ? raw.out : defaultTrainedFile(architecture),
        {
          ...rest,
          data,
          testData: typeof raw.testData === 'string' ? raw.testData : testData,
          input: parseInputSize(raw.input),
          settings: { ...numbers, ...parseAugmentation(raw.augment) },
          cache: raw.resume !== false,
        },
        ctx,
      );
      terminal.result(trained, () => renderTrainingText(trained));
      return 0;
    }),
  );
}
