// A number for each page frame that exists: a Map of a million of them takes ten times the memory,
// and is copied as a whole whenever it grows. Page frames in use lie close together.

/** Page frames of one block. */
const BLOCK_LENGTH = 512;
/** Below every number that is kept: there is no such page frame. */
const ABSENT = -Infinity;

/** Numbers by pfn. */
export class PfnMap {
  readonly #blocks = new Map<number, Float64Array>();
  #size = 0;

  get size(): number {
    return this.#size;
  }

  has(pfn: number): boolean {
    return this.get(pfn) !== undefined;
  }

  get(pfn: number): number | undefined {
    const value = this.#blocks.get(Math.floor(pfn / BLOCK_LENGTH))?.[pfn % BLOCK_LENGTH];
    return value === ABSENT ? undefined : value;
  }

  set(pfn: number, value: number): void {
    const number = Math.floor(pfn / BLOCK_LENGTH);
    let block = this.#blocks.get(number);
    if (block === undefined) {
      block = new Float64Array(BLOCK_LENGTH).fill(ABSENT);
      this.#blocks.set(number, block);
    }
    if (block[pfn % BLOCK_LENGTH] === ABSENT) this.#size++;
    block[pfn % BLOCK_LENGTH] = value;
  }

  /** All pfns, ascending. */
  pfns(): Float64Array {
    const pfns = new Float64Array(this.#size);
    let count = 0;
    for (const number of Float64Array.from(this.#blocks.keys()).sort()) {
      this.#blocks.get(number)!.forEach((value, i) => {
        if (value !== ABSENT) pfns[count++] = number * BLOCK_LENGTH + i;
      });
    }
    return pfns;
  }
}
