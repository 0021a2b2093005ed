/** What is trained and how. Losses, gradients and the Adam step are nodes of one graph; this file holds the types that all of it shares. */
import type { Engine, Values } from '../engines/engine.js';
import type { Graph } from '../ir/graph.js';

/** A loss and what of its graph is learnt. */
export interface TrainingProblem {
  /** float32; the batch is part of its shapes. Every graph input is fed anew with every batch. */
  readonly graph: Graph;
  /** Scalar tensor [] of the graph: mean over the batch. */
  readonly loss: string;
  /** Constants of the graph that are learnt; every other constant is frozen. */
  readonly parameters: readonly string[];
  /** Of some parameters: what share of the learning rate they move by; others by all of it. */
  readonly paces?: ReadonlyMap<string, number>;
  /** Tensors returned by every step, such as logits; they are not differentiated. */
  readonly watch?: readonly string[];
  /** Constants that follow a tensor of the batch, new = momentum · old + (1 − momentum) · batch: batch norm's moving mean and variance. */
  readonly statistics?: { readonly momentum: number; readonly follow: readonly { constant: string; batch: string }[] };
  /**
   * Equal parts of a batch, of at least so many samples each, may be computed side by side and their losses, gradients and statistics averaged: all
   * of them are means over samples, exactly or, from so many samples on, nearly. Every graph input and watched tensor then has
   * a row a sample. Absent: not, as where a batch is normalised by its own statistics.
   */
  readonly smallestPart?: number;
  /** Parts have a multiple of so many samples; default 1. */
  readonly partMultiple?: number;
}

/** Everything that changes while training; vectors are packed in the order of `TrainingProblem.parameters`, each in graph layout. */
export interface TrainingState {
  /** Steps done so far. */
  readonly step: number;
  readonly parameters: Float32Array;
  /** Adam's first and second moments, uncorrected. */
  readonly firstMoment: Float32Array;
  readonly secondMoment: Float32Array;
  /** Packed in the order of `statistics.follow`; empty without. */
  readonly statistics: Float32Array;
}

/** Kingma and Ba, "Adam", ICLR 2015, algorithm 1; decoupled decay: Loshchilov and Hutter, ICLR 2019, algorithm 2. */
export interface AdamOptions {
  readonly beta1?: number;
  readonly beta2?: number;
  readonly epsilon?: number;
  readonly weightDecay?: number;
  /** Gradients are scaled down so that their global L2 norm is at most this. */
  readonly clipNorm?: number;
}

/** Batches in an order that depends on (seed, epoch) alone, so that a run can go on in the middle. */
export interface BatchSource {
  readonly batchSize: number;
  /** Full batches only: the rest of an epoch is left out (the order changes from epoch to epoch). */
  readonly batchesPerEpoch: number;
  /** @param from batches of this epoch to skip @returns one array per graph input of the problem */
  epoch(epoch: number, from: number): AsyncIterable<Values>;
}

/** Where checkpoints go; handed in by who owns a store. Bytes that cannot be read come back as undefined. */
export interface Checkpoints {
  load(): Promise<Uint8Array | undefined>;
  save(bytes: Uint8Array): Promise<void>;
}

export interface TrainOptions {
  readonly engine: Engine;
  readonly threads?: number;
  readonly epochs: number;
  /** Peak; falls to `finalShare` of it along half a cosine, after `warmupSteps` of linear rise. */
  readonly learningRate: number;
  readonly finalShare?: number;
  readonly warmupSteps?: number;
  readonly adam?: AdamOptions;
  /** Exponential moving average of the parameters, per step; the average is what is validated and returned. */
  readonly averageDecay?: number;
  /** Higher is better; called after each epoch with the parameters as they would be used. Samples that are in no batch. */
  readonly validate?: (current: TrainedValues) => Promise<number>;
  /**
   * Which epoch's parameters are returned: the one that `validate` likes best, the default, or the last one. Where the learning rate ends near
   * zero the last is the one that has converged, and the best of many measured on few samples is best by luck.
   */
  readonly keep?: 'best' | 'last';
  /** What `validate` measures, as progress shows it; default `accuracy`. */
  readonly metric?: string;
  /** Epochs without a better validation after which training ends; the best parameters are returned. Default: never early. */
  readonly patience?: number;
  readonly checkpoints?: Checkpoints;
  /** What `ProgressEvent.stage` says. */
  readonly stage: string;
}

/** Learnt constants (and followed statistics) by tensor id, in graph layout. */
export type TrainedValues = ReadonlyMap<string, Float32Array>;

export interface EpochRecord {
  readonly epoch: number;
  /** Mean over the epoch's batches. */
  readonly loss: number;
  readonly learningRate: number;
  readonly validation: number | null;
}

export interface TrainingOutcome {
  readonly values: TrainedValues;
  readonly history: readonly EpochRecord[];
  /** Epoch whose parameters are returned. */
  readonly bestEpoch: number;
}
