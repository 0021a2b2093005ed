/**
 * Stock TensorFlow.js on wasm for `npm run bench -- importance`: tfjs's own ops and its own autodiff, Grad-CAM reduced where a
 * gradient passes. Speaks the protocol of importance_torch.py.
 */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { setWasmPaths } from '@tensorflow/tfjs-backend-wasm';
import * as tf from '@tensorflow/tfjs-core';
// Registers the gradients of tfjs's kernels.
import '@tensorflow/tfjs-layers';
import type { Fusable } from '../src/ops/fused-activation.js';
import type { PoolAttrs } from '../src/ops/pooling.js';
import { type ConvAttrs, classifyPads, type Pads } from '../src/ops/window.js';
import type { NetworkFile, NetworkPaths } from './network-file.js';

type Values = Map<string, tf.Tensor>;

class Network {
  readonly #file: NetworkFile;
  readonly #constants: Values = new Map();
  readonly #x: tf.Tensor;
  readonly #seed: tf.Tensor;

  constructor(paths: NetworkPaths) {
    this.#file = JSON.parse(readFileSync(paths.graph, 'utf8')) as NetworkFile;
    const weights = readFloats(paths.weights);
    for (const node of this.#file.nodes) {
      for (const id of node.inputs) {
        const constant = this.#file.constants.find((c) => c.id === id);
        if (!constant || this.#constants.has(id)) continue;
        const size = constant.shape.reduce((a, b) => a * b, 1);
        const value = tf.tensor(weights.subarray(constant.offset, constant.offset + size), [...constant.shape]);
        // OHWI and 1HWC filters alike become tfjs's [kh, kw, in, out].
        this.#constants.set(id, value.rank === 4 ? tf.transpose(value, [1, 2, 3, 0]) : value);
      }
    }
    const shape = this.#file.inputShape;
    const size = shape.reduce((a, b) => a * b, 1);
    const feeds = readFloats(paths.feeds);
    this.#x = tf.tensor(feeds.subarray(0, size), [...shape]);
    this.#seed = tf.tensor(feeds.subarray(size), [shape[0] as number, (feeds.length - size) / (shape[0] as number)]);
  }

  get taps(): number {
    return this.#file.taps.length;
  }

  /** [tap][image] */
  async run(): Promise<number[][]> {
    const curve = new Map<string, tf.Tensor>();
    const forward = (x: tf.Tensor): tf.Scalar => {
      const values: Values = new Map([[this.#file.input, x]]);
      for (const node of this.#file.nodes) {
        const y = this.#call(node, values);
        const tapped = this.#file.taps.includes(node.output);
        values.set(node.output, tapped ? watch(y, (a, g) => curve.set(node.output, tf.keep(reduceMap(a, g)))) : y);
        if (node.output === this.#file.logits) break;
      }
      return tf.sum(tf.mul(values.get(this.#file.logits) as tf.Tensor, this.#seed));
    };
    tf.tidy(() => tf.grad(forward)(this.#x));
    const rows: number[][] = [];
    for (const tap of this.#file.taps) {
      const value = curve.get(tap) as tf.Tensor;
      rows.push([...(await value.data())]);
      value.dispose();
    }
    return rows;
  }

  #call({ kind, inputs, attrs }: NetworkFile['nodes'][number], values: Values): tf.Tensor {
    const [x, w, b] = inputs.map((id) => (values.get(id) ?? this.#constants.get(id)) as tf.Tensor);
    const image = x as tf.Tensor4D;
    switch (kind) {
      case 'conv2d':
      case 'depthwise_conv2d': {
        const conv = attrs as unknown as ConvAttrs & Fusable;
        const filter = w as tf.Tensor4D;
        const padded = padded4d(image, conv.pads, filter.shape, conv.strides, 0);
        const f = kind === 'conv2d' ? tf.conv2d : tf.depthwiseConv2d;
        const y = f(padded.x, filter, [...conv.strides], padded.padding);
        return activate(b ? tf.add(y, b) : y, conv);
      }
      case 'dense': {
        const y = tf.matMul(x as tf.Tensor2D, w as tf.Tensor2D, false, true);
        return activate(b ? tf.add(y, b) : y, attrs as Fusable);
      }
      case 'max_pool2d': {
        const pool = attrs as unknown as PoolAttrs;
        const padded = padded4d(image, pool.pads, pool.kernelSize, pool.strides, -1e30);
        return tf.maxPool(padded.x, [...pool.kernelSize], [...pool.strides], padded.padding);
      }
      case 'mean':
        return tf.mean(image, [1, 2]);
      case 'add':
        return activate(tf.add(image, w as tf.Tensor), attrs as Fusable);
      case 'relu':
        return tf.relu(image);
      case 'reshape':
        return tf.reshape(image, [image.shape[0], -1]);
      default:
        throw new Error(`no ${kind}`);
    }
  }
}

/** The identity; `see` gets its value and the gradient that comes back through it. */
function watch(y: tf.Tensor, see: (value: tf.Tensor, gradient: tf.Tensor) => void): tf.Tensor {
  const identity = tf.customGrad((input, save) => {
    const value = input as tf.Tensor;
    (save as tf.GradSaveFunc)([value]);
    return {
      value: tf.clone(value),
      gradFunc(gradient: tf.Tensor, saved: tf.Tensor[]) {
        see(saved[0] as tf.Tensor, gradient);
        return gradient;
      },
    };
  });
  return identity(y);
}

/** mean_hw relu(mean_c(mean_hw(g)_c · A_c)), one value per image. */
function reduceMap(activation: tf.Tensor, gradient: tf.Tensor): tf.Tensor {
  const [n, c] = [activation.shape[0] as number, activation.shape.at(-1) as number];
  const a = tf.reshape(activation, [n, -1, c]);
  const weights = tf.reshape(tf.mean(tf.reshape(gradient, [n, -1, c]), 1), [n, c, 1]);
  return tf.mean(tf.relu(tf.div(tf.matMul(a, weights), c)), [1, 2]);
}

function activate(y: tf.Tensor, { activation = 'none' }: Fusable): tf.Tensor {
  return activation === 'relu' ? tf.relu(y) : activation === 'relu6' ? tf.relu6(y) : y;
}

/** What tfjs pads itself stays its job. */
function padded4d(
  x: tf.Tensor4D,
  pads: Pads,
  kernel: readonly number[],
  strides: readonly [number, number],
  value: number,
): { x: tf.Tensor4D; padding: 'same' | 'valid' } {
  const [, h, w] = x.shape;
  const padding = classifyPads(pads, [h, w], [kernel[0] as number, kernel[1] as number], strides);
  if (padding !== 'explicit') return { x, padding };
  const [top, bottom, left, right] = pads;
  const edges: [[number, number], [number, number], [number, number], [number, number]] = [
    [0, 0],
    [top, bottom],
    [left, right],
    [0, 0],
  ];
  return { x: tf.pad4d(x, edges, value), padding: 'valid' };
}

function readFloats(file: string): Float32Array {
  const bytes = readFileSync(file);
  return new Float32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 4);
}

async function main(): Promise<void> {
  setWasmPaths(`${path.dirname(createRequire(import.meta.url).resolve('@tensorflow/tfjs-backend-wasm'))}${path.sep}`);
  tf.enableProdMode();
  await tf.setBackend('wasm');
  let network: Network | undefined;
  for await (const line of createInterface({ input: process.stdin })) {
    const command = JSON.parse(line) as { do: string } & NetworkPaths;
    let answer: object;
    try {
      if (command.do === 'build') {
        network = new Network(command);
        answer = { tfjs: tf.version_core, taps: network.taps };
      } else {
        const start = performance.now();
        const cui = await (network as Network).run();
        answer = { ms: performance.now() - start, cui };
      }
    } catch (error) {
      answer = { error: error instanceof Error ? (error.message.split('\n')[0] as string) : String(error) };
    }
    process.stdout.write(`${JSON.stringify(answer)}\n`);
  }
}

await main();
