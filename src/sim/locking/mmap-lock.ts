// Waiting for an address space (include/linux/mmap_lock.h): since Linux 4.7 a fatal signal ends the
// wait. Before that a thread that is to die waits in line like everybody else.

import { call, type Code } from '../core/code.ts';
import type { Kernel } from '../core/kernel.ts';
import type { Mm } from '../kernel/task.ts';
import { down_read, down_read_killable, down_write, down_write_killable } from './rwsem.ts';

/** @returns false where a fatal signal came first */
export function* mmap_write_lock_killable(k: Kernel, { mmapLock }: Mm): Code<boolean> {
  if (k.options.killableMmapLock) return yield* call(k, down_write_killable, mmapLock);
  yield* call(k, down_write, mmapLock);
  return true;
}

/** The same for reading. */
export function* mmap_read_lock_killable(k: Kernel, { mmapLock }: Mm): Code<boolean> {
  if (k.options.killableMmapLock) return yield* call(k, down_read_killable, mmapLock);
  yield* call(k, down_read, mmapLock);
  return true;
}
