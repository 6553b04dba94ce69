// A bounded cache keyed by number (a pfn, a block index). What has not been asked for lately goes.

/**
 * At most `capacity` entries, in two generations: a new or re-used entry is young; when the young
 * are half the capacity they become the old ones, and the old ones that nobody asked for are gone.
 * A hit among the young, the usual case, costs one look-up, where moving an entry to the end of a
 * list would cost three.
 */
export class LruCache<V> {
  readonly #generationSize: number;
  #young = new Map<number, V>();
  #old = new Map<number, V>();

  /** @param capacity at least 2 */
  constructor(capacity: number) {
    this.#generationSize = Math.max(1, Math.floor(capacity / 2));
  }

  /** How many entries are kept now. */
  get size(): number {
    return this.#young.size + this.#old.size;
  }

  get(key: number): V | undefined {
    const young = this.#young.get(key);
    if (young !== undefined) return young;
    const old = this.#old.get(key);
    if (old === undefined) return undefined;
    this.set(key, old);
    return old;
  }

  set(key: number, value: V): void {
    this.#old.delete(key);
    this.#young.set(key, value);
    if (this.#young.size < this.#generationSize) return;
    this.#old = this.#young;
    this.#young = new Map();
  }
}
