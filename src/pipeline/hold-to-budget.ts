import type { BottleneckedNetwork } from '../bottleneck/bottleneck.js';
import { scaleWire } from '../bottleneck/scale-wire.js';
import { elementCount, tensorOf } from '../ir/graph.js';

/** Below the budget by this share: a mean over other samples may be a little higher. */
const HELD_SHARE = 0.995;
/** A wire that takes more rounds than this, or a smaller factor, was not trained for its budget. */
const MOST_ROUNDS = 8;
const SMALLEST_FACTOR = 0.7;
/** Every round shrinks the wire at least by this. */
const GENTLEST_STEP = 0.99;

export interface HeldWire<T> {
  readonly network: BottleneckedNetwork;
  readonly coded: T;
  /** What the wire was multiplied by; 1: it was within the budget as it was. */
  readonly scaledBy: number;
}

/**
 * Training comes near the wire budget. Where it ended above, the wire is scaled until its codes are short enough; a wire that is far above stays
 * as it came nearest.
 * @param wireBytes mean payload that is allowed; absent: any
 * @param code what a network's codes come to
 */
export async function holdToBudget<T extends { readonly codedBytes: number }>(
  trained: BottleneckedNetwork,
  wireBytes: number | undefined,
  code: (network: BottleneckedNetwork) => Promise<T>,
): Promise<HeldWire<T>> {
  const codes = elementCount(tensorOf(trained.head, trained.wire).shape);
  let held: HeldWire<T> = { network: trained, coded: await code(trained), scaledBy: 1 };
  if (wireBytes === undefined) return held;
  for (let round = 0; round < MOST_ROUNDS && held.coded.codedBytes > wireBytes; round++) {
    // Finely quantized values lose a bit when they are halved.
    const bitsTooMany = (8 * (held.coded.codedBytes - HELD_SHARE * wireBytes)) / codes;
    const scaledBy = held.scaledBy * Math.min(GENTLEST_STEP, 2 ** -bitsTooMany);
    if (scaledBy < SMALLEST_FACTOR) break;
    const network = scaleWire(trained, scaledBy);
    held = { network, coded: await code(network), scaledBy };
  }
  return held;
}
