// A bounded cache keyed by number (a pfn, a block index). What has not been asked for lately goes.

/** How much entries weigh, in whatever unit, and how much all together may. */
export interface LruWeights<V> {
  readonly weigh: (value: V) => number;
  readonly weightMax: number;
}

/**
 * At most `capacity` entries, in two generations: a new or re-used entry is young; when the young
 * are half the capacity they become the old ones, and the old ones that nobody asked for are gone.
 * A hit among the young, the usual case, costs one look-up, where moving an entry to the end of a
 * list would cost three.
 *
 * Where entries differ in size, the same goes for their weight: the young have at most half of
 * `weightMax` and the entry that made it too much, so that one entry is kept whatever it weighs.
 */
export class LruCache<V> {
  readonly #generationSize: number;
  #young = new Map<number, V>();
  #old = new Map<number, V>();
  readonly #weights: LruWeights<V> | undefined;
  #youngWeight = 0;

  /** @param capacity at least 2 */
  constructor(capacity: number, weights?: LruWeights<V>) {
    this.#generationSize = Math.max(1, Math.floor(capacity / 2));
    this.#weights = weights;
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
    if (this.#young.size < this.#generationSize && !this.#isTooHeavyWith(value)) return;
    this.#old = this.#young;
    this.#young = new Map();
    this.#youngWeight = 0;
  }

  /** An entry that is set twice counts twice, which only makes its generation older earlier. */
  #isTooHeavyWith(value: V): boolean {
    if (this.#weights === undefined) return false;
    this.#youngWeight += this.#weights.weigh(value);
    return this.#youngWeight >= this.#weights.weightMax / 2;
  }
}
