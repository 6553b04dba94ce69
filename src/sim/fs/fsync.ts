// fsync(2) and writes with O_SYNC: the caller writes the file's pages itself, waits for each of
// them, and for the journal.

import { call, type Code } from '../core/code.ts';
import type { Kernel } from '../core/kernel.ts';
import { simfs_write_extents } from './extents.ts';
import type { Inode } from './file-system.ts';
import { jbd2_log_wait_commit } from './journal.ts';
import { folio_wait_writeback } from '../mm/filemap.ts';
import { simfs_writepages } from './writepages.ts';

export function* __x64_sys_fsync(k: Kernel, inode: Inode): Code {
  yield* call(k, do_fsync, inode);
}

function* do_fsync(k: Kernel, inode: Inode): Code {
  yield* call(k, vfs_fsync_range, inode);
}

function* vfs_fsync_range(k: Kernel, inode: Inode): Code {
  yield* call(k, simfs_sync_file, inode);
}

/** The file is on the disk when this returns. */
export function* simfs_sync_file(k: Kernel, inode: Inode): Code {
  yield* call(k, file_write_and_wait_range, inode);
  yield* call(k, jbd2_log_wait_commit);
}

function* file_write_and_wait_range(k: Kernel, inode: Inode): Code {
  const pages = [...inode.dirty];
  yield* call(k, inode.isFragmented ? simfs_write_extents : simfs_writepages, pages);
  for (const page of pages) yield* call(k, folio_wait_writeback, page);
}
