// What a machine is, as plain data: the simulated kernel and the samples hand this to the writers
// of the image, and their ledgers are made from the same facts.

import type { WorkqueueFacts } from './workqueue-facts.ts';
import type { MemoryFacts } from './memory-facts.ts';
import type { QueueFacts } from './queue-facts.ts';

/**
 * Members of a struct of the kmallocwd patch, which has others in other versions, by their names.
 */
export type RecordFacts = Readonly<Record<string, number | bigint>>;

/** task_struct.memalloc in layout L3: struct memalloc_info of the kmallocwd patch v3. */
// eslint-disable-next-line @typescript-eslint/consistent-type-definitions -- has an index signature
export type MemallocFacts = {
  /** Bumped before and after each update, so even when the record is at rest. */
  readonly sequence: number;
  /** Nesting depth. */
  readonly valid: number;
  /** Traces printed for this request. */
  readonly dumped: number;
  /** jiffies at the start of the request. */
  readonly start: bigint;
  readonly order: number;
  readonly gfp: number;
};

/** A local variable that lies on a kernel stack. */
export type LocalFacts =
  /** struct mutex_waiter; `lock` is an index into {@link MachineFacts.locks}. */
  | { readonly type: 'mutex_waiter'; readonly lock: number }
  | ({ readonly type: 'rwsem_waiter'; readonly lock: number } & RwsemWaiterFacts)
  /** struct semaphore_waiter; `up`: it was given the semaphore and has not run since. */
  | { readonly type: 'semaphore_waiter'; readonly lock: number; readonly up: boolean }
  /** struct wait_queue_entry, whose queue is the node's (memory-facts.ts) or in queue-facts.ts. */
  | { readonly type: 'wait_queue_entry' }
  /** struct oom_wait_info: such an entry on memcg_oom_waitq, with its cgroup. */
  | { readonly type: 'oom_wait_info' }
  /** struct compact_control; `task->capture_control` leads to it. */
  | { readonly type: 'compact_control'; readonly fields: Readonly<Record<string, number>> }
  /** struct scan_control, by the names of its members; `task->reclaim_state` points into it. */
  | { readonly type: 'scan_control'; readonly fields: Readonly<Record<string, number>> }
  /** struct memalloc of v1, and its place on memalloc_list. */
  | { readonly type: 'memalloc'; readonly fields: RecordFacts; readonly place: number };

/** A function that was entered and has not returned. */
export interface FrameFacts {
  /** Its symbol; one of {@link MachineFacts.functions}. */
  readonly name: string;
  /** Whom it called; undefined for the innermost one. */
  readonly callee: string | undefined;
  /** What that call returns to: an offset in the function. */
  readonly returnOffset: number;
  readonly locals: readonly LocalFacts[];
}

/** struct rwsem_waiter. */
export interface RwsemWaiterFacts {
  /** It reads now and has not run since: `task` is NULL, and it is on no list. */
  readonly granted: boolean;
  readonly waitsFor: 'write' | 'read';
  /** jiffies after which it asks for the lock to be handed over. */
  readonly timeout: bigint;
  readonly handoffSet: boolean;
}

/** What is known of every lock. */
interface AnyLockFacts {
  /** What it protects. */
  readonly name: string;
  /** A global variable of the kernel. */
  readonly symbol?: string;
  /**
   * A member of a struct: of the mm_struct of that process, else of a struct that has nothing
   * else. A lock that is neither this nor a variable lies in memory of its own.
   */
  readonly within?: { readonly struct: string; readonly member: string; readonly tgid?: number };
  /** Who sleeps for it, in the order of its wait list. */
  readonly waiterPids: readonly number[];
}

/** struct mutex. */
export interface MutexFacts extends AnyLockFacts {
  readonly kind: 'mutex';
  readonly ownerPid: number | undefined;
}

/** struct rw_semaphore. */
export interface RwSemaphoreFacts extends AnyLockFacts {
  readonly kind: 'rw_semaphore';
  /** The writer. */
  readonly ownerPid: number | undefined;
  readonly readerPids: readonly number[];
  readonly count: bigint;
  /** What `owner` says: the writer, or the last one that began to read, even if it is dead. */
  readonly ownerWord: { readonly pid: number; readonly isReader: boolean } | undefined;
}

/** struct semaphore. */
export interface SemaphoreFacts extends AnyLockFacts {
  readonly kind: 'semaphore';
  /** How often it may still be taken. */
  readonly count: number;
  /** Who has taken it, which is not in memory. */
  readonly takerPids: readonly number[];
}

/** A sleeping lock. */
export type LockFacts = MutexFacts | RwSemaphoreFacts | SemaphoreFacts;

/** One record of the kernel's log. */
export interface LogFacts {
  /** Nanoseconds since boot. */
  readonly timeNs: number;
  /** KERN_* as a number, 0 to 7. */
  readonly level: number;
  /** Who wrote it; 0 before there were tasks. */
  readonly callerPid: number;
  /** One line, without level and line feed; latin1. */
  readonly text: string;
}

/** A function of the kernel image. */
export interface FunctionFacts {
  readonly name: string;
  /** In bytes. */
  readonly size: number;
}

/** Times of sched_clock() and of the task's own clock, in nanoseconds. */
export interface SchedFacts {
  readonly vruntimeNs: number;
  /** When it got a CPU last. */
  readonly lastArrivalNs: number;
  /** When it left a CPU last. */
  readonly lastRanNs: number;
  /** Since when it waits for a CPU; 0 while it runs or sleeps. */
  readonly lastQueuedNs: number;
}

/** One thread. */
export interface ThreadFacts {
  readonly pid: number;
  /** Up to 15 bytes, as latin1. */
  readonly comm: string;
  /** `__state`: TASK_* bits. */
  readonly state: number;
  /** `exit_state`: EXIT_* bits. */
  readonly exitState: number;
  /** PF_* bits. */
  readonly flags: number;
  readonly cpu: number;
  /** It runs at the instant of the dump; one task a CPU may. */
  readonly onCpu: boolean;
  readonly prio: number;
  readonly staticPrio: number;
  readonly policy: number;
  /** CPU time in nanoseconds. */
  readonly utime: number;
  readonly stime: number;
  readonly nvcsw: number;
  readonly nivcsw: number;
  /** Nanoseconds since boot. */
  readonly startTimeNs: number;
  /** Its `mm` is NULL although its process has one: exit_mm() lies behind it. */
  readonly withoutMm?: boolean;
  /** TIF_* bits of thread_info.flags. */
  readonly threadFlags: number;
  /** The set of its own pending signals; signal n is bit n - 1. */
  readonly pending: bigint;
  readonly jobctl: number;
  readonly inMemstall: boolean;
  /** Page faults and system calls that have ended; none unless told. */
  readonly faults?: { readonly minor: number; readonly major: number };
  readonly calls?: { readonly reads: number; readonly writes: number };
  /** What the scheduler knows of it; zeros unless told. */
  readonly sched?: SchedFacts;
  /** task_struct.memalloc; no members where the kernel has none. */
  readonly memalloc: RecordFacts;
  /** What lies on its kernel stack, outermost function first; without it the stack is empty. */
  readonly frames?: readonly FrameFacts[];
}

/** An address space; none for kernel threads and zombies. */
export interface MmFacts {
  /** MMF_* bits. */
  readonly flags: number;
  readonly totalPages: number;
  readonly anonPages: number;
}

/** One process with its threads. */
export interface ProcessFacts {
  /** tgid of the parent; 0 for init and kthreadd. */
  readonly ppid: number;
  readonly mm: MmFacts | undefined;
  readonly oomScoreAdj: number;
  /** SIGNAL_* bits. */
  readonly signalFlags: number;
  readonly sharedPending: bigint;
  /** The OOM killer chose it: signal->oom_mm is its mm. */
  readonly oomVictim: boolean;
  /** The leader first: its pid is the tgid. */
  readonly threads: readonly ThreadFacts[];
}

/** The machine at the instant of the dump. */
export interface MachineFacts {
  readonly nodename: string;
  /** `uname -r` and `-v`; the banner without its newline. */
  readonly release: string;
  readonly version: string;
  readonly banner: string;
  /** GNU build ID in hex. */
  readonly buildId: string;
  /** /proc/sys/kernel/random/boot_id; zeros, as before somebody reads it, unless told. */
  readonly bootId?: Uint8Array;
  readonly hz: number;
  readonly jiffies: bigint;
  /** sched_clock() in nanoseconds; 0 unless told. */
  readonly clockNs?: number;
  readonly cpuCount: number;
  /** In kHz. */
  readonly tscKhz: number;
  readonly ramBytes: number;
  /** Where KASLR put image and areas. */
  readonly kaslr: KaslrFacts;
  /** `kmallocwd_timeout` in jiffies; 0 with the boot parameter kmallocwd=0. */
  readonly kmallocwdTimeout: bigint;
  /** The idle task of each CPU, pid 0. */
  readonly idle: readonly ThreadFacts[];
  /** In the order of init_task.tasks. */
  readonly processes: readonly ProcessFacts[];
  /** What the kernel was booted with; a kernel with `kmallocwd=0` unless told. */
  readonly commandLine?: string;
  /** Functions besides those that every image has. */
  readonly functions?: readonly FunctionFacts[];
  /** Frames of another instant of the same kernel, whose functions must have room for them too. */
  readonly otherFrames?: readonly FrameFacts[];
  /** Clean pages of files, which an image of all RAM has in its page cache; none unless told. */
  readonly cachePages?: number;
  /** All that was ever logged, the oldest first; without it the image has no log buffer. */
  readonly log?: readonly LogFacts[];
  /** Zones, pages and lists; without it the image has none. */
  readonly memory?: MemoryFacts;
  /** Sleeping locks. */
  readonly locks?: readonly LockFacts[];
  /** Wait queues and mempools; without it the image has none but those of the node. */
  readonly queues?: QueueFacts;
  /** The OOM killer's own state; without it the image has none. */
  readonly oom?: OomFacts;
  /** Workqueues and their pools; without it the image has none. */
  readonly workqueues?: WorkqueueFacts;
}

/** What the OOM killer remembers besides what its victims have. */
export interface OomFacts {
  /** oom_victims: threads with TIF_MEMDIE that have not exited. */
  readonly victimCount: number;
  /** Whom the reaper has still to reap, the next one first; a kernel without one has no list. */
  readonly reaperPids?: readonly number[];
}

/** What KASLR drew. */
export interface KaslrFacts {
  readonly kernelOffset: bigint;
  readonly physBase: number;
  readonly pageOffsetBase: bigint;
  readonly vmallocBase: bigint;
  readonly vmemmapBase: bigint;
}
