/** Longest code JPEG allows (ITU-T T.81, C.2). */
const LONGEST_CODE = 16;
/** Symbols are bytes; one more place keeps the code of all ones free (T.81, K.2). */
const PLACES = 257;

/** A Huffman code as JPEG writes it: how many codes of each length 1 … 16, then the symbols in order of their codes. */
export interface HuffmanCode {
  readonly lengths: readonly number[];
  readonly symbols: Uint8Array;
}

/** Codes by symbol. */
export interface HuffmanEncoder {
  readonly code: Uint16Array;
  /** Bits; 0 for a symbol that has no code. */
  readonly length: Uint8Array;
}

/** Places in `symbols` by length of the code. */
export interface HuffmanDecoder {
  readonly symbols: Uint8Array;
  /** Of each length 1 … 16 the smallest code, the largest (−1: none) and the place of the smallest. */
  readonly smallest: Int32Array;
  readonly largest: Int32Array;
  readonly place: Int32Array;
}

/**
 * The best code for these counts whose longest code has 16 bits. Source: ITU-T T.81, K.2 (figures K.1 to K.4).
 * @param counts of each byte; a count of 0 gets no code
 */
export function learnHuffmanCode(counts: ArrayLike<number>): HuffmanCode {
  const sizes = codeSizes(counts);
  const perLength = new Array<number>(PLACES + 1).fill(0);
  for (const size of sizes) if (size > 0) perLength[size] = (perLength[size] as number) + 1;
  shortenCodes(perLength);
  const ordered = Array.from({ length: PLACES - 1 }, (_, symbol) => symbol)
    .filter((symbol) => (sizes[symbol] as number) > 0)
    .sort((a, b) => (sizes[a] as number) - (sizes[b] as number) || a - b);
  return { lengths: perLength.slice(1, LONGEST_CODE + 1), symbols: Uint8Array.from(ordered) };
}

/** Bits of each symbol without a limit. */
function codeSizes(counts: ArrayLike<number>): number[] {
  const weight = Array.from({ length: PLACES }, (_, symbol) => (symbol === PLACES - 1 ? 1 : (counts[symbol] ?? 0)));
  const sizes = new Array<number>(PLACES).fill(0);
  const others = new Array<number>(PLACES).fill(-1);
  const rarest = (except: number): number => {
    let best = -1;
    for (let i = 0; i < PLACES; i++) {
      const w = weight[i] as number;
      if (w > 0 && i !== except && (best < 0 || w <= (weight[best] as number))) best = i;
    }
    return best;
  };
  for (;;) {
    const first = rarest(-1);
    const second = rarest(first);
    if (second < 0) return sizes;
    weight[first] = (weight[first] as number) + (weight[second] as number);
    weight[second] = 0;
    let last = first;
    for (let i = first; i >= 0; i = others[i] as number) {
      sizes[i] = (sizes[i] as number) + 1;
      last = i;
    }
    others[last] = second;
    for (let i = second; i >= 0; i = others[i] as number) sizes[i] = (sizes[i] as number) + 1;
  }
}

/** Moves codes past 16 bits up in pairs, then takes out the one that was kept free. */
function shortenCodes(perLength: number[]): void {
  const at = (i: number): number => perLength[i] as number;
  for (let i = perLength.length - 1; i > LONGEST_CODE; i--) {
    while (at(i) > 0) {
      let j = i - 2;
      while (at(j) === 0) j--;
      perLength[i] = at(i) - 2;
      perLength[i - 1] = at(i - 1) + 1;
      perLength[j + 1] = at(j + 1) + 2;
      perLength[j] = at(j) - 1;
    }
  }
  let longest = LONGEST_CODE;
  while (at(longest) === 0) longest--;
  perLength[longest] = at(longest) - 1;
}

/** Codes count up within a length and double from one length to the next (T.81, C.2). */
export function huffmanEncoder({ lengths, symbols }: HuffmanCode): HuffmanEncoder {
  const code = new Uint16Array(256);
  const length = new Uint8Array(256);
  let next = 0;
  let at = 0;
  lengths.forEach((count, i) => {
    for (let k = 0; k < count; k++) {
      const symbol = symbols[at++] as number;
      code[symbol] = next++;
      length[symbol] = i + 1;
    }
    next <<= 1;
  });
  return { code, length };
}

export function huffmanDecoder({ lengths, symbols }: HuffmanCode): HuffmanDecoder {
  const smallest = new Int32Array(LONGEST_CODE + 1);
  const largest = new Int32Array(LONGEST_CODE + 1).fill(-1);
  const place = new Int32Array(LONGEST_CODE + 1);
  let next = 0;
  let at = 0;
  lengths.forEach((count, i) => {
    smallest[i + 1] = next;
    place[i + 1] = at;
    if (count > 0) largest[i + 1] = next + count - 1;
    next = (next + count) << 1;
    at += count;
  });
  return { symbols, smallest, largest, place };
}
