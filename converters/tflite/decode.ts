/** Operators of a TFLite file → nodes, through each op's own `tflite.decode`. */
import { fail, IsplitError, Problems } from '../../src/core/errors.js';
import { GraphBuilder } from '../../src/ir/builder.js';
import { elementCount, type Graph, type Tensor } from '../../src/ir/graph.js';
import { TensorIds } from '../../src/ir/tensor-id.js';
import { verifyGraph } from '../../src/ir/verify.js';
import { OPS, SHAPES } from '../../src/ops/index.js';
import { isUnsupported, type OpDef, type TfliteDecode, type TfliteOperator } from '../../src/ops/op-def.js';
import { describeRefusals, Refusal, type RefusedOperator } from '../refused-operators.js';
import { foldedElements, foldOperator } from './fold-constants.js';
import { type DecodeState, OperatorSink } from './operator-sink.js';
import type { TfliteModel, TfliteOp } from './parse.js';
import { type FileTensor, fileTensors, MAX_EXPANSION } from './tensors.js';

/** TFLite builtin → decoder, collected from all ops. */
function decoders(): ReadonlyMap<string, TfliteDecode> {
  const map = new Map<string, TfliteDecode>();
  for (const def of Object.values(OPS) as unknown as OpDef[]) {
    if (isUnsupported(def.tflite.decode)) continue;
    for (const [builtin, decode] of Object.entries(def.tflite.decode)) map.set(builtin, decode);
  }
  return map;
}

/**
 * @param fileBytes size of the file, which bounds what its constants may expand to
 * @throws IsplitError E_OP_UNSUPPORTED with every operator that cannot be read, E_SHAPE, E_MODEL_CORRUPT, E_GRAPH_INVALID
 */
export function decodeTflite(model: TfliteModel, name: string, fileBytes: number): Graph {
  return new Decoder(model, name, fileBytes).decode();
}

class Decoder implements DecodeState {
  readonly builder: GraphBuilder;
  readonly ids = new TensorIds();
  readonly #model: TfliteModel;
  readonly #name: string;
  readonly #tensors: readonly FileTensor[];
  readonly #byId: ReadonlyMap<string, FileTensor>;
  /** Tensors the builder has. */
  readonly #known = new Set<string>();
  /** Constants computed while reading (dequantized weights), by id. */
  readonly #folded = new Map<string, Tensor>();
  readonly #refused: RefusedOperator[] = [];
  readonly #problems = new Problems();
  /** Bytes that dequantized weights may still take; files can name one constant many times. */
  #foldBudget: number;

  constructor(model: TfliteModel, name: string, fileBytes: number) {
    this.builder = new GraphBuilder(name, SHAPES);
    this.#model = model;
    this.#name = name;
    this.#foldBudget = MAX_EXPANSION * fileBytes;
    this.#tensors = fileTensors(model, fileBytes, this.ids);
    this.#byId = new Map(this.#tensors.map((t) => [t.tensor.id, t]));
  }

  decode(): Graph {
    this.#addInputs();
    const byBuiltin = decoders();
    this.#model.operators.forEach((op, index) => {
      this.#decodeOperator(op, index, byBuiltin);
    });
    if (this.#model.subgraphs > 1) {
      const names = `${this.#model.subgraphs} subgraphs (control flow)`;
      this.#refused.push({ op: names, index: -1, output: this.#name, why: 'only the first one could be read' });
    }
    if (this.#refused.length > 0) {
      throw new IsplitError([describeRefusals(this.#name, this.#refused), ...this.#problems.list]);
    }
    this.#problems.throwIfAny();
    const outputs = this.#model.outputs.map((i) => {
      const { id } = (this.#tensors[i] as FileTensor).tensor;
      this.use(id);
      return id;
    });
    const graph = this.builder.build(outputs);
    verifyGraph(graph, SHAPES);
    return graph;
  }

  use(id: string): void {
    if (this.#known.has(id)) return;
    const tensor = this.#folded.get(id) ?? this.#byId.get(id)?.tensor;
    // Inner values of a decoder are the builder's own.
    if (!tensor) return;
    if (!tensor.data) fail('E_MODEL_CORRUPT', `"${id}" is read before it is computed`, { tensor: id });
    this.#known.add(id);
    this.builder.constant(id, tensor.shape, tensor.data, tensor.dtype, tensor.quant);
  }

  define(id: string): void {
    if (this.#known.has(id) || this.#byId.get(id)?.tensor.data) {
      fail('E_MODEL_CORRUPT', `"${id}" is computed twice, or is a constant or an input`, { tensor: id });
    }
    this.#known.add(id);
  }

  #addInputs(): void {
    if (this.#model.inputs.length === 0) fail('E_MODEL_CORRUPT', `"${this.#name}" has no input`);
    for (const i of this.#model.inputs) {
      const { tensor, type } = this.#tensors[i] as FileTensor;
      if (tensor.data || this.#known.has(tensor.id)) {
        fail('E_MODEL_CORRUPT', `input "${tensor.id}" is a constant or is listed twice`, { tensor: tensor.id });
      }
      if (tensor.shape.length > 0 && tensor.shape[0] !== 1) {
        this.#problems.add(
          'E_SHAPE',
          `input "${tensor.id}" has ${tensor.shape[0]} samples baked in ([${tensor.shape}])`,
          { tensor: tensor.id, shape: tensor.shape },
          'Export the model with batch size 1 or a free batch.',
        );
      }
      if (elementCount(tensor.shape) === 0)
        fail('E_MODEL_CORRUPT', `input "${tensor.id}" is empty ([${tensor.shape}])`);
      this.#known.add(tensor.id);
      this.builder.input(tensor.id, tensor.shape, tensor.dtype, tensor.quant);
      if (type === 'STRING')
        this.#refused.push({ op: 'input', index: -1, output: tensor.id, why: 'tensor type STRING' });
    }
  }

  #decodeOperator(op: TfliteOp, index: number, byBuiltin: ReadonlyMap<string, TfliteDecode>): void {
    const label = op.builtin === 'CUSTOM' ? `CUSTOM ${op.customCode}` : op.builtin;
    const output = op.outputs.length > 0 ? (this.#tensors[op.outputs[0] as number] as FileTensor).tensor.id : '(none)';
    try {
      if (op.outputs.length === 0) throw new Refusal('it computes nothing');
      const inputs = op.inputs.map((i) => (i < 0 ? undefined : this.#current(i)));
      if (this.#fold(op, inputs)) return;
      const decode = byBuiltin.get(op.builtin);
      if (!decode) throw new Refusal(op.builtin === 'CUSTOM' ? 'custom operator' : 'operator not supported');
      this.#checkTensors(op, inputs);
      const operator: TfliteOperator = {
        builtin: op.builtin,
        version: op.version,
        options: op.options,
        inputs,
        outputs: op.outputs.map((i) => (this.#tensors[i] as FileTensor).tensor),
      };
      runDecoder(decode, operator, new OperatorSink(operator, this));
      for (const { id } of operator.outputs) {
        if (!this.#known.has(id)) throw new Refusal(`its output "${id}" is not computed`);
      }
    } catch (error) {
      if (error instanceof Refusal) {
        this.#refused.push({ op: label, index, output, why: error.message });
      } else if (error instanceof IsplitError) {
        for (const p of error.all) {
          this.#problems.add(p.code, `operator ${index} ${label} "${output}": ${p.message}`, p.context, p.hint);
        }
        if (error.code === 'E_MODEL_CORRUPT') this.#problems.throwIfAny();
      } else throw error;
      this.#assumeComputed(op);
    }
  }

  /** The tensor as later operators see it: constants folded while reading have data. */
  #current(i: number): Tensor {
    const { tensor } = this.#tensors[i] as FileTensor;
    return this.#folded.get(tensor.id) ?? tensor;
  }

  #fold(op: TfliteOp, inputs: readonly (Tensor | undefined)[]): boolean {
    const { tensor } = this.#tensors[op.outputs[0] as number] as FileTensor;
    if (op.inputs.some((i) => i >= 0 && (this.#tensors[i] as FileTensor).refusal)) return false;
    this.#foldBudget -= 4 * foldedElements(op.builtin, inputs);
    if (this.#foldBudget < 0) fail('E_MODEL_CORRUPT', `"${tensor.id}" would take more than the file can hold`);
    const result = foldOperator(op.builtin, inputs, op.options, tensor);
    if (!result) return false;
    if (this.#known.has(tensor.id) || this.#folded.has(tensor.id)) {
      fail('E_MODEL_CORRUPT', `"${tensor.id}" is computed twice`);
    }
    this.#folded.set(tensor.id, {
      id: tensor.id,
      dtype: result.data instanceof Float32Array ? 'float32' : 'int32',
      ...result,
    });
    return true;
  }

  #checkTensors(op: TfliteOp, inputs: readonly (Tensor | undefined)[]): void {
    for (const i of [...op.inputs, ...op.outputs]) {
      const found = i < 0 ? undefined : this.#tensors[i];
      if (found?.refusal) throw new Refusal(`${found.refusal} ("${found.tensor.id}")`);
    }
    const present = inputs.filter((t) => t !== undefined);
    const outputs = op.outputs.map((i) => (this.#tensors[i] as FileTensor).tensor);
    for (const tensor of [...present.filter((t) => !t.data), ...outputs]) {
      if (tensor.dtype !== 'float32' && tensor.dtype !== 'int8') throw new Refusal(`${tensor.dtype} activations`);
      if (tensor.dtype === 'int8' && tensor.quant === undefined) {
        throw new Refusal(`int8 tensor "${tensor.id}" has no quantization parameters`);
      }
      if (tensor.quant && tensor.quant.scale.length > 1) {
        throw new Refusal(`activation "${tensor.id}" is quantized per channel`);
      }
    }
    if (outputs[0]?.dtype === 'float32' && op.builtin !== 'DEQUANTIZE') {
      if (present.some((t) => t.data && t.dtype === 'int8')) {
        throw new Refusal('hybrid: int8 weights on float32 activations, which the runtime quantizes on the fly');
      }
    }
  }

  /** After a refusal the graph is lost, but reading goes on so that every refusal is reported. */
  #assumeComputed(op: TfliteOp): void {
    for (const i of op.outputs) {
      const { tensor } = this.#tensors[i] as FileTensor;
      if (this.#known.has(tensor.id) && this.builder.freshId(tensor.id) !== tensor.id) continue;
      this.#known.add(tensor.id);
      this.builder.input(tensor.id, tensor.shape, tensor.dtype, tensor.quant);
    }
  }
}

/** Decoders take shapes for granted that a damaged file breaks; what they throw then is the file's fault. */
function runDecoder(decode: TfliteDecode, operator: TfliteOperator, sink: OperatorSink): void {
  try {
    decode(operator, sink);
  } catch (error) {
    if (error instanceof Refusal || error instanceof IsplitError) throw error;
    const message = error instanceof Error ? error.message : String(error);
    throw new IsplitError({ code: 'E_MODEL_CORRUPT', message: `its tensors do not fit: ${message}` }, { cause: error });
  }
}
