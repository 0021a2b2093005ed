/** Mass given to codes that training did not show, divided over all codes: W. Perks' prior, gentle where most codes never come. */
const PRIOR_COUNT = 1;

/** Equal gains differ by the last bits of a logarithm: those must not be moved to and fro. */
const ROUNDING = 1e-9;

/**
 * Integer frequencies of at least 1 that add up to 2^precision and code the smoothed histogram in the fewest bits.
 * @param histogram how often each code was seen; at most 2^precision codes
 */
export function scaleFrequencies(histogram: ArrayLike<number>, precision: number): number[] {
  const total = 2 ** precision;
  const smooth = Array.from(histogram, (count) => count + PRIOR_COUNT / histogram.length);
  const sum = smooth.reduce((a, b) => a + b, 0);
  const table = smooth.map((count) => Math.max(1, Math.floor((count / sum) * total)));
  let missing = total - table.reduce((a, b) => a + b, 0);
  /** Bits that the codes seen save with one more, or lose with one less. */
  const change = (code: number, by: 1 | -1): number => {
    const f = table[code] as number;
    return (smooth[code] as number) * Math.abs(Math.log2((f + by) / f));
  };
  const mostGained = (): number => {
    let best = 0;
    for (let code = 1; code < table.length; code++) if (change(code, 1) > change(best, 1)) best = code;
    return best;
  };
  /** −1 when all frequencies are 1. */
  const leastLost = (): number => {
    let best = -1;
    for (let code = 0; code < table.length; code++) {
      if ((table[code] as number) > 1 && (best < 0 || change(code, -1) < change(best, -1))) best = code;
    }
    return best;
  };
  const add = (code: number, by: 1 | -1): void => {
    table[code] = (table[code] as number) + by;
  };
  for (; missing > 0; missing--) add(mostGained(), 1);
  for (; missing < 0; missing++) add(leastLost(), -1);
  // What a code saves falls with its frequency: when no single move helps any more, nothing does.
  for (;;) {
    const [from, to] = [leastLost(), mostGained()];
    if (from < 0 || from === to || change(to, 1) <= (1 + ROUNDING) * change(from, -1)) break;
    add(from, -1);
    add(to, 1);
  }
  return table;
}

/** Bits that a histogram takes with a table, the state's share left out. */
export function codedBits(histogram: ArrayLike<number>, table: readonly number[], precision: number): number {
  let bits = 0;
  for (let code = 0; code < table.length; code++) {
    bits += (histogram[code] as number) * (precision - Math.log2(table[code] as number));
  }
  return bits;
}
