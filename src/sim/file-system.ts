// A journaling file system, as small as stalls need it: a file is written under its inode's mutex,
// and what is allocated meanwhile may not enter the file system again (GFP_NOFS).

import { call, type Code } from './code.ts';
import { __GFP_FS, __GFP_WRITE, GFP_HIGHUSER_MOVABLE } from './gfp.ts';
import type { Kernel } from './kernel.ts';
import { Mutex, mutex_lock, mutex_unlock } from './mutex.ts';
import { __alloc_pages } from './page-alloc.ts';
import { cond_resched } from './sched.ts';

/** Page cache of a write: GFP_NOFS|__GFP_HIGHMEM|__GFP_HARDWALL|__GFP_MOVABLE|__GFP_WRITE. */
const GFP_WRITE_BEGIN = (GFP_HIGHUSER_MOVABLE & ~__GFP_FS) | __GFP_WRITE;

/** Microseconds to copy one page. */
const COPY_US = 1;

/** An inode, as far as writers meet at it. */
export class Inode {
  readonly lock: Mutex;

  constructor(k: Kernel, name: string) {
    this.lock = new Mutex(`i_mutex of ${name}`);
    k.mutexes.push(this.lock);
  }
}

/** write(2) of so many pages. */
export interface Write {
  readonly inode: Inode;
  readonly pages: number;
  /** Overwrites what is in the page cache, and needs no memory. */
  readonly cached?: boolean;
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
    yield* call(k, generic_perform_write, write);
  } finally {
    mutex_unlock(k, lock);
  }
}

function* generic_perform_write(k: Kernel, { pages, cached = false }: Write): Code {
  for (let i = 0; i < pages; i++) {
    if (!cached && !(yield* call(k, simfs_write_begin))) return;
    k.spend(COPY_US);
    yield* cond_resched(k);
  }
}

/** @returns whether there is a page in the page cache to write to */
function* simfs_write_begin(k: Kernel): Code<boolean> {
  const page = yield* call(k, __alloc_pages, { gfp: GFP_WRITE_BEGIN, order: 0 });
  if (page === undefined) return false;
  k.node.lru.inactive_file.add(page);
  return true;
}
