/** Training-free probes: what accuracy is left at a cut when its activation is compressed to the wire budget and nothing is trained. */
import { type RunContext, throwIfAborted } from '../core/context.js';
import { createRandom } from '../core/random.js';
import { wilsonInterval } from '../core/statistics.js';
import type { Engine } from '../engines/engine.js';
import { elementCount, type Graph, tensorOf } from '../ir/graph.js';
import type { ActivationSample } from './activations.js';
import { collectTaps } from './activations.js';
import type { BottleneckSpec, WireBits } from './bottleneck.js';
import { type FrozenVariant, type LabelledInputs, measureFrozenTails } from './frozen-tails.js';
import { insertBottleneck } from './insert.js';
import { projectionWeights, QUICK } from './projection-weights.js';
import { type MeasuredShape, measureShapes } from './rate-distortion.js';
import { formatBottleneck } from './spec.js';

export interface ProbeRequest {
  /** Normalised, float32, batch 1. */
  readonly network: Graph;
  readonly cuts: readonly { readonly id: string; readonly tensors: readonly string[] }[];
  /** Starts anew each time; in an order that is always the same. */
  readonly samples: () => AsyncIterable<LabelledInputs>;
  /** Payload of one sample after coding. */
  readonly budgetWireBytes: number;
  readonly engine: Engine;
  readonly threads?: number;
  readonly seed?: number;
}

/** One cut's probe. */
export interface CutProbe {
  readonly cut: string;
  /** Share of right answers; null for several tensors and where no code meets the budget. */
  readonly accuracy: number | null;
  /** Wilson, 95 %. */
  readonly interval: readonly [number, number] | null;
  /** By class: share of right answers, null without samples; null as a whole without a probe. */
  readonly byClass: readonly (number | null)[] | null;
  /** Samples measured; none of those the projection was fitted to. */
  readonly samples: number;
  /** What was compressed to; null: the raw int8 tensor, which meets the budget as it is. */
  readonly bottleneck: BottleneckSpec | null;
  /** `conv1x1-s2-c8-b2`, or `int8` for the raw tensor; null without a probe. */
  readonly code: string | null;
  /** Planned payload: entropy of the codes channel by channel, of the raw tensor its size. */
  readonly codedBytes: number | null;
  /** Share of the activation's variance that does not come back. */
  readonly lostShare: number | null;
}

export interface Probes {
  readonly cuts: readonly CutProbe[];
  readonly fittedOn: number;
  readonly measuredOn: number;
  /** Accuracy of the whole network on the measured samples. */
  readonly full: number;
}

/** With one step for all channels and entropy coding, more bits are only room for rare values: 4 is enough at every budget tried. */
const PROBED_BITS: readonly WireBits[] = [4];
/** This part of the samples, drawn at random, gives the projections, up to a number and a size; the others are measured. */
const FITTED_SHARE = 1 / 3;
const MOST_FITTED = 256;
const MOST_FITTED_VALUES = 2 ** 24;
/** Activations held at once: 64 MB, and as much of gradients. */
const GROUP_VALUES = 2 ** 24;
const FEWEST_FITTED = 8;

/**
 * @returns one probe a cut, in their order
 * @throws IsplitError E_NO_CLASSES, E_DATA_EMPTY, E_ENGINE, E_INTERRUPTED
 */
export async function probeCuts(request: ProbeRequest, ctx: RunContext = {}): Promise<Probes> {
  const { network, cuts, engine, threads, seed = 0 } = request;
  const input = network.inputs[0] as string;
  const inputElements = elementCount(tensorOf(network, input).shape);
  const roles = assignRoles(request.samples, inputElements, seed);
  const fitted = await roles.fitted();
  const single = cuts.filter((cut) => cut.tensors.length === 1).map((cut) => cut.tensors[0] as string);
  const plans = new Map<string, ProbePlan>();
  for (const group of groupCuts(network, single, fitted.count)) {
    throwIfAborted(ctx);
    const options = { engine, ...(threads === undefined ? {} : { threads }), most: group.most };
    const taps = await collectTaps(network, group.cuts, oneBatch(fitted), options, ctx);
    for (const [cut, sample] of taps) plans.set(cut, planProbe(network, cut, sample, request));
  }
  const planned = single.map((cut) => plans.get(cut) as ProbePlan).filter((plan) => plan.variant !== undefined);
  const measured = await measureFrozenTails(
    network,
    planned.map((plan) => plan.variant as FrozenVariant),
    roles.measured(),
    { engine, ...(threads === undefined ? {} : { threads }) },
    ctx,
  );
  return {
    cuts: cuts.map(({ id, tensors }): CutProbe => {
      const plan = tensors.length === 1 ? plans.get(tensors[0] as string) : undefined;
      const at = plan ? planned.indexOf(plan) : -1;
      if (!plan || at < 0) {
        return {
          cut: id,
          accuracy: null,
          interval: null,
          byClass: null,
          samples: 0,
          bottleneck: null,
          code: null,
          codedBytes: null,
          lostShare: null,
        };
      }
      const correct = measured.correct[at] as number;
      return {
        cut: id,
        accuracy: correct / measured.samples,
        interval: wilsonInterval(correct, measured.samples),
        byClass: measured.samplesByClass.map((n, c) =>
          n === 0 ? null : (measured.correctByClass[at]?.[c] as number) / n,
        ),
        samples: measured.samples,
        bottleneck: plan.shape?.spec ?? null,
        code: plan.shape ? formatBottleneck(plan.shape.spec) : 'int8',
        codedBytes: plan.codedBytes,
        lostShare: plan.shape?.lostShare ?? 0,
      };
    }),
    fittedOn: fitted.count,
    measuredOn: measured.samples,
    full: measured.full / measured.samples,
  };
}

interface ProbePlan {
  /** undefined when no code meets the budget. */
  readonly variant: FrozenVariant | undefined;
  readonly shape: Pick<MeasuredShape, 'spec' | 'lostShare'> | undefined;
  readonly codedBytes: number | null;
}

function planProbe(network: Graph, cut: string, sample: ActivationSample, request: ProbeRequest): ProbePlan {
  const { budgetWireBytes, seed = 0 } = request;
  const elements = elementCount(sample.shape);
  if (elements <= budgetWireBytes) {
    return { variant: { kind: 'raw', cut, ...rawQuantization(sample) }, shape: undefined, codedBytes: elements };
  }
  if (sample.shape.length !== 1 && sample.shape.length !== 3) {
    return { variant: undefined, shape: undefined, codedBytes: null };
  }
  const [best] = measureShapes(sample, { budgetWireBytes, bits: PROBED_BITS, seed, effort: QUICK });
  if (!best) return { variant: undefined, shape: undefined, codedBytes: null };
  const values = projectionWeights(best.spec, best.code, best.moments, best.blocks, () => best.ranges);
  const inserted = insertBottleneck(network, cut, best.spec, { decoder: 'linear', values });
  return { variant: { kind: 'bottleneck', cut, network: inserted }, shape: best, codedBytes: best.codedBytes };
}

/** int8 over the values seen, zero included. */
function rawQuantization({ values }: ActivationSample): { scale: number; zeroPoint: number } {
  let low = 0;
  let high = 0;
  for (const v of values) {
    if (v < low) low = v;
    if (v > high) high = v;
  }
  const scale = high > low ? Math.fround((high - low) / 255) : 1;
  return { scale, zeroPoint: Math.min(127, Math.max(-128, Math.round(-128 - low / scale))) };
}

/** Cuts whose activations are held together, in order of depth. */
function groupCuts(
  network: Graph,
  cuts: readonly string[],
  count: number,
): { readonly cuts: string[]; readonly most: number }[] {
  const groups: { cuts: string[]; most: number; values: number }[] = [];
  for (const cut of cuts) {
    const elements = elementCount(tensorOf(network, cut).shape);
    const most = Math.min(count, Math.max(FEWEST_FITTED, Math.floor(GROUP_VALUES / elements)));
    const last = groups.at(-1);
    if (last && last.most === most && last.values + elements * most <= GROUP_VALUES) {
      last.cuts.push(cut);
      last.values += elements * most;
    } else groups.push({ cuts: [cut], most, values: elements * most });
  }
  return groups;
}

interface Roles {
  fitted(): Promise<LabelledInputs>;
  measured(): AsyncIterable<LabelledInputs>;
}

/** Every sample is drawn for one of the two roles by its place alone. */
function assignRoles(samples: ProbeRequest['samples'], inputElements: number, seed: number): Roles {
  const most = Math.max(FEWEST_FITTED, Math.min(MOST_FITTED, Math.floor(MOST_FITTED_VALUES / inputElements)));
  const chooser = (): (() => boolean) => {
    const random = createRandom(seed);
    let fitted = 0;
    return () => {
      // The very first sample, so that there is one.
      const chosen = (random.next() < FITTED_SHARE || fitted === 0) && fitted < most;
      if (chosen) fitted++;
      return chosen;
    };
  };
  async function* select(wantFitted: boolean): AsyncGenerator<LabelledInputs> {
    const isFitted = chooser();
    for await (const { count, inputs, labels } of samples()) {
      const rows = Array.from({ length: count }, (_, i) => i).filter(() => isFitted() === wantFitted);
      const kept = new Float32Array(rows.length * inputElements);
      rows.forEach((row, i) => {
        kept.set(inputs.subarray(row * inputElements, (row + 1) * inputElements), i * inputElements);
      });
      yield { count: rows.length, inputs: kept, labels: Int32Array.from(rows, (row) => labels[row] as number) };
    }
  }
  return {
    async fitted() {
      const parts: LabelledInputs[] = [];
      let count = 0;
      for await (const part of select(true)) {
        parts.push(part);
        count += part.count;
        if (count === most) break;
      }
      const inputs = new Float32Array(count * inputElements);
      const labels = new Int32Array(count);
      let at = 0;
      for (const part of parts) {
        inputs.set(part.inputs, at * inputElements);
        labels.set(part.labels, at);
        at += part.count;
      }
      return { count, inputs, labels };
    },
    measured: () => select(false),
  };
}

async function* oneBatch(batch: LabelledInputs): AsyncGenerator<LabelledInputs> {
  yield batch;
}
