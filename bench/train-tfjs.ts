/**
 * TensorFlow.js on tfjs-node for `npm run bench -- train`: tfjs's own ops, its own autodiff and its Adam. Speaks the protocol of
 * train_torch.py.
 */
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import * as tf from '@tensorflow/tfjs-core';
// Registers the gradients of tfjs's kernels.
import '@tensorflow/tfjs-layers';
import { importTfjsNode } from '../src/engines/tfjs-node.js';
import type { Conv2dTransposeAttrs } from '../src/ops/conv2d-transpose.js';
import type { Fusable } from '../src/ops/fused-activation.js';
import type { PoolAttrs } from '../src/ops/pooling.js';
import { type ConvAttrs, classifyPads } from '../src/ops/window.js';
import type { TrainFile, TrainPaths } from './train-file.js';

type Values = Map<string, tf.Tensor>;

/** Rounds; the gradient passes straight through. */
const round = tf.customGrad((x) => ({ value: tf.round(x as tf.Tensor), gradFunc: (dy: tf.Tensor) => dy }));

class Training {
  readonly #file: TrainFile;
  readonly #constants: Values = new Map();
  readonly #learnt: tf.Variable[] = [];
  readonly #adam: tf.AdamOptimizer;
  readonly #picture: tf.Tensor;
  readonly #labels: tf.Tensor;
  readonly #teacher: tf.Tensor;

  constructor(paths: TrainPaths, learningRate: number) {
    this.#adam = tf.train.adam(learningRate);
    this.#file = JSON.parse(readFileSync(paths.graph, 'utf8')) as TrainFile;
    const weights = readFloats(paths.weights);
    for (const { id, shape, offset } of this.#file.constants) {
      const size = shape.reduce((a, b) => a * b, 1);
      const value = tf.tensor(weights.slice(offset, offset + size), [...shape]);
      const own = this.#inTfjsOrder(id, value);
      const learnt = this.#file.parameters.includes(id);
      const kept = learnt ? tf.variable(own) : own;
      if (learnt) this.#learnt.push(kept as tf.Variable);
      this.#constants.set(id, kept);
    }
    const shape = this.#file.inputShape;
    const [batch] = shape as [number];
    const size = shape.reduce((a, b) => a * b, 1);
    const feeds = readFloats(paths.feeds);
    const rows = (feeds.length - size) / 2;
    this.#picture = tf.tensor(feeds.slice(0, size), [...shape]);
    this.#labels = tf.tensor(feeds.slice(size, size + rows), [batch, rows / batch]);
    this.#teacher = tf.tensor(feeds.slice(size + rows), [batch, rows / batch]);
  }

  get parameters(): number {
    return this.#learnt.reduce((sum, v) => sum + v.size, 0);
  }

  step(): number {
    const t = this.#file.temperature;
    return tf.tidy(() => {
      const loss = this.#adam.minimize(
        () => {
          const logits = this.#forward();
          const teacher = tf.logSoftmax(tf.div(this.#teacher, t));
          const ratio = tf.sub(teacher, tf.logSoftmax(tf.div(logits, t)));
          const distillation = tf.mean(tf.sum(tf.mul(tf.exp(teacher), ratio), 1));
          const crossEntropy = tf.losses.softmaxCrossEntropy(this.#labels, logits) as tf.Scalar;
          return tf.add(crossEntropy, tf.mul(distillation, t * t)) as tf.Scalar;
        },
        true,
        this.#learnt,
      ) as tf.Scalar;
      return loss.dataSync()[0] as number;
    });
  }

  /** OHWI to HWIO, and to HWOI for a transposed convolution; [out, in] to [in, out]. */
  #inTfjsOrder(id: string, value: tf.Tensor): tf.Tensor {
    const user = this.#file.nodes.find((n) => n.inputs[1] === id);
    if (user?.kind === 'conv2d') return tf.transpose(value, [1, 2, 3, 0]);
    if (user?.kind === 'conv2d_transpose') return tf.transpose(value, [1, 2, 0, 3]);
    return user?.kind === 'dense' ? tf.transpose(value) : value;
  }

  #forward(): tf.Tensor {
    const values: Values = new Map([[this.#file.input, this.#picture]]);
    for (const node of this.#file.nodes) values.set(node.output, this.#call(node, values));
    return values.get(this.#file.logits) as tf.Tensor;
  }

  #call({ kind, inputs, attrs }: TrainFile['nodes'][number], values: Values): tf.Tensor {
    const [x, w, b] = inputs.map((id) => (values.get(id) ?? this.#constants.get(id)) as tf.Tensor);
    const image = x as tf.Tensor4D;
    switch (kind) {
      case 'conv2d': {
        const conv = attrs as unknown as ConvAttrs & Fusable;
        const filter = w as tf.Tensor4D;
        const [kh, kw] = filter.shape;
        const padding = plainPadding(classifyPads(conv.pads, [image.shape[1], image.shape[2]], [kh, kw], conv.strides));
        const y = tf.conv2d(image, filter, [...conv.strides], padding);
        return activate(b ? tf.add(y, b) : y, conv);
      }
      case 'conv2d_transpose': {
        const conv = attrs as unknown as Conv2dTransposeAttrs;
        const filter = w as tf.Tensor4D;
        const [kh, kw, out] = filter.shape;
        const size: [number, number, number, number] = [image.shape[0], ...conv.outputSize, out];
        const padding = plainPadding(classifyPads(conv.pads, conv.outputSize, [kh, kw], conv.strides));
        const y = tf.conv2dTranspose(image, filter, size, [...conv.strides], padding);
        return activate(b ? tf.add(y, b) : y, conv);
      }
      case 'dense': {
        const y = tf.matMul(x as tf.Tensor2D, w as tf.Tensor2D);
        return activate(b ? tf.add(y, b) : y, attrs as Fusable);
      }
      case 'max_pool2d': {
        const pool = attrs as unknown as PoolAttrs;
        const padding = plainPadding(
          classifyPads(pool.pads, [image.shape[1], image.shape[2]], pool.kernelSize, pool.strides),
        );
        return tf.maxPool(image, [...pool.kernelSize], [...pool.strides], padding);
      }
      case 'mean':
        return tf.mean(image, [1, 2]);
      case 'add':
        return activate(tf.add(image, w as tf.Tensor), attrs as Fusable);
      case 'mul':
        return tf.mul(image, w as tf.Tensor);
      case 'round':
        return round(image);
      case 'relu':
        return tf.relu(image);
      case 'relu6':
        return tf.relu6(image);
      case 'reshape':
        return tf.reshape(image, [image.shape[0], -1]);
      default:
        throw new Error(`no ${kind}`);
    }
  }
}

function plainPadding(padding: 'same' | 'valid' | 'explicit'): 'same' | 'valid' {
  if (padding === 'explicit') throw new Error('padding that tfjs has no name for');
  return padding;
}

function activate(y: tf.Tensor, { activation = 'none' }: Fusable): tf.Tensor {
  return activation === 'relu' ? tf.relu(y) : activation === 'relu6' ? tf.relu6(y) : y;
}

function readFloats(file: string): Float32Array {
  const bytes = readFileSync(file);
  return new Float32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 4);
}

async function main(): Promise<void> {
  tf.enableProdMode();
  await importTfjsNode();
  await tf.setBackend('tensorflow');
  let training: Training | undefined;
  for await (const line of createInterface({ input: process.stdin })) {
    const command = JSON.parse(line) as { do: string; steps: number; learningRate: number } & TrainPaths;
    let answer: object;
    try {
      if (command.do === 'build') {
        training = new Training(command, command.learningRate);
        answer = { version: tf.version_core, parameters: training.parameters };
      } else {
        const start = performance.now();
        const cpu = process.cpuUsage();
        const losses: number[] = [];
        for (let i = 0; i < command.steps; i++) losses.push((training as Training).step());
        const used = process.cpuUsage(cpu);
        answer = {
          ms: (performance.now() - start) / command.steps,
          cpuMs: (used.user + used.system) / 1000 / command.steps,
          losses,
        };
      }
    } catch (error) {
      answer = { error: error instanceof Error ? (error.message.split('\n')[0] as string) : String(error) };
    }
    process.stdout.write(`${JSON.stringify(answer)}\n`);
  }
}

await main();
