/**
 * The int8 network in float arithmetic, on the engine: every weight is a multiple of its scale, every activation is rounded and
 * clipped to its 256 codes. It follows the integer executor to the last code or two at a hundredth of its time, so that many choices
 * can be measured. Scales are inputs of the simulated graph: trying another range compiles nothing. An output whose quantization
 * the request fixes is clipped, not rounded.
 */
import type { Engine } from '../engines/engine.js';
import { GraphBuilder } from '../ir/builder.js';
import { type Graph, type Node, tensorOf } from '../ir/graph.js';
import { SHAPES } from '../ops/index.js';
import type { FusedActivation } from '../ops/op-def.js';
import { setBatch } from '../passes/set-batch.js';
import { type LowerOptions, type QuantMap, quantizeLayer } from './lower.js';
import { type ActivationQuant, dequantizeWeights, INT8_MAX, INT8_MIN } from './quant-params.js';
import { int8Support, type QuantGroup, type SharedQuantization } from './shared-quantization.js';

/** Adding and subtracting it rounds a float32 of magnitude below 2^22 to an integer. */
export const ROUNDING = 1.5 * 2 ** 23;

export interface Simulation {
  /** Real values of the tapped tensors for one batch of exactly `batch` samples. */
  run(inputs: Float32Array, quants: QuantMap): Promise<Readonly<Record<string, Float32Array>>>;
  readonly batch: number;
  dispose(): Promise<void>;
}

export interface SimulationRequest extends SimulatedNetwork {
  readonly engine: Engine;
  readonly threads?: number | undefined;
  readonly batch: number;
  /** Tensors to return. */
  readonly taps: readonly string[];
}

interface Parameters {
  readonly group: QuantGroup;
  readonly ids: {
    readonly inverse: string;
    readonly scale: string;
    readonly high: string;
    readonly low?: string | undefined;
  };
}

/** What is simulated. */
export interface SimulatedNetwork {
  readonly shared: SharedQuantization;
  /** Decides the weights' scales; activations may differ later, in `run`. */
  readonly quants: QuantMap;
  readonly options: LowerOptions;
}

/** @throws IsplitError E_ENGINE */
export async function simulateInt8(request: SimulationRequest): Promise<Simulation> {
  const { shared, engine, threads, batch, taps } = request;
  const input = shared.graph.inputs[0] as string;
  const writer = new SimulationWriter(request, batch);
  const { builder, value } = writer;
  for (const node of writer.graph.nodes) writer.write(node);
  const outputs = taps.map((id) => value.get(id) as string);
  const compiled = await engine.compile(builder.build([...new Set(outputs)]), threads === undefined ? {} : { threads });
  return {
    batch,
    async run(inputs, current) {
      const values = await compiled.run({ [input]: inputs, ...writer.feeds(current) });
      return Object.fromEntries(taps.map((id, i) => [id, values[outputs[i] as string] as Float32Array]));
    },
    dispose: () => compiled.dispose(),
  };
}

/** A layer whose channel means are wanted. */
export interface MeanProbe {
  readonly node: Node;
  /** Its data input. */
  readonly input: string;
}

export interface MeansRequest {
  /** Batch 1. */
  readonly graph: Graph;
  readonly probes: readonly MeanProbe[];
  readonly engine: Engine;
  readonly threads: number | undefined;
  readonly batch: number;
  /** Absent: of the float network. Its graph is `graph`. */
  readonly simulation?: SimulatedNetwork;
}

export interface CompiledMeans {
  /** By node id: channel means of the output before its activation, and of the data input, over the batch and all positions. */
  run(inputs: Float32Array): Promise<ReadonlyMap<string, { output: Float32Array; input: Float32Array }>>;
  dispose(): Promise<void>;
}

/** The means are taken inside the graph: only they come out. @throws IsplitError E_ENGINE */
export async function compileMeans(request: MeansRequest): Promise<CompiledMeans> {
  const { graph, probes, engine, threads, batch, simulation } = request;
  const writer = simulation
    ? new SimulationWriter(simulation, batch)
    : new SimulationWriter({ shared: { graph, groups: [], groupOf: new Map() }, quants: new Map() }, batch);
  const { builder, value } = writer;
  const probed = new Map(probes.map((probe) => [probe.node.id, probe]));
  const means = new Map<string, { output: string; input: string }>();
  const mean = (id: string): string => {
    const axes = builder
      .type(id)
      .shape.slice(0, -1)
      .map((_, i) => i);
    return builder.op('mean', [id], { axes, keepDims: false });
  };
  for (const node of writer.graph.nodes) {
    const before = writer.write(node, probed.has(node.id));
    const probe = probed.get(node.id);
    if (probe) means.set(node.id, { output: mean(before), input: mean(value.get(probe.input) as string) });
  }
  const outputs = [...means.values()].flatMap(({ output, input }) => [output, input]);
  const compiled = await engine.compile(builder.build([...new Set(outputs)]), threads === undefined ? {} : { threads });
  const feeds = simulation ? writer.feeds(simulation.quants) : {};
  return {
    async run(inputs) {
      const values = await compiled.run({ [graph.inputs[0] as string]: inputs, ...feeds });
      return new Map(
        [...means].map(([id, { output, input }]) => [
          id,
          { output: values[output] as Float32Array, input: values[input] as Float32Array },
        ]),
      );
    },
    dispose: () => compiled.dispose(),
  };
}

/** Writes the simulated (or, without quantization, the plain float) network node by node. */
class SimulationWriter {
  readonly graph: Graph;
  readonly builder: GraphBuilder;
  /** Simulated value of each tensor written so far. */
  readonly value = new Map<string, string>();
  readonly #network: Omit<SimulatedNetwork, 'options'> & { readonly options?: LowerOptions };
  readonly #parameters = new Map<QuantGroup, Parameters>();
  readonly #rounding: string;

  constructor(network: Omit<SimulatedNetwork, 'options'> & { readonly options?: LowerOptions }, batch: number) {
    this.#network = network;
    this.graph = setBatch(network.shared.graph, batch);
    this.builder = new GraphBuilder(this.graph.name, SHAPES);
    this.#rounding = this.builder.constant('rounding', [], Float32Array.of(ROUNDING));
    for (const id of this.graph.inputs) {
      const raw = this.builder.input(id, tensorOf(this.graph, id).shape);
      this.value.set(id, this.#quantize(raw, id, false));
    }
  }

  /**
   * @param split the activation, if any, becomes a node of its own
   * @returns the value before the activation
   */
  write(node: Node, split = false): string {
    const { builder, value } = this;
    const y = node.outputs[0] as string;
    const activation = node.attrs.activation as FusedActivation | undefined;
    const isClamped = activation !== undefined && activation !== 'none';
    const inputs = this.#inputs(node);
    const attrs = split && isClamped ? { ...node.attrs, activation: 'none' } : node.attrs;
    const before = builder.op(node.kind, inputs, attrs, { id: `float:${y}` });
    const computed = split && isClamped ? builder.op(activation, [before]) : before;
    value.set(y, movesValues(node) ? computed : this.#quantize(computed, y, isClamped));
    return before;
  }

  /** Scales and limits of every group, as the inputs of the written graph. */
  feeds(quants: QuantMap): Record<string, Float32Array> {
    const feeds: Record<string, Float32Array> = {};
    for (const { group, ids } of this.#parameters.values()) {
      const { scale, zeroPoint } = quants.get(group.members[0] as string) as ActivationQuant;
      feeds[ids.inverse] = Float32Array.of(1 / scale);
      feeds[ids.scale] = Float32Array.of(scale);
      feeds[ids.high] = Float32Array.of(INT8_MAX - zeroPoint);
      if (ids.low !== undefined) feeds[ids.low] = Float32Array.of(INT8_MIN - zeroPoint);
    }
    return feeds;
  }

  #quantize(x: string, id: string, neverNegative: boolean): string {
    const group = this.#network.shared.groupOf.get(id);
    if (!group) return x;
    const { inverse, scale, low, high } = this.#parametersOf(group, neverNegative);
    const op = (kind: string, inputs: readonly string[]): string =>
      this.builder.op(kind, inputs, {}, { id: `sim:${id}` });
    // min(t, high) and max(t, low), of the kinds that every engine has.
    let steps = op('mul', [x, inverse]);
    steps = op('sub', [high, op('relu', [op('sub', [high, steps])])]);
    if (low !== undefined) steps = op('add', [low, op('relu', [op('sub', [steps, low])])]);
    // An output whose codes are given is judged by the real values: how coarse its codes are is not this network's doing.
    if (group.fixed?.why === 'output') return op('mul', [steps, scale]);
    return op('mul', [op('sub', [op('add', [steps, this.#rounding]), this.#rounding]), scale]);
  }

  #parametersOf(group: QuantGroup, neverNegative: boolean): Parameters['ids'] {
    const name = `quant:${group.members[0]}`;
    let found = this.#parameters.get(group);
    if (!found) {
      const [inverse, scale, high] = ['inverse', 'scale', 'high'].map((part) =>
        this.builder.input(`${name}/${part}`, []),
      ) as [string, string, string];
      found = { group, ids: { inverse, scale, high } };
    }
    // What is never negative needs no lower limit; an input that nothing reads would be refused by engines.
    if (!neverNegative && found.ids.low === undefined)
      found = { group, ids: { ...found.ids, low: this.builder.input(`${name}/low`, []) } };
    this.#parameters.set(group, found);
    return neverNegative ? { ...found.ids, low: undefined } : found.ids;
  }

  #inputs(node: Node): string[] {
    const { shared, quants, options } = this.#network;
    const layer = options && quantizeLayer(shared.graph, node, quants, options);
    const weights = layer && int8Support(node).weights;
    return node.inputs.map((id, i) => {
      const tensor = tensorOf(this.graph, id);
      if (!tensor.data) return this.value.get(id) as string;
      let data = tensor.data as Float32Array;
      if (weights && i === weights.input) data = dequantizeWeights(layer, tensor.shape, weights.channelAxis);
      else if (options && (!weights || i < weights.input))
        data = roundConstant(data, quants.get(id) as ActivationQuant);
      return this.builder.constant(`sim:${id}`, tensor.shape, data);
    });
  }
}

/** Ops that hand codes on as they are: nothing is rounded. */
export function movesValues(node: Pick<Node, 'kind'>): boolean {
  return ['pad', 'reshape', 'transpose', 'concat', 'max_pool2d', 'reduce_max', 'resize_nearest'].includes(node.kind);
}

function roundConstant(values: Float32Array, { scale, zeroPoint }: ActivationQuant): Float32Array {
  return values.map(
    (v) => scale * (Math.min(INT8_MAX, Math.max(INT8_MIN, Math.round(v / scale) + zeroPoint)) - zeroPoint),
  );
}
