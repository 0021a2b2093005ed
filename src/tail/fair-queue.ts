/** Work waiting for inference: bounded, and shared out evenly among those who bring it. */

export interface QueueLimits {
  /** Items of all together. */
  readonly items: number;
  /** Items of one. */
  readonly itemsOfOne: number;
}

/**
 * Who brings much waits for itself: items are taken from everyone in turn. Where there is no room, whoever has most waiting loses the newest item of
 * theirs: what has waited longest is nearest to its answer.
 */
export class FairQueue<T> {
  readonly #limits: QueueLimits;
  /** In the order of their turns; nobody without items. */
  readonly #waiting = new Map<string, T[]>();
  #size = 0;

  constructor(limits: QueueLimits) {
    this.#limits = limits;
  }

  get size(): number {
    return this.#size;
  }

  /** How many have something waiting. */
  get owners(): number {
    return this.#waiting.size;
  }

  /** @returns the item that had to go, which may be this one */
  push(owner: string, item: T): T | undefined {
    const own = this.#waiting.get(owner) ?? [];
    if (own.length >= this.#limits.itemsOfOne) return item;
    if (this.#size < this.#limits.items) {
      this.#add(owner, own, item);
      return undefined;
    }
    const most = this.#mostWaiting();
    // Room is made only by those who have more than this one would.
    if (!most || most[1].length <= own.length + 1) return item;
    const shed = most[1].pop();
    this.#size--;
    this.#add(owner, own, item);
    return shed;
  }

  /** Up to so many items, one of each owner in turn, the next time beginning where this one ended. */
  take(count: number): T[] {
    const taken: T[] = [];
    while (taken.length < count) {
      const [next] = this.#waiting;
      if (!next) break;
      const [owner, items] = next;
      taken.push(items.shift() as T);
      this.#size--;
      this.#waiting.delete(owner);
      if (items.length > 0) this.#waiting.set(owner, items);
    }
    return taken;
  }

  /** Everything that waits, and none of it any more. */
  clear(): T[] {
    return this.take(this.#size);
  }

  #add(owner: string, own: T[], item: T): void {
    own.push(item);
    if (own.length === 1) this.#waiting.set(owner, own);
    this.#size++;
  }

  #mostWaiting(): [string, T[]] | undefined {
    let most: [string, T[]] | undefined;
    for (const entry of this.#waiting) if (!most || entry[1].length > most[1].length) most = entry;
    return most;
  }
}
