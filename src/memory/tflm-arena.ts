import { countElements, type KernelUse, type Operands, operandsOf, referenceKernel } from './tflm-kernels.js';
import type { TflmModel, TflmTensor } from './tflm-model.js';
import { type PlannedBuffer, planGreedily } from './tflm-planner.js';
import {
  ALLOCATOR_STRUCTS,
  alignUp,
  BUILTIN_PARAMETERS,
  PLANNER_BYTES_PER_BUFFER,
  structSize,
} from './tflm-structs.js';
import type { TflmTarget } from './tflm-targets.js';

export { TFLM_TARGETS, type TflmTarget } from './tflm-targets.js';

/** Where the bytes go; alignment losses count to the part that causes them. */
export interface TflmArenaParts {
  /** Activations and scratch, overlaid by the planner. */
  readonly planBytes: number;
  /** Allocators, planner, bookkeeping of the model. */
  readonly interpreterBytes: number;
  /** One record a tensor, constants included. */
  readonly tensorRecordBytes: number;
  /** One record an operator, and its parameters. */
  readonly operatorBytes: number;
  /** State of kernels: multipliers and shifts a channel, zero points. */
  readonly kernelBytes: number;
  /** Handles of scratch buffers, variables, inputs and outputs as the application sees them. */
  readonly interfaceBytes: number;
}

export interface TflmArenaPrediction {
  readonly target: string;
  /** What `arena_used_bytes()` reports. Equal unless a kernel library's scratch is known as a range only. */
  readonly lowBytes: number;
  readonly highBytes: number;
  /** Smallest arena, as a multiple of 16 at an address that is one, with which the interpreter starts: planning needs memory of its own. */
  readonly minimumBytes: number;
  /** Of `highBytes`. */
  readonly parts: TflmArenaParts;
  readonly source: string;
}

const ARENA_ALIGNMENT = 16;
/** micro_allocator.cc kMaxScratchBuffersPerOp: room for so many more requests is kept while kernels prepare. */
const MAX_SCRATCH_REQUESTS_PER_OP = 12;

/**
 * Predicts the arena of TFLite-Micro for a model: runs its allocator's steps (micro_interpreter.cc AllocateTensors,
 * micro_allocator.cc, micro_allocation_info.cc) on sizes instead of memory. Sources of 2026-08-20.
 * @throws IsplitError E_OP_UNSUPPORTED for builtins whose memory is not known
 */
export function predictTflmArena(model: TflmModel, target: TflmTarget): TflmArenaPrediction {
  const low = allocate(model, target, 'low');
  const high = allocate(model, target, 'high');
  return {
    target: target.id,
    lowBytes: low.usedBytes,
    highBytes: high.usedBytes,
    minimumBytes: high.minimumBytes,
    parts: high.parts,
    source: target.source,
  };
}

/** Sizes of the arena's two ends: head and temporaries grow from the start, the tail from the end. */
class ArenaSizes {
  headBytes = 0;
  tailBytes = 0;
  minimumBytes = 0;
  #temporaryBytes = 0;

  persistent(bytes: number, alignment = ARENA_ALIGNMENT): void {
    this.tailBytes = alignUp(this.tailBytes + bytes, alignment);
    // The allocator compares with the head only: persistent memory may run into temporaries that are still alive.
    this.#need(this.headBytes);
  }

  temporary(bytes: number, alignment: number): void {
    this.#temporaryBytes = alignUp(this.#temporaryBytes, alignment) + bytes;
    this.#need(this.#temporaryBytes);
  }

  /** All that is left between two multiples of 16, of which so much is used. */
  planner(bytes: number): void {
    this.#need(alignUp(this.#temporaryBytes, ARENA_ALIGNMENT) + bytes, alignUp(this.tailBytes, ARENA_ALIGNMENT));
  }

  /** Gives temporaries back and sets the size of the head. */
  resizeHead(bytes: number): void {
    this.headBytes = bytes;
    this.#temporaryBytes = bytes;
    this.#need(bytes);
  }

  #need(frontBytes: number, tailBytes = this.tailBytes): void {
    this.minimumBytes = Math.max(this.minimumBytes, alignUp(frontBytes + tailBytes, ARENA_ALIGNMENT));
  }
}

interface Allocation {
  readonly usedBytes: number;
  readonly minimumBytes: number;
  readonly parts: TflmArenaParts;
}

interface ScratchRequest {
  readonly bytes: number;
  readonly operator: number;
}

function allocate(model: TflmModel, target: TflmTarget, end: 'low' | 'high'): Allocation {
  const sizeOf = (layout: string) => structSize(layout, target.pointerBytes);
  const arena = new ArenaSizes();
  const put = (layout: string, count = 1): void => {
    const { bytes, alignment } = sizeOf(layout);
    arena.persistent(bytes * count, alignment);
  };
  const S = ALLOCATOR_STRUCTS;
  let partsStart = 0;
  const closePart = (): number => {
    const bytes = arena.tailBytes - partsStart;
    partsStart = arena.tailBytes;
    return bytes;
  };

  put(target.recorder?.arenaAllocator ?? S.arenaAllocator);
  put(S.greedyPlanner);
  put(target.recorder?.microAllocator ?? S.microAllocator);
  put(S.builtinDataAllocator);
  const request = sizeOf(S.scratchRequest).bytes;
  arena.resizeHead(request * MAX_SCRATCH_REQUESTS_PER_OP);
  put(target.compression ? S.subgraphAllocationsCompressed : S.subgraphAllocations);
  const interpreterBytes = closePart();
  put(S.evalTensor, model.tensors.length);
  const tensorRecordBytes = closePart();
  put(S.nodeAndRegistration, model.operators.length);
  for (const { builtin } of model.operators) {
    const parameters = target.parameters?.[builtin] ?? BUILTIN_PARAMETERS[builtin];
    if (parameters) put(parameters);
  }
  const operatorBytes = closePart();

  const kernels = model.operators.map((operator) => chooseKernel(operandsOf(model, operator), target));
  for (const { opData } of kernels) if (opData) arena.persistent(sizeOf(opData).bytes);
  const scratch = prepareKernels(model, kernels, arena, target, end);
  const kernelBytes = closePart();

  if (scratch.length > 0) put(S.scratchHandle, scratch.length);
  const planBytes = planActivations(model, scratch, arena, target);

  for (const list of [model.inputs, model.outputs]) {
    arena.persistent(target.pointerBytes * list.length);
    for (const index of list) {
      put(S.tensor);
      putQuantization(model.tensors[index], target, (bytes, alignment) => arena.persistent(bytes, alignment));
    }
  }
  const interfaceBytes = closePart();
  return {
    usedBytes: arena.headBytes + arena.tailBytes,
    minimumBytes: arena.minimumBytes,
    parts: { planBytes, interpreterBytes, tensorRecordBytes, operatorBytes, kernelBytes, interfaceBytes },
  };
}

function chooseKernel(operands: Operands, target: TflmTarget): KernelUse {
  const reference = referenceKernel(operands, target.compression);
  return target.library?.(operands, reference) ?? reference;
}

/** micro_interpreter_graph.cc PrepareSubgraphs. */
function prepareKernels(
  model: TflmModel,
  kernels: readonly KernelUse[],
  arena: ArenaSizes,
  target: TflmTarget,
  end: 'low' | 'high',
): ScratchRequest[] {
  const request = structSize(ALLOCATOR_STRUCTS.scratchRequest, target.pointerBytes).bytes;
  const tensor = structSize(ALLOCATOR_STRUCTS.tensor, target.pointerBytes);
  const requests: ScratchRequest[] = [];
  kernels.forEach(({ prepare }, operator) => {
    for (const step of prepare) {
      if ('persistentBytes' in step) arena.persistent(step.persistentBytes);
      else if ('scratch' in step) {
        // Kernels that ask for a size they know to be empty do it unconditionally; others leave it.
        if (step.scratch[end] > 0 || step.scratch.high === 0) requests.push({ bytes: step.scratch[end], operator });
      } else if (step.temporary >= 0) {
        arena.temporary(tensor.bytes, tensor.alignment);
        putQuantization(model.tensors[step.temporary], target, (bytes, alignment) => arena.temporary(bytes, alignment));
      }
    }
    arena.resizeHead(request * (requests.length + MAX_SCRATCH_REQUESTS_PER_OP));
  });
  return requests;
}

/** micro_allocator.cc InitializeTfLiteTensorFromFlatbuffer: zero points are copied, scales stay in the file. */
function putQuantization(
  tensor: TflmTensor | undefined,
  target: TflmTarget,
  put: (bytes: number, alignment: number) => void,
): void {
  if (!tensor || tensor.channels === 0) return;
  const { bytes, alignment } = structSize(ALLOCATOR_STRUCTS.affineQuantization, target.pointerBytes);
  put(bytes, alignment);
  put(4 * (1 + tensor.channels), 4);
}

/** micro_allocator.cc CommitStaticMemoryPlan, micro_allocation_info.cc MarkAllocationLifetimes. @returns bytes of the plan */
function planActivations(
  model: TflmModel,
  scratch: readonly ScratchRequest[],
  arena: ArenaSizes,
  target: TflmTarget,
): number {
  const info = structSize(ALLOCATOR_STRUCTS.allocationInfo, target.pointerBytes);
  arena.temporary(target.pointerBytes, target.pointerBytes);
  arena.temporary(info.bytes * (model.tensors.length + scratch.length), info.alignment);
  for (const tensor of model.tensors) if (tensor.variable) arena.persistent(tensorBytes(tensor));

  const first = new Int32Array(model.tensors.length).fill(-1);
  const last = new Int32Array(model.tensors.length).fill(-1);
  const create = (index: number, step: number): void => {
    if (first[index] === -1) first[index] = step;
  };
  for (const index of model.inputs) {
    create(index, 0);
    last[index] = 0;
  }
  model.operators.forEach(({ inputs, outputs }, i) => {
    for (const index of outputs) create(index, i + 1);
    for (const index of [...inputs, ...outputs]) if (index >= 0) last[index] = i + 1;
  });
  for (const index of model.outputs) {
    create(index, model.operators.length);
    last[index] = model.operators.length;
  }

  const buffers: PlannedBuffer[] = [];
  model.tensors.forEach((tensor, index) => {
    const bytes = alignUp(tensorBytes(tensor), ARENA_ALIGNMENT);
    if (tensor.constant || tensor.variable || bytes === 0) return;
    buffers.push({ bytes, first: first[index] as number, last: last[index] as number });
  });
  for (const { bytes, operator } of scratch) {
    buffers.push({ bytes: alignUp(bytes, ARENA_ALIGNMENT), first: operator + 1, last: operator + 1 });
  }
  arena.planner(PLANNER_BYTES_PER_BUFFER * buffers.length);
  const planBytes = planGreedily(buffers);
  arena.resizeHead(planBytes);
  return planBytes;
}

function tensorBytes(tensor: TflmTensor): number {
  return countElements(tensor.dims) * tensor.bytesPerElement;
}
