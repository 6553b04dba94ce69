// Page tables and physical memory from small text. A line of buildPageTables is one entry, named
// by its path, and what it holds:
//
//   pgd[511] -> pud 0x2000       the table of the next level lies at 0x2000
//   pgd[511].pud[510] -> 0x40000000 PSE
//   pgd[511].pud[511].pmd[1] = 0x1234      any value, bits and all
//
// `->` sets the PRESENT bit; `PSE` and `PAT` add those.

import { PAGE_PRESENT, PAGE_PSE, PTE_SIZE } from '../../src/arch/x86-64.ts';
import { CachedMemory, type PhysicalRange } from '../../src/memory/physical.ts';
import type { PageState } from '../../src/util/page-state.ts';

/** Physical memory in a sparse map of pages; what was never written is not in the dump. */
export class SparseMemory extends CachedMemory {
  readonly pages = new Map<number, Uint8Array>();
  readonly states = new Map<number, PageState>();

  constructor() {
    super(4096);
  }

  get end(): number {
    return (Math.max(-1, ...this.pages.keys()) + 1) * this.pageSize;
  }

  /** Writes bytes, making pages as needed. */
  write(paddr: number, bytes: Uint8Array): this {
    for (let i = 0; i < bytes.length; i++) {
      const index = Math.floor((paddr + i) / this.pageSize);
      const page = this.pages.get(index) ?? new Uint8Array(this.pageSize);
      page[(paddr + i) % this.pageSize] = bytes[i] as number;
      this.pages.set(index, page);
    }
    return this;
  }

  /** Makes a page one that the dump does not have. */
  lose(paddr: number, state: PageState): this {
    const index = Math.floor(paddr / this.pageSize);
    this.pages.delete(index);
    this.states.set(index, state);
    return this;
  }

  stateOf(paddr: number): PageState {
    const index = Math.floor(paddr / this.pageSize);
    return this.pages.has(index) ? 'present' : (this.states.get(index) ?? 'not-in-dump');
  }

  *presentRanges(): Generator<PhysicalRange> {
    let range: { start: number; end: number } | undefined;
    for (const index of [...this.pages.keys()].sort((a, b) => a - b)) {
      const start = index * this.pageSize;
      if (range?.end === start) range.end += this.pageSize;
      else {
        if (range !== undefined) yield range;
        range = { start, end: start + this.pageSize };
      }
    }
    if (range !== undefined) yield range;
  }

  protected override loadPage(index: number): Uint8Array | undefined {
    return this.pages.get(index);
  }
}

const LINE =
  /^\s*(\S+)\s+(->|=)\s+(?:(?:p4d|pud|pmd|pte)\s+)?(0x[0-9a-f]+)((?:\s+\w+)*)\s*(?:#.*)?$/;
const FLAGS: Readonly<Record<string, number>> = { PSE: PAGE_PSE, PAT: 1 << 12 };

/** Writes the described entries into `memory`; the root table is at `root`. */
export function buildPageTables(memory: SparseMemory, root: number, text: string): void {
  const tables = new Map<string, number>([['', root]]);
  for (const line of text.split('\n')) {
    if (line.trim() === '' || line.trim().startsWith('#')) continue;
    const [, path = '', arrow, value = '', flags = ''] = LINE.exec(line) ?? [];
    if (arrow === undefined) throw new Error(`not a line of a page table: ${line}`);
    const [, parent = '', index = ''] = /^(.*?)\.?\w+\[(\d+)\]$/.exec(path) ?? [];
    const table = tables.get(parent);
    if (table === undefined) throw new Error(`the table of ${path} is not described`);
    const bits = flags.split(' ').reduce((sum, flag) => sum | (FLAGS[flag] ?? 0), 0);
    const entry = BigInt(value) | BigInt(arrow === '->' ? bits | PAGE_PRESENT : 0);
    const bytes = new Uint8Array(PTE_SIZE);
    new DataView(bytes.buffer).setBigUint64(0, entry, true);
    memory.write(table + Number(index) * PTE_SIZE, bytes);
    if (arrow === '->' && bits === 0) tables.set(path, Number(BigInt(value)));
  }
}
