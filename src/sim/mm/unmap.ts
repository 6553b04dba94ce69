// Anonymous pages given back (unmap_page_range() of mm/memory.c, and the freeing behind it): at the
// end of an address space, or when the OOM reaper comes.

import type { Code } from '../core/code.ts';
import type { Kernel } from '../core/kernel.ts';
import { cond_resched } from '../kernel/sched.ts';
import type { Mm } from '../kernel/task.ts';

/** Microseconds to give one page back. */
const FREE_US = 0.2;

/** Frees all anonymous pages. */
export function* unmap_page_range(k: Kernel, mm: Mm): Code {
  for (const page of mm.anonPages) {
    // Another one may be at it too: whoever takes a page out frees it.
    mm.anonPages.delete(page);
    if (page.lru === undefined) {
      // Reclaim has it in hand, and frees what belongs to nobody.
      page.mm = undefined;
      page.referenced = false;
      continue;
    }
    page.lru.remove(page);
    page.memcg?.uncharge(page);
    page.zone.give(page);
    k.spend(FREE_US);
    yield* cond_resched(k);
  }
}
