import { addNode, type GraphBuild, type Handler, imageSize } from './graph-build.js';
import type { GraphNode } from './graph-node.js';
import { requireNhwc, spatialPair, windowPads } from './ops-conv.js';

const unary =
  (kind: string): Handler =>
  (node, build) => ({ tensor: addNode(build, node, kind, [build.tensor(node, 0)]) });

const binary =
  (kind: string): Handler =>
  (node, build) => ({ tensor: addNode(build, node, kind, [build.tensor(node, 0), build.tensor(node, 1)]) });

const divide: Handler = (node, build) => {
  const by = build.requireConstant(node, 1, 'the divisor');
  const reciprocal = build.addConstant(
    node,
    'reciprocal',
    by.shape,
    by.data.map((v) => 1 / v),
  );
  return { tensor: addNode(build, node, 'mul', [build.tensor(node, 0), reciprocal]) };
};

const addN: Handler = (node, build) => {
  let sum = build.tensor(node, 0);
  for (let i = 1; i < node.inputs.length; i++) {
    const last = i === node.inputs.length - 1;
    sum = addNode(build, node, 'add', [sum, build.tensor(node, i)], {}, last ? '' : 'partial');
  }
  return { tensor: sum };
};

const leakyRelu: Handler = (node, build) => ({
  tensor: addNode(build, node, 'leaky_relu', [build.tensor(node, 0)], { alpha: node.number('alpha') }),
});

const softmax: Handler = (node, build) => ({
  tensor: addNode(build, node, 'softmax', [build.tensor(node, 0)], { axis: -1 }),
});

const pool =
  (kind: 'max_pool2d' | 'avg_pool2d'): Handler =>
  (node: GraphNode, build: GraphBuild) => {
    requireNhwc(node);
    const x = build.tensor(node, 0);
    const kernelSize = spatialPair(node, 'kernelSize');
    const strides = spatialPair(node, 'strides');
    const pads = windowPads(node, imageSize(build, node, x), kernelSize, strides);
    return { tensor: addNode(build, node, kind, [x], { kernelSize, strides, pads }) };
  };

/** Same value under another name. */
const alias: Handler = (node, build) => {
  const constant = build.constantOf(node, 0);
  return constant ? { constant } : { tensor: build.tensor(node, 0) };
};

export const ELEMENTWISE_OPS: Readonly<Record<string, Handler>> = {
  Abs: unary('abs'),
  Add: binary('add'),
  AddN: addN,
  AddV2: binary('add'),
  AvgPool: pool('avg_pool2d'),
  Div: divide,
  Exp: unary('exp'),
  Identity: alias,
  LeakyRelu: leakyRelu,
  Log: unary('log'),
  MaxPool: pool('max_pool2d'),
  Mul: binary('mul'),
  RealDiv: divide,
  Relu: unary('relu'),
  Relu6: unary('relu6'),
  Round: unary('round'),
  Sigmoid: unary('sigmoid'),
  Softmax: softmax,
  Sqrt: unary('sqrt'),
  StopGradient: alias,
  Sub: binary('sub'),
  Tanh: unary('tanh'),
};
