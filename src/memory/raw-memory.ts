// A raw image of physical memory, byte for byte, without any header: QEMU's pmemsave, the first
// PT_LOAD of a dump cut out, `dd` of /dev/mem. The user says at which physical address it starts.

import { FormatError } from '../util/errors.ts';
import type { ByteSource } from '../util/io.ts';
import type { PageState } from '../util/page-state.ts';
import { CachedMemory, type PhysicalRange } from './physical.ts';

/** Page size of the cache; a raw image has none of its own. */
const PAGE_SIZE = 4096;

/** Physical memory over a raw image. */
export class RawMemory extends CachedMemory {
  readonly end: number;
  readonly #source: ByteSource;
  readonly #start: number;

  /**
   * @param options.paddrStart physical address of the first byte of the image; 0 if not given
   * @throws FormatError if the image would reach past the physical address space of 2^52 bytes
   */
  constructor(source: ByteSource, options: { paddrStart?: number } = {}) {
    super(PAGE_SIZE);
    this.#source = source;
    this.#start = options.paddrStart ?? 0;
    this.end = this.#start + source.size;
    if (!Number.isSafeInteger(this.#start) || this.#start < 0 || this.end > 2 ** 52) {
      const what = `expected a physical offset that keeps it below 2^52, have ${this.#start}`;
      throw new FormatError({ section: source.name }, what);
    }
  }

  stateOf(paddr: number): PageState {
    return paddr >= this.#start && paddr < this.end ? 'present' : 'not-in-dump';
  }

  *presentRanges(): Iterable<PhysicalRange> {
    if (this.end > this.#start) yield { start: this.#start, end: this.end };
  }

  protected loadPage(index: number): Uint8Array | undefined {
    const page = new Uint8Array(PAGE_SIZE);
    return this.readRun(page, index * PAGE_SIZE) === PAGE_SIZE ? page : undefined;
  }

  protected override readRun(into: Uint8Array, paddr: number): number {
    if (paddr < this.#start || paddr >= this.end) return 0;
    return this.#source.readInto(into, paddr - this.#start);
  }
}
