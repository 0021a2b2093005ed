/** Ids made from the names in model files: what users type as `--cut`. */

const MAX_LENGTH = 160;

/**
 * A name as a tensor id: letters, digits and `_ . / : @ - [ ] ( )` stay, every run of other characters (spaces, `+` and `,`,
 * which separate cut ids, control characters) becomes one `_`.
 * @param fallback used when nothing is left
 */
export function cleanTensorId(name: string, fallback: string): string {
  const cleaned = name
    .slice(0, 4 * MAX_LENGTH)
    .replace(/[^\p{L}\p{N}_./:@()[\]-]+/gu, '_')
    .slice(0, MAX_LENGTH);
  return /[\p{L}\p{N}]/u.test(cleaned) ? cleaned : fallback;
}

/** Hands out ids, each once: `relu`, `relu_1`, `relu_2`, … */
export class TensorIds {
  readonly #taken = new Set<string>();
  readonly #counters = new Map<string, number>();

  unique(wish: string): string {
    let id = wish;
    let n = this.#counters.get(wish) ?? 0;
    while (this.#taken.has(id)) id = `${wish}_${++n}`;
    this.#counters.set(wish, n);
    this.#taken.add(id);
    return id;
  }
}
