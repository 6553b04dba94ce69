// Bytes of physical memory that a packed dump has other ones in place of.

import type { Vmcore } from '../target/index.ts';
import { vaddrAdd, type Vaddr } from '../util/address.ts';
import type { PageMask } from './kept-memory.ts';

const PAGE_SIZE = 4096;

/** Patches by page. What is not kept is patched too: no word may be there by another way. */
export class BytePatches {
  readonly #byPage = new Map<number, (readonly [at: number, byte: number])[]>();

  /** `bytes` with NULs behind them, over `size` bytes of kernel memory, as far as it is mapped. */
  field({ space }: Vmcore, start: Vaddr, bytes: Uint8Array, size: number): void {
    for (let i = 0; i < size; i++) {
      const paddr = space.findTranslation(vaddrAdd(start, i));
      if (paddr !== undefined) this.byte(paddr, bytes[i] ?? 0);
    }
  }

  byte(paddr: number, byte: number): void {
    const at = paddr % PAGE_SIZE;
    const page = this.#byPage.get(paddr - at);
    if (page === undefined) this.#byPage.set(paddr - at, [[at, byte]]);
    else page.push([at, byte]);
  }

  /** Changes a page; one of the dump may be several of the kernel's. */
  readonly mask: PageMask = (page, paddr) => {
    for (let at = 0; at < page.length; at += PAGE_SIZE) {
      for (const [offset, byte] of this.#byPage.get(paddr + at) ?? []) page[at + offset] = byte;
    }
  };
}
