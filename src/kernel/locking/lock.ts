// What `stallcore locks` knows: sleeping locks that somebody waits for, who has them, who waits,
// and on whom it all hangs. What is not proved is absent and said to be not known.

import type { AllocatorPlace } from '../alloc-frames.ts';
import type { PoolStallReason } from '../workqueue-stalls.ts';

/** The kernel's struct, or of a wait for a bit what the bit belongs to. */
export type LockKind =
  | 'mutex'
  | 'rw_semaphore'
  | 'semaphore'
  | 'rt_mutex'
  | 'percpu_rw_semaphore'
  /** PG_locked, PG_writeback or another bit of `page->flags`. */
  | 'page'
  /** A bit of another word. */
  | 'bit';

/** Where it is said that a task has a lock. */
export type OwnerSource =
  /** The lock names it. */
  | 'owner'
  /** It was given the lock while it waited, and has not run since. */
  | 'handed over'
  /** It waits with the lock taken until readers are out. */
  | 'writer'
  /** lockdep has the lock on the task's list of held ones. */
  | 'lockdep'
  /** The last task that took it for reading: it may have given it back since. */
  | 'last reader'
  /** It is in a page fault of the mm whose mmap_lock it is. */
  | 'page fault'
  /** The last task that took a semaphore. */
  | 'last holder';

/** A task that has a lock, or may have. */
export interface LockOwner {
  readonly pid: number;
  readonly comm?: string;
  /** `struct task_struct *` */
  readonly address: string;
  readonly how: OwnerSource;
  /** False where the kernel's own word may be out of date. */
  readonly certain: boolean;
}

/** One lock; addresses are `0x…`. */
export interface KernelLock {
  readonly kind: LockKind;
  /** Of the lock; of a bit the word that it is in, of a page its `struct page *`. */
  readonly address: string;
  /** `oom_lock`, or whose it is: `mmap_lock of httpd(42)`. */
  readonly name?: string;
  /** Which bit, and its name where the kernel's types tell: `PG_locked`. */
  readonly bit?: { readonly number: number; readonly name?: string };
  /** Who has it alone. */
  readonly owner?: LockOwner;
  /** Who reads: how many, and those of them that are known. */
  readonly readers?: { readonly count?: number; readonly tasks: readonly LockOwner[] };
  /** In the order of the lock's own list; of pages and bits as far as the waiters were found. */
  readonly waiters: readonly number[];
  /** What else the lock says, and what is not known of it and why. */
  readonly notes: readonly string[];
  /** Where its parts were found. */
  readonly sources: readonly LockSource[];
}

/** How a lock was found. */
export type LockSource = 'waiter on a stack' | 'pi_blocked_on' | 'blocker' | 'lockdep';

/** That a task waits for a lock, with what proves it. */
export interface Wait {
  readonly pid: number;
  /** {@link KernelLock.address} */
  readonly lock: string;
  readonly kind: LockKind;
  /** Of a lock that can be read. */
  readonly wants?: 'read' | 'write';
  readonly proof: WaitProof;
}

/** The structure that links a task to a lock. */
export interface WaitProof {
  /** Found on the task's stack, through the lock's list, or by a member of its task_struct. */
  readonly by: 'stack' | 'wait list' | 'pi_blocked_on' | 'blocker';
  /** `struct mutex_waiter` and so on, and where it lies. */
  readonly type?: string;
  readonly waiter?: string;
  /** The function that the task is in. */
  readonly function?: string;
}

/** A task that sleeps in a function of a lock, and what it waits for could not be proved. */
export interface UnprovedWait {
  readonly pid: number;
  readonly function: string;
  readonly kind: LockKind;
  readonly why: string;
}

/** What a task that holds or waits does. */
export interface LockTask {
  readonly pid: number;
  readonly comm?: string;
  readonly state?: string;
  readonly onCpu?: true;
  /** The innermost function that is neither the scheduler's nor a lock's: `pipe_read+0x4e`. */
  readonly at?: string;
  readonly allocator?: AllocatorPlace;
}

/** From one task to the one that must move first. */
export interface Chain {
  /** Each waits for a lock that the next one has. */
  readonly links: readonly ChainLink[];
  /** Who must move first; absent in a cycle, and where it is not known who has the last lock. */
  readonly last?: number;
  readonly end: ChainEnd;
  /** False where a link is by a reader that may have given the lock back. */
  readonly certain: boolean;
}

/** One task of a chain and the lock that it waits for. */
export interface ChainLink {
  readonly pid: number;
  readonly lock: string;
}

/** `task`: it waits for no lock; `cycle`: the last one waits for one before it. */
export type ChainEnd = 'task' | 'cycle' | 'owner not known';

/** A chain that several tasks begin alike: they wait for the same lock, and nobody for them. */
export interface SharedChain extends Chain {
  readonly pids: readonly number[];
}

/** Tasks that wait for each other in a circle, the smallest pid first. */
export interface WaitCycle {
  readonly links: readonly ChainLink[];
  readonly certain: boolean;
}

/** Works that no worker of their pool has begun, and who keeps them waiting. */
export interface WorkWait {
  /** `struct worker_pool *` */
  readonly pool: string;
  /** The CPU that it is bound to; absent for an unbound pool. */
  readonly cpu?: number;
  /** Functions of the works, in the order in which they will be taken. */
  readonly works: readonly string[];
  readonly reason: PoolStallReason;
  /** Pids of who is in the way: workers with a work in hand, or who makes another one. */
  readonly workers: readonly number[];
  /** Since the pool last began a work; absent where the kernel does not keep that (before v4.5). */
  readonly seconds?: number;
}

/** Locks of a dump that somebody waits for. */
export interface LocksResult {
  readonly type: 'locks';
  /** Those that most wait for come first. */
  readonly locks: readonly KernelLock[];
  readonly waits: readonly Wait[];
  readonly unproved: readonly UnprovedWait[];
  readonly cycles: readonly WaitCycle[];
  readonly chains: readonly SharedChain[];
  /** Works that wait for a worker; absent where workqueues were not, or could not be, read. */
  readonly works?: readonly WorkWait[];
  /** Every task that has a pid in one of the above. */
  readonly tasks: readonly LockTask[];
}
