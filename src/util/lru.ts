// A bounded cache keyed by number (a pfn, a block index). The least recently used entry goes.

/** At most `capacity` entries. `get` and `set` make an entry the most recent. */
export class LruCache<V> {
  readonly #capacity: number;
  readonly #entries = new Map<number, V>();

  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  get size(): number {
    return this.#entries.size;
  }

  get(key: number): V | undefined {
    const value = this.#entries.get(key);
    if (value === undefined) return undefined;
    // A Map iterates in order of insertion, so the first key is the least recently used one.
    this.#entries.delete(key);
    this.#entries.set(key, value);
    return value;
  }

  set(key: number, value: V): void {
    this.#entries.delete(key);
    if (this.#entries.size >= this.#capacity) {
      const oldest = this.#entries.keys().next();
      if (!oldest.done) this.#entries.delete(oldest.value);
    }
    this.#entries.set(key, value);
  }
}
