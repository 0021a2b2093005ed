/** What every predictor says of every cut, from training samples alone. */
import type { CutPoint } from '../../analyze/cut-points.js';
import { measureImportance } from '../../analyze/importance.js';
import { type ImportanceTable, meanScores } from '../../analyze/importance-table.js';
import { probeCuts } from '../../bottleneck/probe.js';
import type { RunContext } from '../../core/context.js';
import type { Engine } from '../../engines/engine.js';
import type { StudiedCut } from '../../evaluate/study.js';
import type { Graph } from '../../ir/graph.js';
import { findLogits } from '../../passes/logits.js';
import type { TrainingSet } from '../../train/training-set.js';
import { inBatches, selectSamples } from './select-samples.js';

/** Training samples that importance and probes look at, at most. */
const MOST_SAMPLES = 1000;
const STREAM = 11;

export interface PredictorRequest {
  readonly network: Graph;
  /** Single-tensor cuts in order of depth. */
  readonly cuts: readonly CutPoint[];
  readonly training: TrainingSet;
  readonly targetBytes: number;
  readonly engine: Engine;
  readonly threads?: number | undefined;
  readonly seed: number;
}

export interface MeasuredPredictors {
  /** In the order of the cuts. */
  readonly cuts: readonly Pick<StudiedCut, 'predictors' | 'byClass'>[];
  readonly classSamples: readonly number[];
  readonly samples: { readonly importance: number; readonly probes: number };
}

/** @throws IsplitError E_NO_CLASSES, E_LABEL_RANGE, E_HOOK_UNSUPPORTED, E_ENGINE, E_INTERRUPTED */
export async function measurePredictors(request: PredictorRequest, ctx: RunContext): Promise<MeasuredPredictors> {
  const { network, cuts, engine, threads, seed, targetBytes } = request;
  const logits = findLogits(network);
  const set = selectSamples(request.training, MOST_SAMPLES, seed + STREAM);
  const ids = cuts.map(({ tensors }) => tensors[0] as string);
  const table = await measureImportance(engine, network, logits, ids, (first) => inBatches(set, first), ctx, {
    total: set.count,
    ...(threads === undefined ? {} : { threads }),
  });
  const probes = await probeCuts(
    {
      network,
      cuts,
      samples: () => inBatches(set),
      budgetWireBytes: targetBytes,
      engine,
      seed,
      ...(threads === undefined ? {} : { threads }),
    },
    ctx,
  );
  const classes = Array.from({ length: logits.classes }, (_, c) => c);
  const scoresOf = (over?: readonly number[]): ImportanceScores => readScores(table, over);
  const overall = scoresOf();
  const perClass = classes.map((c) => scoresOf([c]));
  return {
    cuts: cuts.map(({ elements }, i) => {
      const id = ids[i] as string;
      const of = (scores: ImportanceScores): ImportanceValues => valuesOf(scores, id, elements);
      const probe = probes.cuts[i];
      const byClass = perClass.map(of);
      const column = (key: keyof ImportanceValues): (number | null)[] => byClass.map((values) => values[key]);
      return {
        predictors: { ...of(overall), depth: i, size: -elements, probe: probe?.accuracy ?? null },
        byClass: {
          cui: column('cui'),
          cuiSum: column('cuiSum'),
          margin: column('margin'),
          taylor: column('taylor'),
          probe: classes.map((c) => probe?.byClass?.[c] ?? null),
        },
      };
    }),
    classSamples: classes.map((c) => set.labels.reduce((n, label) => n + (label === c ? 1 : 0), 0)),
    samples: { importance: set.count, probes: probes.measuredOn },
  };
}

interface ImportanceScores {
  readonly taps: readonly string[];
  readonly cui: Float64Array;
  readonly margin: Float64Array;
  readonly taylor: Float64Array;
}

interface ImportanceValues {
  readonly cui: number | null;
  readonly cuiSum: number | null;
  readonly margin: number | null;
  readonly taylor: number | null;
}

function readScores(table: ImportanceTable, classes?: readonly number[]): ImportanceScores {
  const of = (score: 'cui' | 'margin' | 'taylor'): Float64Array => meanScores(table, score, classes);
  return { taps: table.taps, cui: of('cui'), margin: of('margin'), taylor: of('taylor') };
}

/** cuiSum: CUI is a mean over the activation's places; times its elements the size is taken out again. */
function valuesOf({ taps, cui, margin, taylor }: ImportanceScores, id: string, elements: number): ImportanceValues {
  const at = taps.indexOf(id);
  const value = (scores: Float64Array): number | null => {
    const found = scores[at];
    return found !== undefined && Number.isFinite(found) ? found : null;
  };
  const own = value(cui);
  return {
    cui: own,
    cuiSum: own === null ? null : own * elements,
    margin: value(margin),
    taylor: value(taylor),
  };
}
