/** What baselines are measured on and with. */
import type { StageStore } from '../../artifact/stage-store.js';
import type { Dataset } from '../../data/dataset.js';
import type { Engine } from '../../engines/engine.js';
import type { Graph } from '../../ir/graph.js';
import type { PreprocessSpec } from '../../preprocess/spec.js';
import type { SplitUnderTest } from '../evaluate-split.js';
import type { Interval, Prediction } from '../evaluation.js';
import type { PictureCodec } from './picture-codec.js';

/** Payload bytes that curves are drawn through. */
export const DEFAULT_RATES: readonly number[] = [900, 450, 225, 110];

export interface BaselineRequest {
  /** Whole float32 network, batch 1. */
  readonly network: Graph;
  readonly preprocessing: PreprocessSpec;
  readonly engine: Engine;
  readonly threads?: number | undefined;
  /** What is reported is measured on these and nothing else. */
  readonly test: Dataset;
  /** Settings are chosen on these; none of them is in `test`. At most `searchSamples` are taken. */
  readonly search: Dataset;
  readonly searchSamples?: number | undefined;
  /** Payload bytes; the split's own mean is added. */
  readonly rates: readonly number[];
  /** Default: JPEG and WebP. */
  readonly codecs?: readonly PictureCodec[] | undefined;
  /** What the baselines are compared with: its predictions on `test`, in order. */
  readonly split?: { readonly splitId: string; readonly predictions: readonly Prediction[] } | undefined;
  /** int8 head and float tail at the same cut, nothing between them: its codes are what would be sent raw. */
  readonly raw?: SplitUnderTest | undefined;
  /** The whole network in int8. */
  readonly onDevice?: OnDevice | undefined;
  /** Other networks for the same task on the device, trained on the same data and measured elsewhere. */
  readonly alternatives?: readonly AlternativeOnDevice[] | undefined;
  /** Train the classifier further on pictures as they arrive, for each codec and rate. */
  readonly fineTune?: FineTuneOptions | undefined;
  /** Where finished work is kept; absent: nowhere. */
  readonly store?: StageStore | undefined;
  /** What a stored result depends on besides the data: model, preprocessing, engine, version. */
  readonly storeInputs?: unknown;
}

export interface OnDevice {
  readonly split: SplitUnderTest;
  readonly fits: boolean | null;
  /** `flash 98 464 B, RAM 52 KB`. */
  readonly size: string;
  /** Microseconds, predicted. */
  readonly latencyUs: number | null;
}

export interface AlternativeOnDevice {
  readonly name: string;
  readonly accuracy: number;
  readonly interval: Interval | null;
  readonly fits: boolean | null;
  readonly latencyUs?: number | null;
}

export interface FineTuneOptions {
  /** Training samples; none of them is in the test or among those that settings were searched on. */
  readonly train: Dataset;
  /** `own`: at the split's own bytes alone; default: at all. */
  readonly rates?: 'all' | 'own' | undefined;
  readonly options?: FineTuneSettings | undefined;
}

export interface FineTuneSettings {
  /** Default 8, fewer for large networks. */
  readonly epochs?: number;
  /** Peak of Adam's, default 0.001. */
  readonly learningRate?: number;
  /** Default 64. */
  readonly batchSize?: number;
  /** Mirror every second picture; default true for colour pictures, where left and right mean the same. */
  readonly flip?: boolean;
  /** At most so many training samples, default 10 000. */
  readonly samples?: number;
  readonly seed?: number;
}
