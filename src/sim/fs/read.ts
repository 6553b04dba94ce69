// read(2) through the page cache (mm/filemap.c): a page that is not there is allocated and locked,
// and the lock is given up when the disk has filled it. Whoever wants the same page sleeps for it.

import { bio_alloc_bioset } from '../block/bio.ts';
import { submit_bio } from '../block/block.ts';
import { call, type Code } from '../core/code.ts';
import type { Kernel } from '../core/kernel.ts';
import type { Inode } from './file-system.ts';
import { folio_unlock, folio_wait_locked } from '../mm/filemap.ts';
import { GFP_HIGHUSER_MOVABLE, GFP_NOFS } from '../mm/gfp.ts';
import type { Page } from '../mm/mmzone.ts';
import { __alloc_pages } from '../mm/page-alloc.ts';
import { cond_resched } from '../kernel/sched.ts';

/** Microseconds to copy one page. */
const COPY_US = 1;

/** read(2) of pages that are not in the page cache. */
export interface Read {
  readonly inode: Inode;
  /** Index of the first page in the file. */
  readonly index: number;
  readonly pages: number;
}

export function* __x64_sys_read(k: Kernel, read: Read): Code {
  yield* call(k, ksys_read, read);
}

function* ksys_read(k: Kernel, read: Read): Code {
  yield* call(k, vfs_read, read);
}

function* vfs_read(k: Kernel, read: Read): Code {
  yield* call(k, filemap_read, read);
  // inc_syscr()
  k.current.calls.reads++;
}

function* filemap_read(k: Kernel, { inode, index, pages }: Read): Code {
  for (let i = index; i < index + pages; i++) {
    const page =
      inode.reading.get(i) ?? (yield* call(k, filemap_create_folio, { inode, index: i }));
    if (page === undefined) return;
    yield* call(k, folio_wait_locked, page);
    k.spend(COPY_US);
    yield* cond_resched(k);
  }
}

/** A page of the file, locked, with a bio on its way to fill it. */
function* filemap_create_folio(
  k: Kernel,
  { inode, index }: { inode: Inode; index: number },
): Code<Page | undefined> {
  const page = yield* call(k, __alloc_pages, { gfp: GFP_HIGHUSER_MOVABLE, order: 0 });
  if (page === undefined) return undefined;
  const other = inode.reading.get(index);
  if (other !== undefined) {
    // Somebody else was faster, while this one slept for memory.
    page.zone.give(page);
    return other;
  }
  inode.reading.set(index, page);
  k.pageWaits.locked.set(page, k.current);
  yield* call(k, simfs_read_folio, { inode, index, page });
  return page;
}

function* simfs_read_folio(
  k: Kernel,
  { inode, index, page }: { inode: Inode; index: number; page: Page },
): Code {
  const { device } = k.fs;
  const end = (): void => {
    inode.reading.delete(index);
    k.node.lru.inactive_file.add(page);
    folio_unlock(k, page);
  };
  const plan = { device, pages: 1, isWrite: false, end };
  const bio = yield* call(k, bio_alloc_bioset, { set: k.fsBioSet, gfp: GFP_NOFS, plan });
  if (bio === undefined) return;
  k.pageWaits.locked.set(page, device);
  yield* call(k, submit_bio, bio);
}
