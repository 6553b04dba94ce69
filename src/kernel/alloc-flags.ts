// What the PF_* bits of a task say of its requests for memory (include/linux/sched.h), by the bits
// that its kernel has. PF_MEMALLOC and PF_MEMALLOC_NOIO (3.9) have not moved; 0x20000 was
// PF_FSTRANS and 0x40000 PF_KSWAPD until 4.12 made them PF_KSWAPD and PF_MEMALLOC_NOFS (commit
// 7dea19f9ee63). kswapd shows which: it always has its bit.

import { isKswapdByName, PF_MEMALLOC, PF_MEMALLOC_NOFS, PF_MEMALLOC_NOIO } from './task-flags.ts';
import type { Task } from './task.ts';

/** Bits of `task->flags`; absent where it is not known which bit that is. */
export interface AllocFlags {
  /** Inside reclaim or compaction, or kswapd: requests may use the reserves. */
  readonly memalloc: boolean;
  readonly kswapd?: boolean;
  /** In a scope of memalloc_nofs_save(); absent, too, where the kernel has no such scopes. */
  readonly nofs?: boolean;
  /** In a scope of memalloc_noio_save(). */
  readonly noio: boolean;
}

/** The masks of the bits; absent where it is not known, or the kernel has none. */
export interface AllocFlagBits {
  readonly memalloc: number;
  readonly noio: number;
  readonly kswapd?: number;
  readonly nofs?: number;
  /** Why so, in words that stand in results. */
  readonly source: string;
}

/** How the bits are read, and why so. */
export interface AllocFlagReader {
  /** undefined where the task's flags could not be read. */
  readonly read: (task: Task) => AllocFlags | undefined;
  /** In words that stand in results. */
  readonly source: string;
}

/** PF_KSWAPD since 4.12, when the other bit of the two became PF_MEMALLOC_NOFS. */
const KSWAPD_NEW = 0x20000;
/** PF_KSWAPD before. */
const KSWAPD_OLD = 0x40000;

/** Finds out which bits this kernel has from those that all kswapds have. */
export function allocFlagBits(tasks: readonly Task[]): AllocFlagBits {
  const flagsOfKswapds = tasks.flatMap((task) =>
    task.flags !== undefined && isKswapdByName(task) ? [task.flags] : [],
  );
  const common = flagsOfKswapds.reduce((all, flags) => all & flags, flagsOfKswapds.length && ~0);
  const isNew = (common & KSWAPD_NEW) !== 0;
  const isOld = (common & KSWAPD_OLD) !== 0;
  const base = { memalloc: PF_MEMALLOC, noio: PF_MEMALLOC_NOIO };
  // Both: a kswapd in a transaction of a file system, of either era. None: no kswapd was read.
  if (isNew === isOld) {
    return { ...base, source: 'task->flags; which bit is PF_KSWAPD could not be found out' };
  }
  const kswapd = isNew ? KSWAPD_NEW : KSWAPD_OLD;
  const source = `task->flags; PF_KSWAPD is 0x${kswapd.toString(16)}, which all kswapds have`;
  return { ...base, kswapd, ...(isNew ? { nofs: PF_MEMALLOC_NOFS } : {}), source };
}

/** Reads the bits of tasks, as {@link allocFlagBits} finds them. */
export function allocFlagReader(tasks: readonly Task[]): AllocFlagReader {
  const bits = allocFlagBits(tasks);
  const read = (task: Task): AllocFlags | undefined => allocFlags(task, bits);
  return { read, source: bits.source };
}

/** What the flags of a task say; undefined where they could not be read. */
export function allocFlags({ flags }: Task, bits: AllocFlagBits): AllocFlags | undefined {
  if (flags === undefined) return undefined;
  const isSet = (mask: number): boolean => (flags & mask) !== 0;
  return {
    memalloc: isSet(bits.memalloc),
    ...(bits.kswapd === undefined ? {} : { kswapd: isSet(bits.kswapd) }),
    ...(bits.nofs === undefined ? {} : { nofs: isSet(bits.nofs) }),
    noio: isSet(bits.noio),
  };
}
