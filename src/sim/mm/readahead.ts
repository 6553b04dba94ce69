// Read-around of a page fault (mm/readahead.c, do_sync_mmap_readahead() of mm/filemap.c): the pages
// around the missing one are taken first, as many as can be had, and only then does the file system
// look for their blocks. Where memory is nearly gone, it is gone by then.

import { call, type Code } from '../core/code.ts';
import type { Kernel } from '../core/kernel.ts';
import { memalloc_nofs_restore, memalloc_nofs_save } from '../fs/journal.ts';
import { simfs_get_block } from '../remedies/fail-small-allocs.ts';
import { __GFP_NORETRY, __GFP_NOWARN, GFP_HIGHUSER_MOVABLE } from './gfp.ts';
import { mem_cgroup_charge } from './memcontrol.ts';
import type { Page } from './mmzone.ts';
import { __alloc_pages, __free_pages } from './page-alloc.ts';

/** readahead_gfp_mask(): who only guesses that a page will be wanted does not insist. */
const GFP_READAHEAD = GFP_HIGHUSER_MOVABLE | __GFP_NORETRY | __GFP_NOWARN;

/** What a read-around came to. */
export interface ReadAround {
  readonly pages: Page[];
  /** Whether the file system could say where they lie; they are read then. */
  readonly isUptodate: boolean;
}

/** Pages that the read-ahead of the file system's device brings in, the missing one among them. */
export function* do_sync_mmap_readahead(k: Kernel): Code<ReadAround> {
  return yield* call(k, page_cache_ra_unbounded, k.fs.readAheadPages);
}

function* page_cache_ra_unbounded(k: Kernel, wanted: number): Code<ReadAround> {
  // Pages that are locked already must not be waited for by their own reader.
  const saved = memalloc_nofs_save(k);
  const pages: Page[] = [];
  while (pages.length < wanted) {
    const page = yield* call(k, __alloc_pages, { gfp: GFP_READAHEAD, order: 0 });
    if (page === undefined) break;
    if (!(yield* mem_cgroup_charge(k, k.current.process, { page, gfp: GFP_READAHEAD }))) {
      __free_pages(page);
      break;
    }
    pages.push(page);
  }
  const isUptodate = pages.length > 0 && (yield* call(k, read_pages));
  memalloc_nofs_restore(k, saved);
  return { pages, isUptodate };
}

function* read_pages(k: Kernel): Code<boolean> {
  return yield* call(k, simfs_get_block);
}
