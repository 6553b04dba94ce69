// x86-64 page tables as the kernel fills them, written into a PhysicalImage. arch/x86-64.ts draws
// an address and says how its bits index the tables.

import {
  PAGE_ACCESSED,
  PAGE_DIRTY,
  PAGE_GLOBAL,
  PAGE_NX,
  PAGE_PRESENT,
  PAGE_PSE,
  PAGE_RW,
  PAGE_SIZE,
  pageTableLevels,
  PTE_SIZE,
  PTRS_PER_TABLE,
  type PageTableDepth,
  type PageTableLevel,
} from '../../arch/x86-64.ts';
import type { Vaddr } from '../../util/address.ts';
import { assert } from '../../util/assert.ts';
import type { PhysicalImage } from './physical-image.ts';

/** What a mapping allows: the kernel maps code `rx`, constants `r`, all else `rw`. */
export type Protection = 'rx' | 'r' | 'rw';

/** A stretch of virtual memory and the physical memory behind it. */
export interface Mapping {
  readonly vaddr: Vaddr;
  readonly paddr: number;
  /** In bytes; a multiple of the page size. */
  readonly size: number;
  readonly protection: Protection;
  /** The largest page that may be used: 4 KiB, 2 MiB or 1 GiB. 4 KiB unless told. */
  readonly pageSizeMax?: number;
}

/** How {@link PageTables} are made. */
export interface PageTablesOptions {
  /** Physical address of the root table. */
  readonly root: number;
  /** Where the next table is to lie: a page of its own. */
  readonly allocateTable: () => number;
  readonly depth?: PageTableDepth;
}

/** _KERNPG_TABLE: an entry that points to a table, not for user mode. */
const TABLE_FLAGS = BigInt(PAGE_PRESENT | PAGE_RW | PAGE_ACCESSED | PAGE_DIRTY);
const LEAF_FLAGS = BigInt(PAGE_PRESENT | PAGE_ACCESSED | PAGE_DIRTY | PAGE_GLOBAL);
const PROTECTION_FLAGS: Record<Protection, bigint> = {
  rx: 0n,
  r: PAGE_NX,
  rw: PAGE_NX | BigInt(PAGE_RW),
};
/** A page table maps 2 MiB. */
const LAST_TABLE_SHIFT = 21n;
/** Bits 12 to 51. */
const ADDRESS_MASK = 0x000f_ffff_ffff_f000n;

/** The tables below one root. */
export class PageTables {
  readonly root: number;
  readonly depth: PageTableDepth;
  readonly #memory: PhysicalImage;
  readonly #allocateTable: () => number;
  readonly #levels: readonly PageTableLevel[];
  /**
   * The page table that an entry was set in last: 100,000 stacks are mapped one after the other.
   */
  #lastTable: { region: bigint; paddr: number } = { region: -1n, paddr: 0 };

  constructor(memory: PhysicalImage, { root, allocateTable, depth = 4 }: PageTablesOptions) {
    this.#memory = memory;
    this.root = root;
    this.depth = depth;
    this.#allocateTable = allocateTable;
    this.#levels = pageTableLevels(depth);
  }

  /** Maps with the largest pages that both addresses, the size and the limit allow. */
  map(mapping: Mapping): void {
    const { vaddr, paddr, size, pageSizeMax = PAGE_SIZE } = mapping;
    assert(size % PAGE_SIZE === 0, `mapping of ${size} bytes`);
    for (let done = 0; done < size;) {
      const at = vaddr + BigInt(done);
      const level = this.#largestLevel(
        { vaddr: at, paddr: paddr + done, size: size - done },
        pageSizeMax,
      );
      const large = level.name === 'pte' ? 0n : BigInt(PAGE_PSE);
      const flags = LEAF_FLAGS | PROTECTION_FLAGS[mapping.protection] | large;
      this.#setEntry(this.#entryAt(at, level), BigInt(paddr + done) | flags);
      done += 2 ** level.shift;
    }
  }

  /** Sets the entry that leads to a table which somebody else fills, creating those above it. */
  mapTable(vaddr: Vaddr, level: PageTableLevel['name'], table: number): void {
    const found = this.#levels.find(({ name }) => name === level);
    assert(found !== undefined, `no level ${level}`);
    this.#setEntry(this.#entryAt(vaddr, found), BigInt(table) | TABLE_FLAGS);
  }

  /** Where a virtual address lies; undefined if it is not mapped. */
  paddrOf(vaddr: bigint): number | undefined {
    let table = this.root;
    for (const level of this.#levels) {
      const entry = this.#entry(table + indexOf(vaddr, level) * PTE_SIZE);
      if ((entry & BigInt(PAGE_PRESENT)) === 0n) return undefined;
      const isLarge = level.mayBeLarge && (entry & BigInt(PAGE_PSE)) !== 0n;
      const offsetMask = (1n << BigInt(level.shift)) - 1n;
      if (isLarge || level.name === 'pte') {
        return Number((entry & ADDRESS_MASK & ~offsetMask) + (vaddr & offsetMask));
      }
      table = Number(entry & ADDRESS_MASK);
    }
    return undefined;
  }

  #largestLevel(
    rest: { vaddr: bigint; paddr: number; size: number },
    pageSizeMax: number,
  ): PageTableLevel {
    const fits = (level: PageTableLevel): boolean => {
      const bytes = 2 ** level.shift;
      const aligned = rest.paddr % bytes === 0 && rest.vaddr % BigInt(bytes) === 0n;
      return bytes <= pageSizeMax && rest.size >= bytes && aligned;
    };
    const level = this.#levels.find(
      (each) => (each.mayBeLarge || each.name === 'pte') && fits(each),
    );
    assert(level !== undefined, `mapping of 0x${rest.vaddr.toString(16)} is not made of pages`);
    return level;
  }

  /** Physical address of the entry of `level` for an address; makes the tables on the way. */
  #entryAt(vaddr: bigint, level: PageTableLevel): number {
    const region = vaddr >> LAST_TABLE_SHIFT;
    if (level.name === 'pte' && region === this.#lastTable.region) {
      return this.#lastTable.paddr + indexOf(vaddr, level) * PTE_SIZE;
    }
    let table = this.root;
    for (const each of this.#levels) {
      const at = table + indexOf(vaddr, each) * PTE_SIZE;
      if (each === level) {
        if (level.name === 'pte') this.#lastTable = { region, paddr: table };
        return at;
      }
      const entry = this.#entry(at);
      if ((entry & BigInt(PAGE_PRESENT)) === 0n) {
        table = this.#allocateTable();
        this.#setEntry(at, BigInt(table) | TABLE_FLAGS);
      } else {
        const what = `0x${vaddr.toString(16)} lies in a large page already`;
        assert(!each.mayBeLarge || (entry & BigInt(PAGE_PSE)) === 0n, what);
        table = Number(entry & ADDRESS_MASK);
      }
    }
    return table;
  }

  #entry(paddr: number): bigint {
    return new DataView(this.#memory.read(paddr, PTE_SIZE).buffer).getBigUint64(0, true);
  }

  #setEntry(paddr: number, entry: bigint): void {
    const bytes = new Uint8Array(PTE_SIZE);
    new DataView(bytes.buffer).setBigUint64(0, entry, true);
    this.#memory.write(paddr, bytes);
  }
}

function indexOf(vaddr: bigint, level: PageTableLevel): number {
  return Number((vaddr >> BigInt(level.shift)) & BigInt(PTRS_PER_TABLE - 1));
}
