// Closing a file for the last time (fs/file_table.c). A file that grew has blocks set aside behind
// its end, which the file system takes back now, as xfs_release() does: under the inode's lock, in
// a transaction, and with metadata in hand for which it needs pages. Who exits closes its files
// after it has left its address space, and so is no OOM victim any more while it does.

import { call, type Code } from '../core/code.ts';
import type { Kernel } from '../core/kernel.ts';
import { cond_resched } from '../kernel/sched.ts';
import { mutex_lock, mutex_unlock } from '../locking/mutex.ts';
import { __GFP_NOWARN, GFP_NOFS } from '../mm/gfp.ts';
import type { Page } from '../mm/mmzone.ts';
import { __alloc_pages, __free_pages } from '../mm/page-alloc.ts';
import type { Inode } from './file-system.ts';
import { jbd2_journal_start, jbd2_journal_stop } from './journal.ts';

/** What a buffer of metadata is asked for with: xb_to_gfp() of XFS. */
const GFP_BUFFER = GFP_NOFS | __GFP_NOWARN;
/** Microseconds to take back what one block describes. */
const FREE_US = 50;

/** The last reference is gone. */
export function* ____fput(k: Kernel, inode: Inode): Code {
  yield* call(k, __fput, inode);
}

function* __fput(k: Kernel, inode: Inode): Code {
  yield* call(k, simfs_release_file, inode);
}

function* simfs_release_file(k: Kernel, inode: Inode): Code {
  if (inode.blocksBehindEnd > 0) yield* call(k, simfs_free_eofblocks, inode);
}

function* simfs_free_eofblocks(k: Kernel, inode: Inode): Code {
  yield* call(k, mutex_lock, inode.lock);
  const handle = yield* call(k, jbd2_journal_start);
  const buffers: Page[] = [];
  for (let block = 0; block < inode.blocksBehindEnd; block++) {
    const buffer = yield* call(k, simfs_buf_get);
    if (buffer === undefined) break;
    buffers.push(buffer);
    k.spend(FREE_US);
    yield* cond_resched(k);
  }
  jbd2_journal_stop(k, handle);
  mutex_unlock(k, inode.lock);
  for (const buffer of buffers) __free_pages(buffer);
}

function* simfs_buf_get(k: Kernel): Code<Page | undefined> {
  return yield* call(k, __alloc_pages, { gfp: GFP_BUFFER, order: 0 });
}
