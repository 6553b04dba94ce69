// dm-crypt (drivers/md/dm-crypt.c): a device that encrypts what is written to the disk below. A
// bio is handed to the workqueue kcryptd, which needs a second bio and a page for every page of
// the first: to clean memory it needs memory, and mempools are to guarantee it.
//
//   submit_bio -> crypt_map -> [kcryptd] crypt_alloc_buffer, encryption -> [dmcrypt_write] disk
//   disk -> [kcryptd] decryption -> bio_endio                                    (what is read)

import { bio_alloc_bioset, bio_endio, BioSet, type Bio } from '../block/bio.ts';
import { submit_bio, type BlockDevice } from '../block/block.ts';
import { call, type Code } from '../core/code.ts';
import type { Kernel } from '../core/kernel.ts';
import { cond_resched, schedule } from '../kernel/sched.ts';
import { PF_LESS_THROTTLE, TASK_INTERRUPTIBLE } from '../kernel/task-bits.ts';
import type { Task } from '../kernel/task.ts';
import { finish_wait, prepare_to_wait, wake_up, WaitQueue } from '../kernel/wait.ts';
import {
  WQ_CPU_INTENSIVE,
  WQ_MEM_RECLAIM,
  WQ_UNBOUND,
  type Workqueue,
} from '../kernel/worker-pool.ts';
import { alloc_workqueue, INIT_WORK, queue_work } from '../kernel/workqueue.ts';
import { Mutex, mutex_lock, mutex_unlock } from '../locking/mutex.ts';
import { __GFP_DIRECT_RECLAIM, __GFP_HIGHMEM, __GFP_KSWAPD_RECLAIM, GFP_NOIO } from '../mm/gfp.ts';
import {
  mempool_alloc,
  mempool_create,
  mempool_free,
  PAGE_SOURCE,
  type Mempool,
  type MempoolElement,
} from '../mm/mempool.ts';
import { adoptStage, leaveStage } from '../remedies/phased-watermarks.ts';
import { WorkerWaits } from './worker-waits.ts';

/**
 * Bios in reserve. 64 since commit 0a83df6c8cac ("dm crypt: increase mempool reserve to better
 * support swapping"), in Linux 4.8; the kernel of seed 004 is older.
 */
const MIN_IOS = 16;
/** BIO_MAX_PAGES: the reserve of pages, for one bio of the largest size (as in Linux 4.1). */
const POOL_PAGES = 256;
/** Microseconds to encrypt or decrypt a page: AES-XTS at 400 MB/s. */
const CRYPT_US = 10;
/** TASK_COMM_LEN without the NUL: longer names of threads are cut. */
const COMM_MAX = 15;
/** GFP_NOWAIT | __GFP_HIGHMEM */
const GFP_BUFFER = __GFP_KSWAPD_RECLAIM | __GFP_HIGHMEM;

/** A bio on its way through: struct dm_crypt_io, and dm's own part of it. */
interface CryptIo {
  readonly base: Bio;
  /** dm's struct dm_target_io. */
  readonly tio: Bio;
  /** The stage of reclaim that it was submitted in; see remedies/phased-watermarks.ts. */
  readonly stage: number;
}

/** struct crypt_config: an encrypted device. */
export class DmCrypt implements BlockDevice {
  readonly name: string;
  readonly submit = dm_submit_bio;
  readonly lower: BlockDevice;
  /** md->bs */
  readonly tioSet: BioSet;
  /** cc->bs; the set of the file systems where the driver has that bug. */
  readonly cloneSet: BioSet;
  readonly pagePool: Mempool;
  readonly bioAllocLock: Mutex;
  readonly kcryptd: Workqueue;
  /** Bios that are encrypted, for the thread that sends them. */
  readonly writes: Bio[] = [];
  readonly writeWait = new WaitQueue('write_thread_wait');
  writeTask: Task | undefined;
  /** What the workers of kcryptd waited for. */
  readonly waits = new WorkerWaits();

  constructor(k: Kernel, { name, lower }: { name: string; lower: BlockDevice }) {
    this.name = name;
    this.lower = lower;
    this.tioSet = new BioSet(k, { name: `${name}: tio`, poolSize: MIN_IOS });
    this.cloneSet = k.options.sharedBioSet
      ? k.fsBioSet
      : new BioSet(k, { name: `${name}: crypt`, poolSize: MIN_IOS });
    const pool = { name: `${name}: page_pool`, minNr: POOL_PAGES, source: PAGE_SOURCE };
    this.pagePool = mempool_create(k, pool);
    this.bioAllocLock = new Mutex(`bio_alloc_lock of ${name}`);
    k.locks.add(this.bioAllocLock);
    this.kcryptd = alloc_workqueue(k, {
      name: `kcryptd/${name}`,
      flags: WQ_CPU_INTENSIVE | WQ_MEM_RECLAIM | WQ_UNBOUND,
      maxActive: k.options.cpuCount,
    });
  }

  /** Those that have a bio in hand; while nobody does, the rescuer, which is there for that. */
  workers(): readonly Task[] {
    const { pwqs, rescuer } = this.kcryptd;
    const busy = pwqs.flatMap(({ pool }) =>
      pool.busy.filter(({ currentPwq }) => currentPwq?.wq === this.kcryptd),
    );
    const tasks = (busy.length > 0 ? busy : [rescuer]).flatMap((worker) => worker?.task ?? []);
    return this.writeTask === undefined ? tasks : [...tasks, this.writeTask];
  }
}

/** crypt_ctr(): a device over another one. */
export function crypt_ctr(k: Kernel, name: string, lower: BlockDevice): DmCrypt {
  const crypt = new DmCrypt(k, { name, lower });
  const comm = `dmcrypt_write/${name}`.slice(0, COMM_MAX);
  crypt.writeTask = k.kthread({ comm }, dmcrypt_write, crypt);
  return crypt;
}

function* dm_submit_bio(k: Kernel, base: Bio): Code {
  const crypt = base.device as DmCrypt;
  const plan = { device: crypt, pages: base.pages, isWrite: base.isWrite, end: () => undefined };
  const tio = yield* call(k, bio_alloc_bioset, { set: crypt.tioSet, gfp: GFP_NOIO, plan });
  if (tio === undefined) return;
  tio.element.holders = () => crypt.workers();
  yield* call(k, crypt_map, crypt, { base, tio, stage: k.current.reclaimStage });
}

/** What is to be written is encrypted first; what is to be read is read first. */
function* crypt_map(k: Kernel, crypt: DmCrypt, io: CryptIo): Code {
  if (io.base.isWrite) kcryptd_queue_crypt(k, crypt, io);
  else yield* call(k, kcryptd_io_read, crypt, io);
}

function kcryptd_queue_crypt(k: Kernel, crypt: DmCrypt, io: CryptIo): void {
  queue_work(k, crypt.kcryptd, INIT_WORK(kcryptd_crypt, crypt, io));
}

function* kcryptd_io_read(k: Kernel, crypt: DmCrypt, io: CryptIo): Code {
  const end = (): void => kcryptd_queue_crypt(k, crypt, io);
  const plan = { device: crypt.lower, pages: io.base.pages, isWrite: false, end };
  const clone = yield* call(k, bio_alloc_bioset, { set: crypt.cloneSet, gfp: GFP_NOIO, plan });
  if (clone !== undefined) yield* call(k, submit_bio, clone);
}

function* kcryptd_crypt(k: Kernel, crypt: DmCrypt, io: CryptIo): Code {
  const flags = k.current.flags & PF_LESS_THROTTLE;
  // An idea of seed 004: whoever cleans memory for others is not to be throttled with them.
  if (k.options.dmCryptLessThrottle) k.current.flags |= PF_LESS_THROTTLE;
  const own = adoptStage(k, io.stage);
  const from = crypt.waits.begin(k);
  if (io.base.isWrite) yield* call(k, kcryptd_crypt_write_convert, crypt, io);
  else yield* call(k, kcryptd_crypt_read_convert, io);
  crypt.waits.end(k, from);
  leaveStage(k, own);
  if (k.options.dmCryptLessThrottle) {
    k.current.flags = (k.current.flags & ~PF_LESS_THROTTLE) | flags;
  }
}

function* kcryptd_crypt_read_convert(k: Kernel, io: CryptIo): Code {
  k.spend(CRYPT_US * io.base.pages);
  yield* cond_resched(k);
  endIo(k, io);
}

/** crypt_dec_pending() */
function endIo(k: Kernel, { base, tio }: CryptIo): void {
  bio_endio(k, tio);
  bio_endio(k, base);
}

function* kcryptd_crypt_write_convert(k: Kernel, crypt: DmCrypt, io: CryptIo): Code {
  const clone = yield* call(k, crypt_alloc_buffer, crypt, io);
  k.spend(CRYPT_US * io.base.pages);
  yield* cond_resched(k);
  crypt.writes.push(clone);
  wake_up(k, crypt.writeWait);
}

/**
 * A bio with pages for the encrypted data. Several of these at a time could each have a part of
 * the reserve and wait for the rest of it for ever: who may sleep takes a lock for it.
 */
function* crypt_alloc_buffer(k: Kernel, crypt: DmCrypt, io: CryptIo): Code<Bio> {
  const first = yield* tryBuffer(k, crypt, { io, gfp: GFP_BUFFER });
  if (first !== undefined) return first;
  yield* call(k, mutex_lock, crypt.bioAllocLock);
  try {
    for (;;) {
      const gfp = GFP_BUFFER | __GFP_DIRECT_RECLAIM;
      const clone = yield* tryBuffer(k, crypt, { io, gfp });
      if (clone !== undefined) return clone;
    }
  } finally {
    mutex_unlock(k, crypt.bioAllocLock);
  }
}

/** Inlined: one attempt. @returns undefined where a page was not there, and nothing is kept */
function* tryBuffer(
  k: Kernel,
  crypt: DmCrypt,
  { io, gfp }: { io: CryptIo; gfp: number },
): Code<Bio | undefined> {
  const pages: MempoolElement[] = [];
  const freePages = (): void => pages.forEach((page) => mempool_free(k, crypt.pagePool, page));
  const end = (): void => {
    freePages();
    endIo(k, io);
  };
  const plan = { device: crypt.lower, pages: io.base.pages, isWrite: true, end };
  const clone = yield* call(k, bio_alloc_bioset, { set: crypt.cloneSet, gfp: GFP_NOIO, plan });
  if (clone === undefined) return undefined;
  for (let i = 0; i < io.base.pages; i++) {
    const page = yield* call(k, mempool_alloc, crypt.pagePool, gfp);
    if (page === undefined) {
      freePages();
      mempool_free(k, crypt.cloneSet.pool, clone.element);
      return undefined;
    }
    page.holders = () => clone.element.holders();
    pages.push(page);
  }
  return clone;
}

/** Sends what is encrypted, so that a worker never waits for the disk. */
function* dmcrypt_write(k: Kernel, crypt: DmCrypt): Code {
  for (;;) {
    const clone = crypt.writes.shift();
    if (clone === undefined) {
      prepare_to_wait(k, crypt.writeWait, TASK_INTERRUPTIBLE);
      yield* call(k, schedule);
      finish_wait(k, crypt.writeWait);
    } else yield* call(k, submit_bio, clone);
  }
}
