import { fail } from '../../core/errors.js';
import type { CallArg, KerasCall, KerasLayer, KerasModel } from './model-config.js';

interface OrderedCall {
  readonly layer: KerasLayer;
  readonly index: number;
}

/**
 * Every call of a model's layers, each after the calls whose outputs it uses; otherwise in the file's order.
 * @throws IsplitError E_MODEL_CORRUPT when calls wait for each other or name a layer that is not there
 */
export function callOrder(model: KerasModel): OrderedCall[] {
  const layers = new Map(model.layers.map((layer) => [layer.name, layer]));
  const state = new Map<string, 'open' | 'done'>();
  const order: OrderedCall[] = [];
  for (const layer of model.layers) {
    for (let index = 0; index < layer.calls.length; index++) visit(layer, index);
  }
  return order;

  /** Depth-first with a stack of its own: a chain of 20 000 layers must not overflow the call stack. */
  function visit(layer: KerasLayer, index: number): void {
    const stack = [open(layer, index)];
    while (stack.length > 0) {
      const top = stack.at(-1) as Frame;
      const next = top.needs.pop();
      if (!next) {
        if (!top.skipped) {
          state.set(top.key, 'done');
          order.push({ layer: top.layer, index: top.index });
        }
        stack.pop();
        continue;
      }
      const needed = layers.get(next.layer);
      if (!needed) {
        fail('E_MODEL_CORRUPT', `layer "${top.layer.name}" takes its input from "${next.layer}", which does not exist`);
      }
      if (needed.className === 'InputLayer') continue;
      if (next.call >= needed.calls.length) {
        fail(
          'E_MODEL_CORRUPT',
          `layer "${top.layer.name}" uses call ${next.call} of "${next.layer}", which has ${needed.calls.length}`,
        );
      }
      if (state.get(keyOf(needed, next.call)) === 'open') {
        const names = stack.map((frame) => frame.layer.name).join(' ← ');
        fail('E_MODEL_CORRUPT', `layers wait for each other in a circle: ${names.slice(-300)}`, { layer: needed.name });
      }
      stack.push(open(needed, next.call));
    }
  }

  interface Frame {
    readonly layer: KerasLayer;
    readonly index: number;
    readonly key: string;
    readonly needs: { layer: string; call: number }[];
    readonly skipped: boolean;
  }

  function open(layer: KerasLayer, index: number): Frame {
    const key = keyOf(layer, index);
    if (state.get(key) === 'done') return { layer, index, key, needs: [], skipped: true };
    state.set(key, 'open');
    return { layer, index, key, needs: neededCalls(layer.calls[index] as KerasCall).reverse(), skipped: false };
  }
}

function keyOf(layer: KerasLayer, index: number): string {
  return `${layer.name}\u0000${index}`;
}

function neededCalls(call: KerasCall): { layer: string; call: number }[] {
  const needs: { layer: string; call: number }[] = [];
  const collect = (arg: CallArg): void => {
    if ('ref' in arg) needs.push(arg.ref);
    else if ('list' in arg) arg.list.forEach(collect);
  };
  call.args.forEach(collect);
  for (const arg of call.kwargs.values()) collect(arg);
  return needs;
}
