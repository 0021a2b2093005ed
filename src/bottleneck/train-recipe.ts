/** How a bottleneck is trained: which losses, how long, how fast. */
import { type Augmentation, MIXED_TOGETHER } from '../train/augment.js';
import type { AdamOptions } from '../train/training.js';
import type { WireBits } from './bottleneck.js';
import type { DecoderKind } from './parameters.js';

/** One stage; its learning rate falls along half a cosine. */
export interface StageRecipe {
  readonly epochs: number;
  /** Peak. */
  readonly learningRate: number;
  readonly finalShare?: number;
  readonly warmupSteps?: number;
  readonly adam?: AdamOptions;
}

/** A stage that learns the task from labels and from the whole network. */
export interface TaskStageRecipe extends StageRecipe {
  /** Softens both networks' answers before they are compared. */
  readonly temperature: number;
  /** Of the losses: cross entropy with the labels, divergence from the whole network's answers, relative error of the decoded activation. */
  readonly weights: { readonly crossEntropy: number; readonly distillation: number; readonly feature: number };
  readonly averageDecay?: number;
  /** Epochs without a better validation after which the stage ends, with the best of them; absent: it ends with its last epoch. */
  readonly patience?: number;
}

export interface BottleneckRecipe {
  readonly batchSize: number;
  readonly augmentation: Augmentation;
  /** Of weights that are made from activations; default `linear`. */
  readonly decoder?: DecoderKind;
  /** Encoder and decoder learn to give the activation back; 0 epochs: not. */
  readonly reconstruct: StageRecipe;
  /** Encoder, decoder and tail learn the task. */
  readonly fineTune: TaskStageRecipe;
  /** Whether the layers before the encoder learn in the second stage too; default no. */
  readonly trainHead?: boolean;
  /** Afterwards, decoder and tail on the codes of the quantized head (`settleTail`); absent: not. */
  readonly settle?: TaskStageRecipe;
}

/**
 * Lengths in steps: a set of any size is then trained for about as long, within bounds on how often a sample is seen. All of them
 * shrink for a network so large that the second stage would take more than its work.
 */
interface RecipeLengths {
  readonly reconstructSteps: number;
  readonly fineTuneSteps: number;
  readonly settleSteps: number;
  readonly mostEpochs: number;
  /** Multiply-accumulates of running the whole network forward on all samples of the second stage's steps. */
  readonly mostWork: number;
}

export const RECIPES = ['default', 'quick'] as const;
/** `quick`: for demonstrations and for studies of many cuts. */
export type RecipeName = (typeof RECIPES)[number];

const BATCH = 100;
const WARMUP_STEPS = 100;

/** Minutes on a laptop; what is trained to be compared with a bottleneck takes as much. */
export const DEFAULT_WORK = 6e12;

const LENGTHS: Readonly<Record<RecipeName, RecipeLengths>> = {
  default: { reconstructSteps: 100, fineTuneSteps: 2450, settleSteps: 200, mostEpochs: 60, mostWork: DEFAULT_WORK },
  quick: { reconstructSteps: 100, fineTuneSteps: 500, settleSteps: 0, mostEpochs: 20, mostWork: 1.5e12 },
};

/** Pictures move by at most so many pixels, and only those that are large enough for it to change little. */
const SHIFT = 2;
const SMALLEST_SHIFTED = 24;

/**
 * Few pictures are enough where they are never the same twice: `default` moves and mixes them, and asks the teacher about each. Letters
 * and digits mean another thing in a mirror, so only colour pictures are mirrored.
 */
function chooseAugmentation(
  name: RecipeName,
  [height, width, channels]: readonly [number, number, number],
): Augmentation {
  const flip = channels > 1;
  if (name === 'quick') return { flip };
  return Math.min(height, width) < SMALLEST_SHIFTED ? { flip, mix: true } : { flip, shift: SHIFT, mix: true };
}

/**
 * Peak of the second stage. Codes of 8 bits start so near to the teacher that a fast beginning does more harm than good: with 28 channels
 * and 890 B after 8 epochs the divergence of validation answers was 0.129 at 1e-3 and 0.090 at 5e-4.
 */
const LEARNING_RATE = { fine: 5e-4, coarse: 1e-3 } as const;

/**
 * So warm that whole answers are compared, not just the likeliest classes. 28 channels, 450 B, 6 epochs, divergence from the teacher on 2 000 pictures of
 * another data set (neither network ever saw their like): 0.402 at 2, 0.367 at 4, 0.371 at 8, 0.350 at 20; twice the epochs at 2: 0.369.
 * On pictures that the teacher was trained on the difference is small.
 */
const TEMPERATURE = 20;

/**
 * @param set what is trained on
 * @param macs multiply-accumulates of the whole network
 * @param bits of a code on the wire; default few
 */
export function chooseRecipe(
  name: RecipeName,
  set: { readonly count: number; readonly shape: readonly [number, number, number] },
  macs: number,
  bits?: WireBits,
): BottleneckRecipe {
  const samples = set.count;
  const lengths = LENGTHS[name];
  const batchSize = Math.min(BATCH, Math.max(1, samples - (samples % MIXED_TOGETHER)));
  const share = Math.min(1, lengths.mostWork / (lengths.fineTuneSteps * batchSize * macs));
  const epochs = (steps: number): number =>
    Math.max(1, Math.min(lengths.mostEpochs, Math.round((share * steps) / Math.floor(samples / batchSize))));
  const task = {
    temperature: TEMPERATURE,
    finalShare: 0.02,
    weights: { crossEntropy: 0.3, distillation: 1, feature: 0 },
  };
  return {
    batchSize,
    augmentation: chooseAugmentation(name, set.shape),
    reconstruct: { epochs: epochs(lengths.reconstructSteps), learningRate: 1e-3, finalShare: 0.02 },
    fineTune: {
      ...task,
      epochs: epochs(lengths.fineTuneSteps),
      learningRate: bits === 8 ? LEARNING_RATE.fine : LEARNING_RATE.coarse,
      warmupSteps: Math.round(share * WARMUP_STEPS),
    },
    ...(lengths.settleSteps > 0
      ? { settle: { ...task, epochs: epochs(lengths.settleSteps), learningRate: 1e-4 } }
      : {}),
  };
}
