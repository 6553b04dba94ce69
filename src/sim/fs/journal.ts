// The journal of the file system, after jbd2 (fs/jbd2): a handle is a place in the running
// transaction, and its holder may not enter the file system again; a thread writes the transaction
// every five seconds, or when somebody waits for it.

import { bio_alloc_bioset, type BioPlan } from '../block/bio.ts';
import { submit_bio } from '../block/block.ts';
import { io_schedule } from '../block/congestion.ts';
import { call, type Code } from '../core/code.ts';
import type { Kernel } from '../core/kernel.ts';
import { mutex_lock, mutex_unlock } from '../locking/mutex.ts';
import { GFP_NOFS, GFP_NOIO } from '../mm/gfp.ts';
import { kmem_cache_alloc, kmem_cache_free, KmemCache } from '../mm/slab.ts';
import { PF_MEMALLOC_NOFS, TASK_INTERRUPTIBLE, TASK_UNINTERRUPTIBLE } from '../kernel/task-bits.ts';
import type { Task } from '../kernel/task.ts';
import { schedule_timeout } from '../kernel/timer.ts';
import { finish_wait, prepare_to_wait, wake_up, WaitQueue } from '../kernel/wait.ts';
import type { WaitTarget } from '../locking/wait-target.ts';

/** JBD2_DEFAULT_MAX_COMMIT_AGE, in seconds. */
const COMMIT_SECONDS = 5;
/** struct journal_head, and how many buffers a block that describes them has room for. */
const JOURNAL_HEAD_BYTES = 120;
const TAGS_PER_BLOCK = 254;

/** journal_t. */
export class Journal implements WaitTarget {
  readonly name = 'commit of the journal';
  readonly kind = 'journal_t';
  readonly heads = new KmemCache('jbd2_journal_head', JOURNAL_HEAD_BYTES);
  /** Buffers of the running transaction. */
  buffers = 0;
  /** Somebody changed something since the last commit. */
  hasUpdates = false;
  /** j_commit_request and j_commit_sequence. */
  requested = 0;
  committed = 0;
  task: Task | undefined;
  /** j_wait_commit and j_wait_done_commit. */
  readonly waitCommit = new WaitQueue('j_wait_commit');
  readonly waitDone = new WaitQueue('j_wait_done_commit');

  holders(): readonly Task[] {
    return this.task === undefined ? [] : [this.task];
  }
}

/** memalloc_nofs_save() @returns what {@link memalloc_nofs_restore} needs */
export function memalloc_nofs_save(k: Kernel): number {
  const saved = k.current.flags & PF_MEMALLOC_NOFS;
  k.current.flags |= PF_MEMALLOC_NOFS;
  return saved;
}

/** Ends a section that forbids the file system, unless it lies within another one. */
export function memalloc_nofs_restore(k: Kernel, saved: number): void {
  k.current.flags = (k.current.flags & ~PF_MEMALLOC_NOFS) | saved;
}

/** Begins a transaction. @returns what {@link jbd2_journal_stop} needs */
export function* jbd2_journal_start(k: Kernel): Code<number> {
  yield* call(k, mutex_lock, k.fs.journal);
  k.fs.jbd2.hasUpdates = true;
  return memalloc_nofs_save(k);
}

/** Ends it. */
export function jbd2_journal_stop(k: Kernel, handle: number): void {
  memalloc_nofs_restore(k, handle);
  mutex_unlock(k, k.fs.journal);
}

/** @returns whether there was memory to remember what the buffer was; else all must be aborted */
export function* jbd2_journal_get_write_access(k: Kernel): Code<boolean> {
  const { jbd2 } = k.fs;
  if (!(yield* call(k, kmem_cache_alloc, { cache: jbd2.heads, gfp: GFP_NOFS }))) return false;
  jbd2.buffers++;
  return true;
}

/** Waits until what has been changed so far is on the disk. */
export function* jbd2_log_wait_commit(k: Kernel): Code {
  const { jbd2 } = k.fs;
  if (jbd2.task === undefined || !jbd2.hasUpdates) return;
  const wanted = jbd2.committed + 1;
  jbd2.requested = Math.max(jbd2.requested, wanted);
  wake_up(k, jbd2.waitCommit);
  k.current.blockedOn = jbd2;
  while (jbd2.committed < wanted) {
    prepare_to_wait(k, jbd2.waitDone, TASK_UNINTERRUPTIBLE);
    yield* call(k, io_schedule);
    finish_wait(k, jbd2.waitDone);
  }
  k.current.blockedOn = undefined;
}

/** Starts the thread that commits. */
export function startJournal(k: Kernel): void {
  k.fs.jbd2.task = k.kthread({ comm: 'jbd2/vda1-8' }, kjournald2);
}

function* kjournald2(k: Kernel): Code {
  const { jbd2 } = k.fs;
  for (;;) {
    if (jbd2.requested <= jbd2.committed) {
      prepare_to_wait(k, jbd2.waitCommit, TASK_INTERRUPTIBLE);
      yield* call(k, schedule_timeout, COMMIT_SECONDS * k.options.hz);
      finish_wait(k, jbd2.waitCommit);
    }
    if (jbd2.hasUpdates) yield* call(k, jbd2_journal_commit_transaction);
    jbd2.committed++;
    wake_up(k, jbd2.waitDone);
  }
}

/** No handle is open while the blocks are being sent; the disk may take its time after that. */
function* jbd2_journal_commit_transaction(k: Kernel): Code {
  const { jbd2, device, journal } = k.fs;
  yield* call(k, mutex_lock, journal);
  const { buffers } = jbd2;
  jbd2.buffers = 0;
  jbd2.hasUpdates = false;
  const described = Math.max(1, Math.ceil(buffers / TAGS_PER_BLOCK));
  const blocks = new JournalBlocks(described + buffers + 1);
  const end = (): void => blocks.done(k);
  const plan: BioPlan = { device, pages: 1, isWrite: true, end };
  for (let i = 0; i < blocks.pending; i++) blocks.sent += yield* sendBlock(k, plan);
  mutex_unlock(k, journal);
  while (blocks.ended < blocks.sent) yield* call(k, wait_on_buffer, blocks);
  for (let i = 0; i < buffers; i++) kmem_cache_free(jbd2.heads);
}

function* sendBlock(k: Kernel, plan: BioPlan): Code<number> {
  const bio = yield* call(k, bio_alloc_bioset, { set: k.fsBioSet, gfp: GFP_NOIO, plan });
  if (bio === undefined) return 0;
  yield* call(k, submit_bio, bio);
  return 1;
}

/** The blocks of one commit on their way to the disk. */
class JournalBlocks {
  /** How many there are to send, were sent, and have arrived. */
  readonly pending: number;
  sent = 0;
  ended = 0;
  readonly wait = new WaitQueue('journal blocks');

  constructor(pending: number) {
    this.pending = pending;
  }

  done(k: Kernel): void {
    this.ended++;
    wake_up(k, this.wait);
  }
}

function* wait_on_buffer(k: Kernel, blocks: JournalBlocks): Code {
  const { device } = k.fs;
  k.current.blockedOn = {
    name: `journal blocks on ${device.name}`,
    kind: 'BH_Lock',
    holders: () => device.workers(),
  };
  prepare_to_wait(k, blocks.wait, TASK_UNINTERRUPTIBLE);
  yield* call(k, io_schedule);
  finish_wait(k, blocks.wait);
  k.current.blockedOn = undefined;
}
