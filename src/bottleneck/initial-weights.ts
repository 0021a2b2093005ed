/** Weights of a bottleneck from data, so that it works before it is trained. */
import { createRandom } from '../core/random.js';
import { elementCount } from '../ir/graph.js';
import type { ActivationSample } from './activations.js';
import type { BottleneckSpec } from './bottleneck.js';
import { startPaperBottleneck } from './paper-weights.js';
import { type BottleneckWeights, bottleneckParameters, type DecoderKind } from './parameters.js';
import { fitSample, projectionWeights, rangeChoice, thinBlocks } from './projection-weights.js';
import { fitToCut } from './spec.js';

export interface InitialWeightsOptions {
  /** Default `residual`. */
  readonly decoder?: DecoderKind;
  /**
   * Coded bytes a sample should take: all channels then have one step, so coarse that the codes' entropy comes to this. Without it,
   * every channel has the range of least error for itself.
   */
  readonly codedBytes?: number;
  /** Of the drawn blocks and of the refinement's first layer. Default 0. */
  readonly seed?: number;
}

/**
 * A projection to the principal components of the blocks behind each place on the wire, embedded in the encoder's kernels. Where the
 * sample has gradients, errors are weighted by what they move, which is worth far more than anything else here. Every
 * channel's range mapped to [0, 6], clipped where quantizing to the given bits loses least; its inverse in the decoder. What this
 * leaves to training: `separable3x3` can only approximate the projection (the best rank one for each channel, and the best linear way
 * back), `i-split` has two stages, each started by itself.
 * @param sample activations at the cut, from training data
 * @throws IsplitError E_BOTTLENECK_SPEC
 */
export function initialWeights(
  spec: BottleneckSpec,
  sample: ActivationSample,
  options: InitialWeightsOptions = {},
): BottleneckWeights {
  const fitted = fitToCut(spec, sample.shape);
  const { decoder = 'residual', seed = 0 } = options;
  const values =
    fitted.encoder === 'i-split'
      ? startPaperBottleneck(fitted, sample, seed)
      : startProjection(fitted, sample, seed, options.codedBytes);
  if (decoder === 'residual') startRefinement(fitted, sample, seed, values);
  return { decoder, values };
}

function startProjection(
  spec: BottleneckSpec,
  sample: ActivationSample,
  seed: number,
  codedBytes: number | undefined,
): Map<string, Float32Array> {
  const { code, moments, blocks } = fitSample(sample, spec.stride, spec.channels, seed);
  return projectionWeights(spec, code, moments, thinBlocks(blocks), rangeChoice(spec, sample.shape, codedBytes));
}

/** The first layer random (He et al. 2015), the second zero: nothing is changed, and both can learn. */
function startRefinement(
  spec: BottleneckSpec,
  sample: ActivationSample,
  seed: number,
  values: Map<string, Float32Array>,
): void {
  const random = createRandom(seed);
  for (const { name, shape } of bottleneckParameters(spec, sample.shape, 'residual')) {
    if (!name.startsWith('decoder/refine')) continue;
    const data = new Float32Array(elementCount(shape));
    if (name === 'decoder/refine1/kernel') {
      const deviation = Math.sqrt((2 * (shape[0] as number)) / data.length);
      for (let i = 0; i < data.length; i++) data[i] = random.normal() * deviation;
    }
    values.set(name, data);
  }
}
