import { addConstant, addNode, type LayerCall, type PrepareLayer, resolveAxis } from '../layer-call.js';

/** Folds two or more tensors from the left: ((a + b) + c) + …; partial results are `name/partial`. */
function fold(call: LayerCall, kind: 'add' | 'mul', suffix = ''): string {
  const { inputs, config } = call;
  if (inputs.length < 2) config.corrupt(`it merges ${inputs.length} tensors`);
  let merged = inputs[0] as string;
  for (let i = 1; i < inputs.length; i++) {
    const last = i === inputs.length - 1;
    merged = addNode(call, kind, [merged, inputs[i] as string], {}, last ? suffix : 'partial');
  }
  return merged;
}

/** Concatenates the tensors of a call. */
export function addConcat(call: LayerCall, inputs: readonly string[], axis: number): string {
  const first = inputs[0] ?? call.config.corrupt('it joins no tensors');
  const rank = call.builder.type(first).shape.length;
  return addNode(call, 'concat', inputs, { axis: resolveAxis(call.config, axis, rank) });
}

export const MERGE_LAYERS: Readonly<Record<string, PrepareLayer>> = {
  Add: () => (call) => fold(call, 'add'),
  Multiply: () => (call) => fold(call, 'mul'),
  Average: () => (call) => {
    const sum = fold(call, 'add', 'sum');
    return addNode(call, 'mul', [sum, addConstant(call, 'share', [], [1 / call.inputs.length])]);
  },
  Subtract: (config) => (call) => {
    if (call.inputs.length !== 2) config.corrupt(`it subtracts ${call.inputs.length} tensors`);
    return addNode(call, 'sub', call.inputs);
  },
  Concatenate(config) {
    const axis = config.number('axis', -1);
    return (call) => addConcat(call, call.inputs, axis);
  },
};
