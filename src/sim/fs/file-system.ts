// A journaling file system, as small as stalls need it. A file is written under its inode's mutex.
// Whatever changes metadata does so in a transaction, under the journal's mutex: writes that extend
// a file, writeback, and the shrinker of the inode cache. What is allocated below either mutex may
// not enter the file system again (GFP_NOFS).

import { Disk, type BlockDevice } from '../block/block.ts';
import { call, type Code } from '../core/code.ts';
import { wb_wakeup_delayed } from './fs-writeback.ts';
import { simfs_sync_file } from './fsync.ts';
import { jbd2_journal_get_write_access, jbd2_journal_start, jbd2_journal_stop } from './journal.ts';
import { Journal } from './journal.ts';
import { __GFP_FS, __GFP_NOFAIL, __GFP_WRITE, GFP_HIGHUSER_MOVABLE } from '../mm/gfp.ts';
import type { Kernel } from '../core/kernel.ts';
import type { Page } from '../mm/mmzone.ts';
import { Mutex, mutex_lock, mutex_unlock } from '../locking/mutex.ts';
import { balance_dirty_pages_ratelimited } from '../mm/page-writeback.ts';
import { mem_cgroup_charge } from '../mm/memcontrol.ts';
import { __alloc_pages, __free_pages } from '../mm/page-alloc.ts';
import { LOGLEVEL_ERR } from '../kernel/printk.ts';
import { cond_resched } from '../kernel/sched.ts';

/** Page cache of a write: GFP_NOFS|__GFP_HIGHMEM|__GFP_HARDWALL|__GFP_MOVABLE|__GFP_WRITE. */
const GFP_WRITE_BEGIN = (GFP_HIGHUSER_MOVABLE & ~__GFP_FS) | __GFP_WRITE;

/** Microseconds to copy one page. */
const COPY_US = 1;

/** A fast disk: 100 MB/s. */
const US_PER_PAGE = 40;

/** The only file system that is mounted. */
export class FileSystem {
  /** Held by whoever is inside a transaction. */
  readonly journal = new Mutex('journal of simfs');
  readonly jbd2 = new Journal();
  readonly disk = new Disk('vda', US_PER_PAGE);
  /** What it was made on: the disk, or what a scenario puts over it. */
  device: BlockDevice = this.disk;
  /** read_ahead_kb of it, in pages: what a page fault reads around its own; none unless told. */
  readAheadPages = 0;
  /** Writeback gives its pages to the device before its transaction ends, as ext4 does it. */
  submitsInTransaction = false;
  /** Pages that wait for writeback, the oldest first. */
  readonly dirty = new Set<Page>();
  /** Whose page a dirty one is. */
  readonly inodeOf = new Map<Page, Inode>();
  /** SB_RDONLY, since an error: nobody can write any more. */
  readOnly = false;
  /** Writes that failed for it with EROFS. */
  readOnlyErrors = 0;
}

/** An inode, as far as readers and writers meet at it. */
export class Inode {
  readonly lock: Mutex;
  /** Its blocks lie apart: whoever writes them must look for each. */
  readonly isFragmented: boolean;
  /** Blocks of metadata that describe what was set aside for it to grow into. */
  readonly blocksBehindEnd: number;
  /** Its pages that wait for writeback. */
  readonly dirty = new Set<Page>();
  /** Pages that somebody reads right now, by their index. */
  readonly reading = new Map<number, Page>();

  constructor(k: Kernel, name: string, options: InodeOptions = {}) {
    this.blocksBehindEnd = options.blocksBehindEnd ?? 0;
    this.isFragmented = options.isFragmented ?? false;
    this.lock = new Mutex(`i_mutex of ${name}`);
    k.locks.add(this.lock);
  }
}

/** What is special about an inode. */
export interface InodeOptions {
  readonly isFragmented?: boolean;
  readonly blocksBehindEnd?: number;
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
  /** O_SYNC: the pages are on the disk before the call returns. */
  readonly sync?: boolean;
  /** The file system cannot bear that its allocations fail: __GFP_NOFAIL. */
  readonly nofail?: boolean;
}

export function* __x64_sys_write(k: Kernel, write: Write): Code {
  yield* call(k, ksys_write, write);
}

function* ksys_write(k: Kernel, write: Write): Code {
  yield* call(k, vfs_write, write);
}

function* vfs_write(k: Kernel, write: Write): Code {
  yield* call(k, simfs_file_write_iter, write);
  // inc_syscw()
  k.current.calls.writes++;
}

function* simfs_file_write_iter(k: Kernel, write: Write): Code {
  if (k.fs.readOnly) {
    k.fs.readOnlyErrors++;
    return;
  }
  const { lock } = write.inode;
  yield* call(k, mutex_lock, lock);
  try {
    if (write.extends === true) yield* call(k, simfs_extend_file, write);
    else yield* call(k, generic_perform_write, write);
  } finally {
    mutex_unlock(k, lock);
  }
  if (write.sync === true) yield* call(k, simfs_sync_file, write.inode);
}

function* simfs_extend_file(k: Kernel, write: Write): Code {
  const handle = yield* call(k, jbd2_journal_start);
  try {
    if (yield* call(k, jbd2_journal_get_write_access)) {
      yield* call(k, generic_perform_write, write);
    } else simfs_error(k);
  } finally {
    jbd2_journal_stop(k, handle);
  }
  // Nobody waits for writeback inside a transaction.
  if (write.dirty === true) yield* call(k, balance_dirty_pages_ratelimited, k.fs.device);
}

/**
 * A transaction that was begun cannot be finished: its blocks may be half changed, and the file
 * system is as its mount option errors=remount-ro wants it from now on. That is the harm that
 * seed 003 expects of small allocations that fail.
 */
export function simfs_error(k: Kernel): void {
  if (k.fs.readOnly) return;
  k.fs.readOnly = true;
  k.printk(LOGLEVEL_ERR, 'simfs (vda1): error -12 in a transaction: aborting the journal');
  k.printk(LOGLEVEL_ERR, 'simfs (vda1): Remounting filesystem read-only');
}

function* generic_perform_write(k: Kernel, write: Write): Code {
  for (let i = 0; i < write.pages; i++) {
    if (write.cached !== true && !(yield* call(k, simfs_write_begin, write))) return;
    k.spend(COPY_US);
    if (write.dirty === true && write.extends !== true) {
      yield* call(k, balance_dirty_pages_ratelimited, k.fs.device);
    }
    yield* cond_resched(k);
  }
}

/** @returns whether there is a page in the page cache to write to */
function* simfs_write_begin(k: Kernel, write: Write): Code<boolean> {
  const { inode, dirty = false, nofail = false } = write;
  const gfp = GFP_WRITE_BEGIN | (nofail ? __GFP_NOFAIL : 0);
  const page = yield* call(k, __alloc_pages, { gfp, order: 0 });
  if (page === undefined) return false;
  if (!(yield* mem_cgroup_charge(k, k.current.process, { page, gfp: GFP_WRITE_BEGIN }))) {
    __free_pages(page);
    return false;
  }
  k.node.lru.inactive_file.add(page);
  if (dirty) {
    page.dirty = true;
    k.node.nrDirty++;
    page.zone.dirtiedPages++;
    k.current.nrDirtied++;
    k.fs.dirty.add(page);
    k.fs.inodeOf.set(page, inode);
    inode.dirty.add(page);
    wb_wakeup_delayed(k);
  }
  return true;
}
