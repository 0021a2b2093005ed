import { fail } from '../core/errors.js';
import { elementCount, type Graph, isConstant, type Node, type Tensor, tensorOf } from '../ir/graph.js';
import { opDef } from '../ops/index.js';
import { isUnsupported, type TfliteEncoder, type TfliteOperatorSpec } from '../ops/op-def.js';
import type { TflmModel, TflmOperator, TflmTensor } from './tflm-model.js';

export interface DescribeOptions {
  /** Describe a float32 graph as it will be once quantized. Default true; graphs that are int8 stay as they are. */
  readonly quantized?: boolean;
  /** Fully connected weights have a scale an output channel. Default true. */
  readonly perChannelDense?: boolean;
}

/**
 * What TFLite-Micro will see of a head that has not been written yet, so that a cut can be judged before quantization.
 * @param graph batch 1, every node one TFLite operator (legalised), float32 or int8
 * @throws IsplitError E_HOOK_UNSUPPORTED when a node has no TFLite operator
 */
export function describeGraphForTflm(graph: Graph, options: DescribeOptions = {}): TflmModel {
  return new GraphDescriber(graph, options).describe();
}

/** Scales of a tensor and bytes of an element. */
type Storage = Pick<TflmTensor, 'bytesPerElement' | 'channels'>;

const BYTES: Readonly<Record<Tensor['dtype'], number>> = { float32: 4, int8: 1, uint8: 1, int16: 2, int32: 4, bool: 1 };

/** An activation, or a constant among activations, after quantization. */
const AS_INT8: Storage = { bytesPerElement: BYTES.int8, channels: 1 };

/** Tensors in the order in which the writer (converters/tflite/write.ts) puts them: the planner breaks ties by it. */
class GraphDescriber {
  readonly #graph: Graph;
  readonly #quantized: boolean;
  readonly #weights: ReadonlyMap<string, Storage>;
  readonly #tensors: TflmTensor[] = [];
  readonly #places = new Map<string, number>();
  readonly #made = new Map<string, string>();

  constructor(graph: Graph, options: DescribeOptions) {
    this.#graph = graph;
    this.#quantized = options.quantized ?? true;
    this.#weights = this.#quantized ? weightStorage(graph, options.perChannelDense ?? true) : new Map();
  }

  describe(): TflmModel {
    const { inputs, outputs, nodes } = this.#graph;
    for (const id of inputs) this.#place(id);
    const operators = nodes.map((node) => this.#operator(node));
    return {
      tensors: this.#tensors,
      operators,
      inputs: inputs.map((id) => this.#place(id)),
      outputs: outputs.map((id) => this.#place(id)),
    };
  }

  #operator(node: Node): TflmOperator {
    for (const id of node.inputs) this.#place(id);
    const { encode } = opDef(node.kind).tflite;
    if (isUnsupported(encode)) return this.#refuse(node, encode.unsupported);
    const spec: TfliteOperatorSpec = encode(this.#encoder(node), node.attrs);
    const outputs = node.outputs.map((id) => this.#place(id));
    return {
      builtin: spec.builtin,
      options: spec.options,
      inputs: spec.inputs.map((id) => (id === undefined ? -1 : this.#place(id))),
      outputs,
    };
  }

  #encoder(node: Node): TfliteEncoder {
    const inputs = node.inputs.map((id) => tensorOf(this.#graph, id));
    const make = (suffix: string, tensor: Omit<TflmTensor, 'constant' | 'variable'>, content: string): string => {
      const known = this.#made.get(content);
      if (known !== undefined) return known;
      const id = `${node.id}/${suffix}\0`;
      this.#made.set(content, id);
      this.#places.set(id, this.#tensors.length);
      this.#tensors.push({ ...tensor, constant: true, variable: false });
      return id;
    };
    return {
      inputs,
      outputs: node.outputs.map((id) => tensorOf(this.#graph, id)),
      int32s: (suffix, shape, values) =>
        make(suffix, { dims: shape, bytesPerElement: BYTES.int32, channels: 0 }, `int32|${shape}|${values}`),
      constant: (suffix, { shape, dtype, data, quant }) => {
        const asInt8 = this.#quantized && dtype === 'float32';
        const content = `${dtype}|${shape}|${data}|${quant?.scale}|${quant?.zeroPoint}`;
        const storage = asInt8 ? AS_INT8 : { bytesPerElement: BYTES[dtype], channels: quant?.scale.length ?? 0 };
        return make(suffix, { dims: shape, ...storage }, content);
      },
      refuse: (why) => this.#refuse(node, why),
    };
  }

  #place(id: string): number {
    const known = this.#places.get(id);
    if (known !== undefined) return known;
    const place = this.#tensors.length;
    this.#places.set(id, place);
    this.#tensors.push({
      dims: tensorOf(this.#graph, id).shape,
      ...this.#storage(id),
      constant: isConstant(this.#graph, id),
      variable: false,
    });
    return place;
  }

  #storage(id: string): Storage {
    const { dtype, quant } = tensorOf(this.#graph, id);
    if (dtype !== 'float32' || !this.#quantized) {
      return { bytesPerElement: BYTES[dtype], channels: quant?.scale.length ?? 0 };
    }
    return this.#weights.get(id) ?? AS_INT8;
  }

  #refuse(node: Node, why: string): never {
    return fail('E_HOOK_UNSUPPORTED', `${node.kind} (${node.id}) has no TFLite operator: ${why}`, { node: node.id });
  }
}

/** Weights and biases as the quantizer will store them: int8 with a scale a channel, int32 with as many. */
function weightStorage(graph: Graph, perChannelDense: boolean): Map<string, Storage> {
  const storage = new Map<string, Storage>();
  for (const node of graph.nodes) {
    const { int8 } = opDef(node.kind);
    if (isUnsupported(int8) || !int8.weights) continue;
    const { input, channelAxis, bias } = int8.weights;
    const weights = node.inputs[input];
    if (weights === undefined || !isConstant(graph, weights)) continue;
    const { shape } = tensorOf(graph, weights);
    const channels = node.kind === 'dense' && !perChannelDense ? 1 : (shape[channelAxis] ?? elementCount(shape));
    storage.set(weights, { bytesPerElement: BYTES.int8, channels });
    const biasId = node.inputs[bias];
    if (biasId !== undefined) storage.set(biasId, { bytesPerElement: BYTES.int32, channels });
  }
  return storage;
}
