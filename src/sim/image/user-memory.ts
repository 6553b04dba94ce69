// What users have in RAM, all full of one line of text: anonymous pages, and pages of files. A
// filter leaves such pages out; a dump that still has the line in it was not filtered.

import { PAGE_SIZE } from '../../arch/x86-64.ts';
import type { Vaddr } from '../../util/address.ts';
import type { Areas } from './areas.ts';
import type { MachineFacts } from './machine-facts.ts';
import type { RamRange } from './physical-image.ts';

/** The line; every user page repeats it from its start to its end. */
export const USER_CANARY = 'stallcore canary: memory of a user, not of the kernel\n';

/** sizeof(struct anon_vma): two locks, counters, a tree of areas. No reader's layout has it. */
export const ANON_VMA_SIZE = 104;

/** Pages of one user, side by side. */
export interface UserPages extends RamRange {
  /** `anonymous` pages are mapped by a process, those of the page `cache` by nobody. */
  readonly kind: 'anonymous' | 'cache';
  /** struct page.mapping without flags: the anon_vma or the address_space. */
  readonly mapping: Vaddr;
}

/** As many pages as the machine's counters say. */
export function placeUserMemory(areas: Areas, facts: MachineFacts): UserPages[] {
  const all: UserPages[] = [];
  for (const { mm } of facts.processes) {
    if (mm === undefined || mm.anonPages === 0) continue;
    const mapping = areas.allocate('anon_vma', ANON_VMA_SIZE);
    all.push({ kind: 'anonymous', mapping, ...fill(areas, mm.anonPages) });
  }
  const { cachePages = 0 } = facts;
  if (cachePages > 0) {
    const mapping = areas.allocate('address_space');
    all.push({ kind: 'cache', mapping, ...fill(areas, cachePages) });
  }
  return all;
}

/** A page that is full of the line. */
export function userPage(): Uint8Array {
  return new Uint8Array(Buffer.alloc(PAGE_SIZE, USER_CANARY, 'latin1'));
}

function fill({ pages, memory }: Areas, count: number): RamRange {
  const page = userPage();
  const start = pages.allocate(count * PAGE_SIZE);
  const end = start + count * PAGE_SIZE;
  for (let paddr = start; paddr < end; paddr += PAGE_SIZE) memory.physical.write(paddr, page);
  return { start, end };
}
