// The buddy allocator of one zone (__free_one_page(), __rmqueue_smallest() in mm/page_alloc.c):
// free memory in blocks of 2^order pages, each aligned to its size. Everything here is done in
// constant time per block: a machine that is out of memory does little else.

/** Orders 0 to 10, as until Linux 6.3; since 6.4 the constant is the largest order itself. */
export const MAX_ORDER = 11;

/** Bits of a place that say the order; the rest is the index in the list of that order. */
const ORDER_BITS = 4;
const ORDER_MASK = (1 << ORDER_BITS) - 1;

/** Free memory of one zone. */
export class FreeArea {
  /** Starts of the free blocks of each order, the newest last. */
  readonly #lists: number[][] = Array.from({ length: MAX_ORDER }, () => []);
  /** Of each free block: its order and where it stands in the list. */
  readonly #places = new Map<number, number>();

  /** How many free blocks of an order there are: `free_area[order].nr_free`. */
  count(order: number): number {
    return this.#lists[order]!.length;
  }

  /** Their pfns, the next to be taken first. */
  blocks(order: number): readonly number[] {
    return this.#lists[order]!.toReversed();
  }

  /** The order of the free block that starts at a pfn; undefined where none does. */
  orderAt(pfn: number): number | undefined {
    const place = this.#places.get(pfn);
    return place === undefined ? undefined : place & ORDER_MASK;
  }

  /** Whether a block of the order could be had. */
  has(order: number): boolean {
    for (let from = order; from < MAX_ORDER; from++) if (this.#lists[from]!.length > 0) return true;
    return false;
  }

  /** __rmqueue_smallest(): splits a larger block where there is none of the order. */
  take(order: number): number | undefined {
    for (let from = order; from < MAX_ORDER; from++) {
      const pfn = this.#lists[from]!.pop();
      if (pfn === undefined) continue;
      this.#places.delete(pfn);
      // expand(): the upper halves stay free.
      for (let half = from - 1; half >= order; half--) this.#add(pfn + 2 ** half, half);
      return pfn;
    }
    return undefined;
  }

  /** __isolate_free_page(): takes the very block that starts at `pfn`. @returns its order */
  takeAt(pfn: number): number | undefined {
    const order = this.orderAt(pfn);
    if (order !== undefined) this.#remove(pfn);
    return order;
  }

  /** __free_one_page(): a block and its free buddy become one. @returns the order it got */
  give(pfn: number, order: number): number {
    let start = pfn;
    let size = order;
    while (size < MAX_ORDER - 1) {
      const buddy = start ^ (1 << size);
      if (this.orderAt(buddy) !== size) break;
      this.#remove(buddy);
      start = Math.min(start, buddy);
      size++;
    }
    this.#add(start, size);
    return size;
  }

  #add(pfn: number, order: number): void {
    const list = this.#lists[order]!;
    this.#places.set(pfn, (list.length << ORDER_BITS) | order);
    list.push(pfn);
  }

  /** The last of the list takes the place of the one that goes. */
  #remove(pfn: number): void {
    const place = this.#places.get(pfn)!;
    const order = place & ORDER_MASK;
    const list = this.#lists[order]!;
    const last = list.pop()!;
    this.#places.delete(pfn);
    if (last === pfn) return;
    list[place >> ORDER_BITS] = last;
    this.#places.set(last, place);
  }
}
