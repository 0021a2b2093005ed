import type { Graph } from '../../src/ir/graph.js';
import { attachWire, freeBatch, type WireInput } from '../wire-tail.js';
import { encodeOnnx } from './write.js';

export interface TailOnnxOptions {
  /** Put into the metadata as `isplit.classes`, a JSON array. */
  readonly classNames?: readonly string[];
}

/**
 * tail.onnx: what the gateway runs behind a link. Inputs are the int8 wire tensors [N, …] in their own (NHWC) layout and with
 * their ids, in the order of `wire`; they are dequantized inside, scale · (q − zeroPoint) in float32. The batch N is open. The
 * output has the network's name, or `<id>/real` where the cut is the output. Metadata: `isplit.classes`, and `isplit.wire` with
 * scales and zero points for those who want to feed real values. Opset 18, any ONNX runtime; the same arguments give the same bytes.
 *
 * @param tail float32, batch 1; without nodes when the cut is the output, the whole network when it is the input
 * @throws IsplitError E_HOOK_UNSUPPORTED naming every node that cannot be written, E_SHAPE when the batch is fixed inside
 */
export function writeTailOnnx(tail: Graph, wire: readonly WireInput[], options: TailOnnxOptions = {}): Uint8Array {
  const metadata: Record<string, string> = {};
  if (options.classNames) metadata['isplit.classes'] = JSON.stringify(options.classNames);
  metadata['isplit.wire'] = JSON.stringify(wire.map(({ id, scale, zeroPoint }) => ({ id, scale, zeroPoint })));
  return encodeOnnx(freeBatch(attachWire(tail, wire)), { wire: true, metadata });
}
