// A journaling file system, as small as stalls need it. A file is written under its inode's mutex.
// Whatever changes metadata does so in a transaction, under the journal's mutex: writes that extend
// a file, writeback, and the shrinker of the inode cache. What is allocated below either mutex may
// not enter the file system again (GFP_NOFS).

import { Disk, submit_bio } from '../block/block.ts';
import { call, type Code } from '../core/code.ts';
import { __GFP_FS, __GFP_WRITE, GFP_HIGHUSER_MOVABLE } from '../mm/gfp.ts';
import { wb_wakeup_delayed } from './fs-writeback.ts';
import type { Kernel } from '../core/kernel.ts';
import type { Page } from '../mm/mmzone.ts';
import { Mutex, mutex_lock, mutex_unlock } from '../locking/mutex.ts';
import { mem_cgroup_charge } from '../mm/memcontrol.ts';
import { __alloc_pages, __free_pages } from '../mm/page-alloc.ts';
import { cond_resched } from '../kernel/sched.ts';

/** Page cache of a write: GFP_NOFS|__GFP_HIGHMEM|__GFP_HARDWALL|__GFP_MOVABLE|__GFP_WRITE. */
const GFP_WRITE_BEGIN = (GFP_HIGHUSER_MOVABLE & ~__GFP_FS) | __GFP_WRITE;

/** Microseconds to copy one page, and to map one to blocks of the disk. */
const COPY_US = 1;
const MAP_US = 2;

/** A fast disk: 100 MB/s. */
const US_PER_PAGE = 40;

/** The only file system that is mounted. */
export class FileSystem {
  readonly journal = new Mutex('journal of simfs');
  readonly disk = new Disk(US_PER_PAGE);
  /** Pages that wait for writeback, the oldest first. */
  readonly dirty = new Set<Page>();
}

/** An inode, as far as writers meet at it. */
export class Inode {
  readonly lock: Mutex;

  constructor(k: Kernel, name: string) {
    this.lock = new Mutex(`i_mutex of ${name}`);
    k.locks.add(this.lock);
  }
}

/** write(2) of so many pages. */
export interface Write {
  readonly inode: Inode;
  readonly pages: number;
  /** Overwrites what is in the page cache, and needs no memory. */
  readonly cached?: boolean;
  /** Extends the file: a transaction. */
  readonly extends?: boolean;
  /** The pages are dirty until they are written back; else they count as written already. */
  readonly dirty?: boolean;
}

export function* __x64_sys_write(k: Kernel, write: Write): Code {
  yield* call(k, ksys_write, write);
}

function* ksys_write(k: Kernel, write: Write): Code {
  yield* call(k, vfs_write, write);
}

function* vfs_write(k: Kernel, write: Write): Code {
  yield* call(k, simfs_file_write_iter, write);
}

function* simfs_file_write_iter(k: Kernel, write: Write): Code {
  const { lock } = write.inode;
  yield* call(k, mutex_lock, lock);
  try {
    if (write.extends === true) yield* call(k, simfs_extend_file, write);
    else yield* call(k, generic_perform_write, write);
  } finally {
    mutex_unlock(k, lock);
  }
}

function* simfs_extend_file(k: Kernel, write: Write): Code {
  const { journal } = k.fs;
  yield* call(k, mutex_lock, journal);
  try {
    yield* call(k, generic_perform_write, write);
  } finally {
    mutex_unlock(k, journal);
  }
}

/** A transaction that needs no memory. */
function* simfs_trans_commit(k: Kernel, us: number): Code {
  yield* call(k, mutex_lock, k.fs.journal);
  k.spend(us);
  mutex_unlock(k, k.fs.journal);
}

function* generic_perform_write(k: Kernel, write: Write): Code {
  for (let i = 0; i < write.pages; i++) {
    if (write.cached !== true && !(yield* call(k, simfs_write_begin, write))) return;
    k.spend(COPY_US);
    yield* cond_resched(k);
  }
}

/** @returns whether there is a page in the page cache to write to */
function* simfs_write_begin(k: Kernel, { dirty = false }: Write): Code<boolean> {
  const page = yield* call(k, __alloc_pages, { gfp: GFP_WRITE_BEGIN, order: 0 });
  if (page === undefined) return false;
  if (!(yield* mem_cgroup_charge(k, k.current.process, { page, gfp: GFP_WRITE_BEGIN }))) {
    __free_pages(page);
    return false;
  }
  k.node.lru.inactive_file.add(page);
  if (dirty) {
    page.dirty = true;
    k.node.nrDirty++;
    k.fs.dirty.add(page);
    wb_wakeup_delayed(k);
  }
  return true;
}

/** Writeback of some pages: blocks are allocated for them, which is a transaction. */
export function* simfs_writepages(k: Kernel, pages: readonly Page[]): Code {
  yield* call(k, simfs_trans_commit, MAP_US * pages.length);
  for (const page of pages) yield* writeOut(k, page);
}

/** Reclaim wants this one page written. */
export function* simfs_writepage(k: Kernel, page: Page): Code {
  yield* call(k, simfs_writepages, [page]);
}

function* writeOut(k: Kernel, page: Page): Code {
  if (!page.dirty) return;
  page.dirty = false;
  page.writeback = true;
  k.fs.dirty.delete(page);
  k.node.nrDirty--;
  k.node.nrWriteback++;
  const done = (): void => endWriteback(k, page);
  yield* call(k, submit_bio, { disk: k.fs.disk, page, done });
}

/** folio_end_writeback(): a page that reclaim waits for goes to the end that is taken first. */
function endWriteback(k: Kernel, page: Page): void {
  page.writeback = false;
  k.node.nrWriteback--;
  const { lru } = page;
  if (lru === undefined) return;
  lru.remove(page);
  lru.addTail(page);
}

/** super_cache_scan() of this file system: cached inodes are dropped in a transaction. */
export function* simfs_free_cached_objects(k: Kernel): Code {
  yield* call(k, simfs_trans_commit, MAP_US);
}
