// How pages get to the disk: blocks are allocated for them in a transaction, then each is given to
// the device in a bio, and it counts as under writeback until the device is done.

import { bio_alloc_bioset } from '../block/bio.ts';
import { submit_bio } from '../block/block.ts';
import { call, type Code } from '../core/code.ts';
import type { Kernel } from '../core/kernel.ts';
import { jbd2_journal_start, jbd2_journal_stop } from './journal.ts';
import { folio_end_writeback, folio_start_writeback } from '../mm/filemap.ts';
import { GFP_NOFS } from '../mm/gfp.ts';
import type { Page } from '../mm/mmzone.ts';

/** Microseconds to map one page to blocks of the disk. */
const MAP_US = 2;

/** A transaction that needs no memory. */
function* simfs_trans_commit(k: Kernel, us: number): Code {
  const handle = yield* call(k, jbd2_journal_start);
  k.spend(us);
  jbd2_journal_stop(k, handle);
}

/** Writeback of some pages: blocks are allocated for them, which is a transaction. */
export function* simfs_writepages(k: Kernel, pages: readonly Page[]): Code {
  const handle = yield* call(k, jbd2_journal_start);
  k.spend(MAP_US * pages.length);
  if (!k.fs.submitsInTransaction) jbd2_journal_stop(k, handle);
  for (const page of pages) if (page.dirty) yield* call(k, simfs_submit_ioend, page);
  if (k.fs.submitsInTransaction) jbd2_journal_stop(k, handle);
}

/** Reclaim wants this one page written. */
export function* simfs_writepage(k: Kernel, page: Page): Code {
  yield* call(k, simfs_writepages, [page]);
}

/** The page is locked for others by PG_writeback before the bio is there, as iomap does it. */
function* simfs_submit_ioend(k: Kernel, page: Page): Code {
  const { device } = k.fs;
  takeFromDirty(k, page);
  folio_start_writeback(k, page, device);
  const end = (): void => folio_end_writeback(k, page);
  const plan = { device, pages: 1, isWrite: true, end };
  const bio = yield* call(k, bio_alloc_bioset, { set: k.fsBioSet, gfp: GFP_NOFS, plan });
  if (bio !== undefined) yield* call(k, submit_bio, bio);
}

/** folio_clear_dirty_for_io() */
export function takeFromDirty(k: Kernel, page: Page): void {
  const { dirty, inodeOf } = k.fs;
  page.dirty = false;
  k.node.nrDirty--;
  dirty.delete(page);
  inodeOf.get(page)?.dirty.delete(page);
  inodeOf.delete(page);
}

/** super_cache_scan() of this file system: cached inodes are dropped in a transaction. */
export function* simfs_free_cached_objects(k: Kernel): Code {
  yield* call(k, simfs_trans_commit, MAP_US);
}
