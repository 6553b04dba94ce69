// unlink(2) of a large file: one long transaction, which reads block after block of metadata into
// pages of the kernel. They are asked for with GFP_NOFS, for the journal is held.

import { call, type Code } from '../core/code.ts';
import type { Kernel } from '../core/kernel.ts';
import { syscall } from '../kernel/entry.ts';
import { cond_resched } from '../kernel/sched.ts';
import { __x64_sys_nanosleep } from '../core/time.ts';
import { GFP_NOFS } from '../mm/gfp.ts';
import type { Page } from '../mm/mmzone.ts';
import { __alloc_pages, __free_pages } from '../mm/page-alloc.ts';
import type { Program } from '../programs.ts';
import { simfs_error } from './file-system.ts';
import { jbd2_journal_start, jbd2_journal_stop } from './journal.ts';

/** Microseconds to change one block of metadata. */
const CHANGE_US = 200;

/** A program that removes files of so many blocks of metadata, one after the other. */
export function unlinker({ blocks, sleepUs }: { blocks: number; sleepUs: number }): Program {
  return function* (k) {
    for (;;) {
      yield* syscall(k, __x64_sys_unlinkat, blocks);
      yield* syscall(k, __x64_sys_nanosleep, sleepUs);
    }
  };
}

export function* __x64_sys_unlinkat(k: Kernel, blocks: number): Code {
  yield* call(k, do_unlinkat, blocks);
}

function* do_unlinkat(k: Kernel, blocks: number): Code {
  if (k.fs.readOnly) k.fs.readOnlyErrors++;
  else yield* call(k, simfs_evict_inode, blocks);
}

function* simfs_evict_inode(k: Kernel, blocks: number): Code {
  const handle = yield* call(k, jbd2_journal_start);
  const pages: Page[] = [];
  for (let i = 0; i < blocks; i++) {
    const page = yield* call(k, simfs_bread, GFP_NOFS);
    if (page === undefined) {
      // The file is half removed.
      simfs_error(k);
      break;
    }
    pages.push(page);
    k.spend(CHANGE_US);
    yield* cond_resched(k);
  }
  jbd2_journal_stop(k, handle);
  for (const page of pages) __free_pages(page);
}

/** A block of metadata, in a page of the kernel. */
function* simfs_bread(k: Kernel, gfp: number): Code<Page | undefined> {
  return yield* call(k, __alloc_pages, { gfp, order: 0 });
}
