// Boot parameters and build options of the simulated kernel: what a scenario, a remedy or the user
// turns. What a kernel has is said by what it does, never by a version; the comments name the
// release in which Linux changed.

import type { KernelWords } from '../flavour/words.ts';
import type { PatchName } from '../watchdog/patch-version.ts';

/** What kernels have or lack. */
export interface KernelFeatures {
  /** Since Linux 4.6: a thread that takes a victim's memory away when the victim cannot. */
  readonly oomReaper: boolean;
  /**
   * Seconds that a victim has before the reaper comes; since Linux 5.18 (e4a38402c36e, "oom_kill.c:
   * futex: delay the OOM reaper to allow time for proper futex cleanup").
   */
  readonly oomReaperDelay: number;
  /**
   * Since Linux 4.7 (449d777d7ad6, "mm, oom_reaper: clear TIF_MEMDIE for all tasks queued for
   * oom_reaper"): when the reaper could not get a victim's mmap_lock, another one is chosen.
   */
  readonly skipsUnreapable: boolean;
  /**
   * Up to Linux 4.5 (6a618957ad17, "mm: oom_kill: don't ignore oom score on exiting tasks"): while
   * a task with memory is exiting nobody is chosen, for that memory is expected to come back.
   */
  readonly exitingBlocksOomKiller: boolean;
  /**
   * Linux 3.8 (9ff4868e3051, "mm, oom: allow exiting threads to have access to memory reserves") to
   * 4.7: an exiting task that calls the OOM killer may use the reserves. Before, another one that
   * was exiting kept it from them; since then they are for processes that exit as a whole.
   */
  readonly exitingUsesReserves: boolean;
  /**
   * Linux 3.19 to 4.14 (c7cdff0e8647, "virtio_balloon: fix deadlock on OOM"): fill_balloon() takes
   * pages while it holds balloon_lock, which the balloon's OOM notifier needs.
   */
  readonly balloonAllocatesUnderLock: boolean;
  /**
   * Linux 3.19 (9879de7373fc, "mm: page_alloc: embed OOM killing naturally into allocation
   * slowpath") to 4.10 (06ad276ac187, "mm, oom: do not enforce OOM killer for __GFP_NOFAIL
   * automatically"): __GFP_NOFAIL has somebody killed even without __GFP_FS.
   */
  readonly nofailInvokesOom: boolean;
  /** Up to Linux 4.6: who asks without __GFP_FS does not come as far as out_of_memory(). */
  readonly oomNeedsFs: boolean;
  /**
   * Since Linux 4.12 (c73322d098e4, "mm: fix 100% CPU kswapd busyloop on unreclaimable nodes"):
   * kswapd gives up after 16 runs without a page, and nobody waits for it then.
   */
  readonly kswapdGivesUp: boolean;
  /** The file system's shrinker waits for the journal; most shrinkers only try their locks. */
  readonly blockingShrinker: boolean;
  /**
   * Since Linux 4.11 (c55e8d035b28, "mm: vmscan: move dirty pages out of the way until they're
   * flushed"): dirty pages and those under writeback go to the active list, and kswapd writes what
   * it meets there for the second time.
   */
  readonly activatesDirty: boolean;
  /**
   * Up to Linux 4.13 (db73ee0d4637, "mm, vmscan: do not loop on too_many_isolated for ever"):
   * whoever finds too many pages isolated waits for as long as that is so.
   */
  readonly endlessIsolation: boolean;
  /** Linux 3.12 to 4.18: a cgroup's OOM killer waits until the page fault has let its locks go. */
  readonly memcgOomAtFault: boolean;
  /**
   * Linux 3.6 to 4.1: reclaim for a cgroup's limit waits for writeback even where the file system
   * must not be entered (ecf5fc6e9654, "mm, vmscan: Do not wait for page writeback for GFP_NOFS
   * allocations", in 4.2 and in stable releases of 4.1); cgroup v1.
   */
  readonly memcgWaitsOnWriteback: boolean;
  /** Up to Linux 4.8: reclaim waits while much is under writeback (throttle_vm_writeout()). */
  readonly throttleVmWriteout: boolean;
  /**
   * Since Linux 4.7 (a53eaff8c119, "MM: increase safety margin provided by PF_LESS_THROTTLE"): who
   * is throttled less has, besides a quarter of the limit, a thirty-second of the one in force.
   */
  readonly lessThrottleMargin: boolean;
  /** vm.dirty_ratio: percent of dirtyable memory above which writers wait; 100 as good as never. */
  readonly dirtyRatio: number;
  /** A bug of drivers: bios for the device below come from the set that the file system uses. */
  readonly sharedBioSet: boolean;
  /** Microseconds that the console takes for a line of the log; 0 where nobody listens. */
  readonly consoleUs: number;
  /**
   * Not in Linux 4.14, and in all since 4.18 (dbdda842fe96, "printk: Add console owner and waiter
   * logic to load balance console writes"): whoever calls printk() while another one prints takes
   * over from him after the line. Before, he prints what all others add for as long as they do.
   */
  readonly consoleHandover: boolean;
  /** CONFIG_ZONE_DMA: the first 16 MiB are a zone of their own. */
  readonly zoneDma: boolean;
  /** Since Linux 4.9 (on x86): kernel stacks are single pages, mapped side by side. */
  readonly vmapStack: boolean;
  /**
   * Up to Linux 4.6 (0a0337e0d1d1, "mm, oom: rework oom detection"): an attempt counts as progress,
   * and nobody is killed, as long as the counters say that a zone is reclaimable.
   */
  readonly retriesWhileReclaimable: boolean;
  /**
   * Since Linux 4.5, and in stable releases of 4.4 (564e81a57f97): a kworker sleeps between two
   * attempts. It was to in 4.4 (373ccbe59270, "mm, vmstat: allow WQ concurrency to discover memory
   * reclaim doesn't make any progress"), but was TASK_RUNNING there, which does not sleep.
   */
  readonly workerSleeps: boolean;
  /**
   * Until Linux 4.14 (cd04ae1e2dc8, "mm, oom: do not rely on TIF_MEMDIE for memory reserves
   * access"): TIF_MEMDIE opens the reserves, all of them, to the one thread that has it, and it has
   * it until it has left its address space. Since then each thread of a victim may use half of
   * them.
   */
  readonly reservesByThread: boolean;
  /**
   * Until 2019 (Shakeel Butt, "mm, oom: remove 'prefer children over parent' heuristic"): instead
   * of the process that was chosen its largest child is killed.
   */
  readonly oomPrefersChildren: boolean;
  /**
   * Since Linux 4.7 (dc0ef0df7b6a, "mm: make mmap_sem for write waits killable for mm syscalls"): a
   * fatal signal ends a wait for mmap_lock.
   */
  readonly killableMmapLock: boolean;
  /**
   * In Linux 4.4, on XFS and other file systems whose page cache may not enter the file system: nor
   * may a page fault in a file (until "mm: allow GFP_{FS,IO} for page_cache_read page cache
   * allocation" by Michal Hocko).
   */
  readonly faultsAvoidFs: boolean;
  /**
   * As in Linux 4.4: the timer wheel cascades, and a timer expires in its very jiffy. The wheel
   * that replaced it is the coarser, the farther away the time is.
   */
  readonly cascadingTimers: boolean;
  /**
   * Linux 4.11 to 5.19: the per-CPU lists of free pages are emptied by a work of each CPU, and
   * whoever needs the pages waits for all of them. Before, an interrupt did it; since then the CPU
   * that needs them does.
   */
  readonly drainsByWork: boolean;
  /** There is a CD-ROM drive, which a kworker looks at every two seconds. */
  readonly cdrom: boolean;
}

/** What a kernel has unless its scenario says otherwise. */
export const FEATURES_DEFAULT: KernelFeatures = {
  oomReaper: false,
  oomReaperDelay: 2,
  skipsUnreapable: true,
  exitingBlocksOomKiller: false,
  exitingUsesReserves: false,
  balloonAllocatesUnderLock: false,
  nofailInvokesOom: false,
  oomNeedsFs: false,
  kswapdGivesUp: true,
  blockingShrinker: true,
  activatesDirty: true,
  endlessIsolation: false,
  memcgOomAtFault: false,
  memcgWaitsOnWriteback: false,
  throttleVmWriteout: false,
  lessThrottleMargin: true,
  dirtyRatio: 20,
  sharedBioSet: false,
  consoleUs: 0,
  consoleHandover: true,
  zoneDma: true,
  vmapStack: true,
  retriesWhileReclaimable: false,
  workerSleeps: true,
  reservesByThread: false,
  oomPrefersChildren: false,
  killableMmapLock: true,
  faultsAvoidFs: false,
  cascadingTimers: false,
  drainsByWork: false,
  cdrom: true,
};

/** Changes that were proposed against stalls; each is off in every kernel that was released. */
export interface Remedies {
  /** Seconds after which another victim is chosen, if one does not die (seed 003); 0 for never. */
  readonly oomTimeout: number;
  /** kcryptd runs with PF_LESS_THROTTLE (seed 004). */
  readonly dmCryptLessThrottle: boolean;
  /** mempool_alloc() sets PF_LESS_THROTTLE for whoever may sleep in it (seed 004). */
  readonly mempoolLessThrottle: boolean;
  /** throttle_vm_writeout() lets __GFP_NORETRY pass (seed 004). */
  readonly noretryNoThrottle: boolean;
  /** mempool_alloc() never enters direct reclaim (seed 004). */
  readonly mempoolNoDirectReclaim: boolean;
  /** Small requests fail after some attempts, unless __GFP_NOFAIL (seed 003, LWN 636017). */
  readonly failSmallAllocs: boolean;
  /** A reserve for requests that may invoke the OOM killer (seed 003, LWN 642057). */
  readonly oomReserve: boolean;
  /** How low a request may go depends on the stage of reclaim it is made in (seed 002). */
  readonly phasedWatermarks: boolean;
  /** Threads of their own do what in reclaim may wait for the file system (seed 002). */
  readonly reclaimThreads: boolean;
  /** Nobody reclaims for itself; a thread does it for all who wait (seed 002). */
  readonly noDirectReclaim: boolean;
}

/** A kernel as it was released. */
export const REMEDIES_NONE: Remedies = {
  oomTimeout: 0,
  dmCryptLessThrottle: false,
  mempoolLessThrottle: false,
  noretryNoThrottle: false,
  mempoolNoDirectReclaim: false,
  failSmallAllocs: false,
  oomReserve: false,
  phasedWatermarks: false,
  reclaimThreads: false,
  noDirectReclaim: false,
};

/** Boot parameters and build options of the simulated kernel. */
export interface KernelOptions extends KernelFeatures, Remedies {
  /** CONFIG_HZ */
  readonly hz: 100 | 250 | 300 | 1000;
  readonly cpuCount: number;
  /** In bytes. */
  readonly ramBytes: number;
  /** Threads that wait besides, which the kernel keeps memory for; none unless told. */
  readonly idleTasks?: number;
  /** `kmallocwd=N` in seconds, or the version's sysctl; 0 switches the thread off. */
  readonly kmallocwd: number;
  /** The version of the kmallocwd patch; v3 unless told. */
  readonly patch?: PatchName;
  /** What the kernel calls things; as Linux 6.1 unless told. */
  readonly words?: KernelWords;
}
