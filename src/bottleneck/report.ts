import type { EpochRecord } from '../train/training.js';

/** What training did; nothing in it depends on how long it took. */
export interface BottleneckReport {
  readonly trainingSamples: number;
  readonly validationSamples: number;
  /** Share of right answers on the validation samples after each stage; wire and encoder quantized. */
  readonly validation: Readonly<Record<'initial' | 'afterReconstruct' | 'afterFineTune' | 'afterSettle', number>>;
  readonly history: Readonly<Record<'reconstruct' | 'fineTune' | 'settle', readonly EpochRecord[]>>;
  /**
   * Payload on the wire. `coded`: mean over validation samples by the codec learnt on training samples. `scaledBy`: what the trained wire was
   * multiplied by so that the codes keep to the budget; 1 where they did by themselves.
   */
  readonly bytes: { readonly packed: number; readonly coded: number; readonly scaledBy: number };
}
