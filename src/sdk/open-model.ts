import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import path from 'node:path';
import { readModel } from '../../converters/index.js';
import { ARCHITECTURES } from '../../models/index.js';
import { cardFileOf, type ModelCard, parseModelCard } from '../artifact/model-card.js';
import { openModelFile, readJsonBeside } from '../artifact/open-model-file.js';
import type { RunContext } from '../core/context.js';
import { fail } from '../core/errors.js';
import { findNearestNames } from '../core/nearest-names.js';
import { packageRoot } from '../core/package-root.js';
import { countParameters } from '../cost/cut-cost.js';
import { type Graph, tensorOf } from '../ir/graph.js';
import { verifyGraph } from '../ir/verify.js';
import { SHAPES } from '../ops/index.js';
import { dequantizeGraph, inputQuantization, isQuantized } from '../passes/dequantize-graph.js';
import { normaliseGraph } from '../passes/normalise.js';
import { type PreprocessOptions, specFromOptions } from '../preprocess/options.js';
import type { PreprocessSpec } from '../preprocess/spec.js';

/** A model ready to be analysed. */
export interface OpenedModel {
  /** Base name, or the architecture's id. */
  readonly name: string;
  readonly format: string;
  readonly description: string;
  readonly sha256: string;
  /** As read: original layers, quantization kept. */
  readonly source: Graph;
  /** float32, batch norm folded, activations fused, batch size 1. */
  readonly network: Graph;
  /** As the model's own framework counts them. */
  readonly parameters: number;
  readonly classNames: readonly string[] | null;
  readonly card: ModelCard | undefined;
  readonly warnings: readonly string[];
}

export interface OpenModelOptions {
  /** For architectures: picture shape [height, width, channels], number of classes, seed of the weights. */
  readonly inputShape?: readonly [number, number, number] | undefined;
  readonly classes?: number | undefined;
  readonly seed?: number | undefined;
}

/**
 * Opens a model file (Keras, TF.js, ONNX, TFLite; claimed by content) or builds an architecture by name (`vgg16`, …).
 * @throws IsplitError E_MODEL_*, E_OP_UNSUPPORTED, E_SHAPE, E_GRAPH_INVALID
 */
export async function openModel(
  nameOrPath: string,
  options: OpenModelOptions = {},
  ctx: RunContext = {},
): Promise<OpenedModel> {
  const architecture = ARCHITECTURES.find((a) => a.id === nameOrPath);
  if (architecture && !existsSync(nameOrPath)) {
    const inputShape = options.inputShape ?? architecture.defaultInput;
    const built = { inputShape, classes: options.classes ?? 10, seed: options.seed ?? 0 };
    const graph = architecture.build(built);
    verifyGraph(graph, SHAPES);
    return {
      name: architecture.id,
      format: 'architecture',
      description: `${architecture.id} ${inputShape.join('x')}, untrained, seed ${built.seed}`,
      sha256: createHash('sha256')
        .update(JSON.stringify([architecture.id, built]))
        .digest('hex'),
      source: graph,
      network: normaliseGraph(graph),
      parameters: countParameters(graph),
      classNames: null,
      card: undefined,
      warnings: [
        'the weights are random: importance shows what the architecture does, not what a trained network does',
      ],
    };
  }
  if (!architecture && !existsSync(nameOrPath)) failUnknownModel(nameOrPath);
  const file = await openModelFile(nameOrPath);
  const read = await readModel(file, ctx);
  const { card, cardFile } = await readCard(nameOrPath);
  const applies = card !== undefined && card.modelSha256 === file.sha256;
  const warnings = [...read.warnings];
  if (card && !applies)
    warnings.push(`${cardFile} beside the model speaks of another file (sha256 differs); it is ignored`);
  const network = isQuantized(read.graph) ? dequantizeGraph(read.graph) : read.graph;
  if (network !== read.graph)
    warnings.push('the model is quantized: importance is measured on its dequantized float32 network');
  return {
    name: file.name,
    format: read.format,
    description: read.description,
    sha256: file.sha256,
    source: read.graph,
    network: normaliseGraph(network),
    parameters: countParameters(read.graph),
    classNames: (applies ? card.classNames : read.classNames) ?? null,
    card: applies ? card : undefined,
    warnings,
  };
}

/** The card of this file by name, else that of the folder. */
async function readCard(modelPath: string): Promise<{ card: ModelCard | undefined; cardFile: string }> {
  for (const cardFile of [cardFileOf(modelPath), 'card.json']) {
    const json = await readJsonBeside(modelPath, cardFile);
    if (json !== undefined) return { card: parseModelCard(json, cardFile), cardFile };
  }
  return { card: undefined, cardFile: 'card.json' };
}

function failUnknownModel(nameOrPath: string): never {
  const names = ARCHITECTURES.map((a) => a.id);
  const nearest = findNearestNames(nameOrPath, names);
  fail(
    'E_MODEL_READ',
    `there is no file "${nameOrPath}", nor an architecture of that name${nearest.length > 0 ? `; did you mean ${nearest.join(', ')}?` : ''}`,
    { model: nameOrPath, architectures: names },
    `Give a model file, or one of the architectures ${names.join(', ')}.`,
  );
}

/** Preprocessing of a model: options over its card over what a quantized input implies. */
export function choosePreprocess(
  model: OpenedModel,
  options: PreprocessOptions,
): { spec: PreprocessSpec; assumed: readonly string[] } {
  const shape = tensorOf(model.network, model.network.inputs[0] as string).shape.slice(1);
  const implied = inputQuantization(model.source);
  const scaled = options.inputRange !== undefined || options.mean !== undefined || options.std !== undefined;
  if (implied && !model.card && !scaled) {
    // A quantized input that takes u8 pixels: real = scale · (q − zeroPoint) with q = u8 − 128.
    const low = implied.scale * (-128 - implied.zeroPoint);
    const high = implied.scale * (127 - implied.zeroPoint);
    const chosen = specFromOptions({ ...options, inputRange: [low, high] }, shape);
    return chosen;
  }
  return specFromOptions(options, shape, model.card?.preprocess);
}

/** The embedded demo model and its samples. */
export function demoPaths(): { model: string; calibration: string; test: string } {
  const folder = path.join(packageRoot(), 'models', 'fashion-cnn');
  return {
    model: path.join(folder, 'fashion-cnn.h5'),
    calibration: path.join(folder, 'samples', 'calibration'),
    test: path.join(folder, 'samples', 'test'),
  };
}
