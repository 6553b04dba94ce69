// Writing a file whose blocks lie all over the disk, as ext4 does it (fs/ext4/inode.c,
// mpage_map_and_submit_extent()): pages are put under writeback extent by extent and collected for
// one I/O, and to find the next extent a block of the extent tree may have to be read, for which a
// page is charged to the cgroup of whoever writes. Until the I/O is submitted nobody else can end
// the writeback of the pages that it has collected.

import { bio_alloc_bioset } from '../block/bio.ts';
import { submit_bio, type BlockDevice } from '../block/block.ts';
import { call, type Code } from '../core/code.ts';
import type { Kernel } from '../core/kernel.ts';
import { jbd2_journal_start, jbd2_journal_stop } from './journal.ts';
import { folio_end_writeback, folio_start_writeback } from '../mm/filemap.ts';
import { __GFP_MOVABLE, __GFP_NOFAIL, GFP_NOFS } from '../mm/gfp.ts';
import { mem_cgroup_charge } from '../mm/memcontrol.ts';
import type { Page } from '../mm/mmzone.ts';
import { __alloc_pages } from '../mm/page-alloc.ts';
import type { Task } from '../kernel/task.ts';
import { takeFromDirty } from './writepages.ts';

/** Pages of the file whose extents one block of the tree describes. */
const PAGES_PER_TREE_BLOCK = 32;
/** BIO_MAX_VECS */
const PAGES_PER_BIO = 256;
/** Microseconds to find an extent. */
const FIND_US = 5;
/** Page cache of the block device, which getblk cannot do without. */
const GFP_GETBLK = GFP_NOFS | __GFP_MOVABLE | __GFP_NOFAIL;

/** Writes pages of such a file within one transaction. */
export function* simfs_write_extents(k: Kernel, pages: readonly Page[]): Code {
  const handle = yield* call(k, jbd2_journal_start);
  try {
    yield* call(k, mpage_map_and_submit_extent, pages);
  } finally {
    jbd2_journal_stop(k, handle);
  }
}

function* mpage_map_and_submit_extent(k: Kernel, pages: readonly Page[]): Code {
  const mine = collectedBy(k.current, k.fs.device);
  const collected: Page[] = [];
  for (const [i, page] of pages.entries()) {
    if (i % PAGES_PER_TREE_BLOCK === 0) yield* call(k, simfs_ext_map_blocks);
    if (!page.dirty) continue;
    takeFromDirty(k, page);
    folio_start_writeback(k, page, mine);
    collected.push(page);
  }
  while (collected.length > 0) {
    yield* call(k, ext4_io_submit, collected.splice(0, PAGES_PER_BIO));
  }
}

/** What a task has collected and not submitted is nobody else's to end. */
function collectedBy(task: Task, device: BlockDevice): BlockDevice {
  return { name: device.name, submit: device.submit, workers: () => [task] };
}

function* simfs_ext_map_blocks(k: Kernel): Code {
  k.spend(FIND_US);
  yield* call(k, __read_extent_tree_block);
}

function* __read_extent_tree_block(k: Kernel): Code {
  yield* call(k, __getblk_gfp);
}

/** A block of the device in the page cache: reclaim may take it as soon as it has been used. */
function* __getblk_gfp(k: Kernel): Code {
  const page = yield* call(k, __alloc_pages, { gfp: GFP_GETBLK, order: 0 });
  if (page === undefined) return;
  yield* mem_cgroup_charge(k, k.current.process, { page, gfp: GFP_GETBLK });
  k.node.lru.inactive_file.add(page);
}

function* ext4_io_submit(k: Kernel, pages: readonly Page[]): Code {
  const { device } = k.fs;
  for (const page of pages) k.writeback.inFlight.set(page, device);
  const end = (): void => {
    for (const page of pages) folio_end_writeback(k, page);
  };
  const plan = { device, pages: pages.length, isWrite: true, end };
  const bio = yield* call(k, bio_alloc_bioset, { set: k.fsBioSet, gfp: GFP_NOFS, plan });
  if (bio !== undefined) yield* call(k, submit_bio, bio);
}
