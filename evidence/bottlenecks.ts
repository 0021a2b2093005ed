/** Bottlenecks that `build` trains at given cuts, shapes and wire budgets, measured on test samples. */
import { curveCases } from './curve-cases.js';
import type { Evidence } from './evidence.js';
import { renewRows } from './kept-rows.js';
import { missingSharedData } from './shared-data.js';
import { buildSplit, type SplitRow } from './split-row.js';

export interface BottleneckCase {
  readonly id: string;
  readonly network: string;
  readonly cut: string;
  readonly spec: string;
  readonly wireBytes: number;
  /** What an earlier prototype reached with as many bytes and as much of the work on the device. */
  readonly limits: readonly BottleneckLimit[];
}

export interface BottleneckLimit {
  readonly headMacsShare: number;
  readonly codedBytes: number;
  /** Accuracy lost against the whole float network, at most. */
  readonly lost: number;
}

export interface BottleneckRow extends SplitRow {
  readonly id: string;
  readonly network: string;
  readonly budgetBytes: number;
  readonly limits: readonly BottleneckLimit[];
}

export interface BottleneckFigures {
  readonly rows: readonly BottleneckRow[];
}

/** Payload bytes of the curves. */
export const CURVE_BYTES: readonly number[] = [900, 450, 225, 110];

/** The split that stands at this rate: the prototype's limit near 900 B is 880 B. */
export function budgetAt(rate: number): number {
  return rate === 900 ? 880 : rate;
}

export function bottleneckCases(): readonly BottleneckCase[] {
  const at = (
    network: string,
    cut: string,
    spec: string,
    wireBytes: number,
    ...limits: readonly BottleneckLimit[]
  ): BottleneckCase => ({ id: `${network}-${wireBytes}`, network, cut, spec, wireBytes, limits });
  const lost = (headMacsShare: number, codedBytes: number, share: number): BottleneckLimit => ({
    headMacsShare,
    codedBytes,
    lost: share,
  });
  return [
    // After the first stack; after the second it is 71 % of the multiplications before any encoder.
    at('ic_resnet8', 'activation_2', 'conv1x1-s4-c28-b8', 880, lost(0.45, 880, 0.013)),
    at('ic_resnet8', 'activation_2', 'conv1x1-s4-c28-b4', 450, lost(0.45, 455, 0.019), lost(0.7, 450, 0.015)),
    // The wire is held to its budget on validation pictures; test pictures may take some tenths of a byte more.
    at('ic_resnet8', 'activation_2', 'conv1x1-s4-c24-b4', 233, lost(0.45, 235, 0.051)),
    at('ic_resnet8', 'activation_2', 'conv1x1-s4-c24-b4', 225),
    at('ic_resnet8', 'activation_2', 'conv1x1-s4-c16-b4', 110),
    at('fashion-cnn', 'pool1', 'conv1x1-s2-c40-b4', 880),
    at('fashion-cnn', 'pool1', 'conv1x1-s2-c24-b4', 450),
    at('fashion-cnn', 'pool1', 'conv1x1-s2-c16-b4', 225),
    at('fashion-cnn', 'pool1', 'conv1x1-s2-c12-b4', 110),
  ];
}

export const bottlenecks: Evidence = {
  name: 'bottlenecks',
  summary:
    'trained bottlenecks of ic_resnet8 and fashion-cnn: accuracy against coded bytes (name some: ic_resnet8-450)',
  missing: missingSharedData,
  parts: () => bottleneckCases().map(({ id }) => id),
  async run(report, chosen = []): Promise<BottleneckFigures> {
    const cases = bottleneckCases();
    const rows = await renewRows<BottleneckRow>({
      name: 'bottlenecks',
      ids: cases.map(({ id }) => id),
      chosen,
      async measure(id, earlier) {
        const one = cases.find((c) => c.id === id) as BottleneckCase;
        const row = await measureBottleneck(one, (line) => report(`${id}: ${line}`));
        return { ...row, trainingMinutes: row.trainingMinutes ?? earlier?.trainingMinutes ?? null };
      },
    });
    return { rows };
  },
};

async function measureBottleneck(
  { id, network, cut, spec, wireBytes, limits }: BottleneckCase,
  report: (line: string) => void,
): Promise<BottleneckRow> {
  const data = curveCases().find(({ name }) => name === network);
  if (!data) throw new Error(`no data for ${network}`);
  const options = {
    ...data.options,
    data: data.training,
    ...(data.samples === undefined ? {} : { samples: data.samples }),
    testData: data.test,
    cut,
    bottleneck: spec,
    budgets: { wireBytes },
    baselines: false,
    probe: false,
  };
  const { row } = await buildSplit(data.model, `bottlenecks/${id}`, options, report);
  return { id, network, budgetBytes: wireBytes, limits, ...row };
}
