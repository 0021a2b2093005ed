import { fail } from '../core/errors.js';
import type { Operands } from './tflm-kernels.js';

/** Sizes of a convolution or pooling, as kernel libraries compute scratch from them. */
export interface WindowSizes {
  readonly input: { readonly height: number; readonly width: number; readonly channels: number };
  readonly filter: { readonly height: number; readonly width: number };
  readonly output: { readonly height: number; readonly width: number; readonly channels: number };
  readonly stride: { readonly height: number; readonly width: number };
  readonly dilation: { readonly height: number; readonly width: number };
  /** Rows above and columns before. */
  readonly pad: { readonly height: number; readonly width: number };
}

/** Sizes of a CONV_2D or DEPTHWISE_CONV_2D. */
export function convolutionSizes({ operator, input, output }: Operands): WindowSizes {
  const area = (dims: readonly number[]) => ({
    height: dims[1] as number,
    width: dims[2] as number,
    channels: dims[3] as number,
  });
  const source = area(input(0).dims);
  const filter = area(input(1).dims);
  const target = area(output.dims);
  const stride = { height: numberOption(operator, 'stride_h', 1), width: numberOption(operator, 'stride_w', 1) };
  const dilation = {
    height: numberOption(operator, 'dilation_h_factor', 1),
    width: numberOption(operator, 'dilation_w_factor', 1),
  };
  const same = operator.options.padding !== 'VALID';
  // lite/kernels/padding.h ComputePadding: the smaller half stands before.
  const before = (side: 'height' | 'width'): number => {
    const reach = (filter[side] - 1) * dilation[side] + 1;
    const missing = (target[side] - 1) * stride[side] + reach - source[side];
    return same ? Math.max(0, Math.floor(missing / 2)) : 0;
  };
  return {
    input: source,
    filter,
    output: target,
    stride,
    dilation,
    pad: { height: before('height'), width: before('width') },
  };
}

export function numberOption(operator: Operands['operator'], name: string, fallback: number): number {
  const value = operator.options[name] ?? fallback;
  if (typeof value !== 'number') {
    fail('E_INTERNAL', `${operator.builtin} has ${name} = ${String(value)}`, {
      builtin: operator.builtin,
      option: name,
    });
  }
  return value;
}
