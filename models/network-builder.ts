/** Layers with seeded initialisation, shared by the architecture builders of models/. */
import { createRandom, type Random } from '../src/core/random.js';
import { GraphBuilder } from '../src/ir/builder.js';
import { elementCount, type Graph } from '../src/ir/graph.js';
import { SHAPES } from '../src/ops/index.js';
import { resolvePads } from '../src/ops/window.js';

export interface ArchitectureOptions {
  /** [height, width, channels] of one picture. */
  readonly inputShape: readonly [number, number, number];
  readonly classes: number;
  readonly seed: number;
  /** Batch norm in architectures that have it as an option (vgg16); others ignore it. */
  readonly batchNorm?: boolean;
  /**
   * True: batch norms start as the identity (gamma 1, beta 0, mean 0, variance 1), as training wants them. Else they have drawn statistics,
   * so that folding has something to do.
   */
  readonly forTraining?: boolean;
}

/** Builds an untrained network of the named architecture: same options, same weights. */
export interface Architecture {
  readonly id: string;
  readonly source: string;
  readonly defaultInput: readonly [number, number, number];
  /** Height and width below which layers have nothing left to look at. */
  readonly smallestInput: number;
  build(options: ArchitectureOptions): Graph;
}

type Activation = 'relu' | 'relu6' | 'none';
type Padding = 'same' | 'valid' | number;

export interface ConvOptions {
  readonly stride?: number | readonly [number, number];
  readonly padding?: Padding;
  /** A bias instead of batch norm. */
  readonly bias?: boolean;
  readonly activation?: Activation;
}

/** Adds named layers; a layer's output id is its name, as Keras Applications names them. */
export class NetworkBuilder {
  readonly graph: GraphBuilder;
  readonly #random: Random;
  readonly #identityNorms: boolean;

  constructor(id: string, options: ArchitectureOptions) {
    this.graph = new GraphBuilder(id, SHAPES);
    this.#identityNorms = options.forTraining ?? false;
    this.#random = createRandom(options.seed);
  }

  input([h, w, c]: readonly [number, number, number]): string {
    return this.graph.input('input', [1, h, w, c]);
  }

  /** conv → batch norm → activation; the three layers are `name`, `name_bn`, `name_relu` (the last one when there is an activation). */
  convBn(
    name: string,
    x: string,
    filters: number,
    kernel: number | readonly [number, number],
    options: ConvOptions = {},
  ): string {
    const y = this.#conv(name, 'conv2d', x, filters, kernel, options);
    return this.#activate(name, this.batchNorm(`${name}_bn`, y), options.activation ?? 'relu');
  }

  /** conv with bias and fused activation: one layer `name`. */
  conv(
    name: string,
    x: string,
    filters: number,
    kernel: number | readonly [number, number],
    options: ConvOptions = {},
  ): string {
    const activation = options.activation ?? 'relu';
    const y = this.#conv(activation === 'none' ? name : `${name}/linear`, 'conv2d', x, filters, kernel, {
      ...options,
      bias: true,
    });
    return activation === 'none' ? y : this.graph.op(activation, [y], {}, { id: name });
  }

  depthwiseBn(name: string, x: string, kernel: number | readonly [number, number], options: ConvOptions = {}): string {
    const channels = this.graph.type(x).shape[3] as number;
    const y = this.#conv(name, 'depthwise_conv2d', x, channels, kernel, options);
    return this.#activate(name, this.batchNorm(`${name}_bn`, y), options.activation ?? 'relu');
  }

  dense(name: string, x: string, units: number, activation: Activation = 'none'): string {
    const inputs = this.graph.type(x).shape.at(-1) as number;
    const weights = this.#weights(`${name}/kernel`, [units, inputs], inputs, activation === 'none' ? 1 : 2);
    const bias = this.graph.constant(`${name}/bias`, [units], new Float32Array(units));
    const y = this.graph.op('dense', [x, weights, bias], {}, { id: activation === 'none' ? name : `${name}/linear` });
    return activation === 'none' ? y : this.graph.op(activation, [y], {}, { id: name });
  }

  /** conv → batch norm → activation as one layer: its output is `name`, as that of `conv`; inside are `name/linear` and `name/bn`. */
  convBnInside(name: string, x: string, filters: number, kernel: number | readonly [number, number]): string {
    const y = this.#conv(`${name}/linear`, 'conv2d', x, filters, kernel, {});
    return this.graph.op('relu', [this.batchNorm(`${name}/bn`, y)], {}, { id: name });
  }

  /** Inference statistics near those of a trained layer, seeded; or the identity, for training. */
  batchNorm(name: string, x: string): string {
    const c = this.graph.type(x).shape[3] as number;
    const draw = (suffix: string, start: number, f: () => number): string =>
      this.graph.constant(
        `${name}/${suffix}`,
        [c],
        Float32Array.from({ length: c }, () => (this.#identityNorms ? start : f())),
      );
    const gamma = draw('gamma', 1, () => 0.9 + 0.2 * this.#random.next());
    const beta = draw('beta', 0, () => 0.1 * this.#random.normal());
    const mean = draw('moving_mean', 0, () => 0.1 * this.#random.normal());
    const variance = draw('moving_variance', 1, () => 0.8 + 0.4 * this.#random.next());
    return this.graph.op('batch_norm', [x, gamma, beta, mean, variance], { epsilon: 1e-3 }, { id: name });
  }

  maxPool(name: string, x: string, size: number, stride: number, padding: Padding = 'valid'): string {
    const [, h, w] = this.graph.type(x).shape as [number, number, number];
    return this.graph.op(
      'max_pool2d',
      [x],
      {
        kernelSize: [size, size],
        strides: [stride, stride],
        pads: this.#pads(padding, h, w, [size, size], [stride, stride]),
      },
      { id: name },
    );
  }

  globalAveragePool(name: string, x: string): string {
    return this.graph.op('mean', [x], { axes: [1, 2], keepDims: false }, { id: name });
  }

  flatten(name: string, x: string): string {
    return this.graph.op('reshape', [x], { shape: [-1, elementCount(this.graph.type(x).shape)] }, { id: name });
  }

  add(name: string, a: string, b: string, activation: Activation = 'none'): string {
    const y = this.graph.op('add', [a, b], {}, { id: name });
    return this.#activate(name, y, activation);
  }

  softmax(name: string, x: string): Graph {
    return this.graph.build([this.graph.op('softmax', [x], { axis: -1 }, { id: name })]);
  }

  #activate(name: string, x: string, activation: Activation): string {
    return activation === 'none' ? x : this.graph.op(activation, [x], {}, { id: `${name}_relu` });
  }

  #conv(
    name: string,
    kind: 'conv2d' | 'depthwise_conv2d',
    x: string,
    filters: number,
    kernel: number | readonly [number, number],
    options: ConvOptions,
  ): string {
    const [, h, w, c] = this.graph.type(x).shape as [number, number, number, number];
    const size = typeof kernel === 'number' ? ([kernel, kernel] as const) : kernel;
    const strides =
      typeof options.stride === 'number'
        ? ([options.stride, options.stride] as const)
        : (options.stride ?? ([1, 1] as const));
    const depthwise = kind === 'depthwise_conv2d';
    const shape = depthwise ? [1, ...size, filters] : [filters, ...size, c];
    const gain = (options.activation ?? 'relu') === 'none' ? 1 : 2;
    const weights = this.#weights(`${name}/kernel`, shape, size[0] * size[1] * (depthwise ? 1 : c), gain);
    const inputs = [x, weights];
    if (options.bias) inputs.push(this.graph.constant(`${name}/bias`, [filters], new Float32Array(filters)));
    const attrs = { strides, dilations: [1, 1], pads: this.#pads(options.padding ?? 'same', h, w, size, strides) };
    return this.graph.op(kind, inputs, attrs, { id: name });
  }

  #pads(
    padding: Padding,
    h: number,
    w: number,
    size: readonly [number, number],
    strides: readonly [number, number],
  ): number[] {
    if (typeof padding === 'number') return [padding, padding, padding, padding];
    return resolvePads(padding, [h, w], size, strides);
  }

  /** Normal with variance gain / fan-in. Source: He et al., "Delving Deep into Rectifiers", ICCV 2015. */
  #weights(name: string, shape: readonly number[], fanIn: number, gain: number): string {
    const deviation = Math.sqrt(gain / fanIn);
    const data = new Float32Array(elementCount(shape));
    for (let i = 0; i < data.length; i++) data[i] = this.#random.normal() * deviation;
    return this.graph.constant(name, shape, data);
  }
}
