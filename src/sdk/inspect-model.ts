import { countMacs, countParameters, int8WeightBytes, nodeMacs } from '../cost/cut-cost.js';
import { arenaForeseer } from '../cost/runtime-arena.js';
import { listDevices, loadLink } from '../devices/index.js';
import { checkMemory } from '../devices/memory.js';
import { elementCount, tensorOf } from '../ir/graph.js';
import { planArena } from '../memory/plan-arena.js';
import type { OpenedModel } from './open-model.js';

export interface Inspection {
  readonly name: string;
  readonly format: string;
  readonly description: string;
  readonly sha256: string;
  readonly inputs: readonly { id: string; dtype: string; shape: readonly number[] }[];
  readonly outputs: readonly { id: string; dtype: string; shape: readonly number[] }[];
  readonly parameters: number;
  readonly macs: number;
  readonly weightBytesInt8: number;
  readonly weightBytesFloat32: number;
  readonly arenaBytesInt8: number;
  /** Number of nodes by kind, as read. */
  readonly ops: Readonly<Record<string, number>>;
  readonly layers: readonly { id: string; kind: string; shape: readonly number[]; macs: number; parameters: number }[];
  /** Whether the whole network would run on each board, with its default link. */
  readonly devices: readonly { id: string; fits: boolean; reasons: readonly string[] }[];
  readonly classNames: readonly string[] | null;
  readonly warnings: readonly string[];
}

/** The job of `isplit-edge inspect`: everything about a model that needs no data. */
export function inspectModel(model: OpenedModel): Inspection {
  const { source, network } = model;
  const describe = (id: string): { id: string; dtype: string; shape: readonly number[] } => {
    const { dtype, shape } = tensorOf(source, id);
    return { id, dtype, shape };
  };
  const ops: Record<string, number> = {};
  for (const node of source.nodes) ops[node.kind] = (ops[node.kind] ?? 0) + 1;
  const arenaBytes = planArena(network, { elementBytes: 1 }).arenaBytes;
  const weightBytes = int8WeightBytes(network);
  const foresee = arenaForeseer(network);
  return {
    name: model.name,
    format: model.format,
    description: model.description,
    sha256: model.sha256,
    inputs: source.inputs.map(describe),
    outputs: source.outputs.map(describe),
    parameters: model.parameters,
    macs: countMacs(network),
    weightBytesInt8: weightBytes,
    weightBytesFloat32: 4 * countParameters(network),
    arenaBytesInt8: arenaBytes,
    ops: Object.fromEntries(Object.entries(ops).sort(([a], [b]) => (a < b ? -1 : 1))),
    layers: network.nodes.map((node) => {
      const id = node.outputs[0] as string;
      const constants = node.inputs.filter((input) => tensorOf(network, input).data !== undefined);
      return {
        id,
        kind: node.kind,
        shape: tensorOf(network, id).shape,
        macs: nodeMacs(network, node),
        parameters: constants.reduce((n, c) => n + elementCount(tensorOf(network, c).shape), 0),
      };
    }),
    devices: listDevices().map((device) => {
      const needed = foresee(device) ?? arenaBytes;
      const fit = checkMemory(device, { arenaBytes: needed, weightBytes }, { link: loadLink(device.defaultLink) });
      return { id: device.id, fits: fit.fits, reasons: fit.reasons.map((r) => r.message) };
    }),
    classNames: model.classNames,
    warnings: model.warnings,
  };
}
