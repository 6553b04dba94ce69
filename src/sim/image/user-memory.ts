// What user processes have in RAM: anonymous pages, all full of one line of text. A filter leaves
// such pages out; a dump that still has the line in it was not filtered.

import { PAGE_SIZE } from '../../arch/x86-64.ts';
import type { Vaddr } from '../../util/address.ts';
import type { Areas } from './areas.ts';
import type { ProcessFacts } from './machine-facts.ts';
import type { RamRange } from './physical-image.ts';

/** The line; every user page repeats it from its start to its end. */
export const USER_CANARY = 'stallcore canary: memory of a user, not of the kernel\n';

/** sizeof(struct anon_vma): two locks, counters, a tree of areas. No reader's layout has it. */
const ANON_VMA_SIZE = 104;

/** Anonymous pages of one address space. */
export interface UserPages extends RamRange {
  /** The struct anon_vma that they belong to. */
  readonly anonVma: Vaddr;
}

/** Gives each process with an address space as many pages as its counter of them says. */
export function placeUserMemory(areas: Areas, processes: readonly ProcessFacts[]): UserPages[] {
  const page = new Uint8Array(Buffer.alloc(PAGE_SIZE, USER_CANARY, 'latin1'));
  return processes.flatMap(({ mm }) => {
    if (mm === undefined || mm.anonPages === 0) return [];
    const anonVma = areas.allocate('anon_vma', ANON_VMA_SIZE);
    const size = mm.anonPages * PAGE_SIZE;
    const start = areas.pages.allocate(size);
    for (let done = 0; done < size; done += PAGE_SIZE) {
      areas.memory.physical.write(start + done, page);
    }
    return [{ start, end: start + size, anonVma }];
  });
}
