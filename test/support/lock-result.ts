// A small result of `stallcore locks`, for tests of its text.

import type { KernelLock, LocksResult, WorkWait } from '../../src/kernel/locking/lock.ts';

/** A mutex that 10 has, and 11 and 12 wait for. */
export const HELD: KernelLock = {
  kind: 'mutex',
  address: '0xffff888000000100',
  name: 'i_mutex',
  owner: { pid: 10, comm: 'holder', address: '0x1', how: 'owner', certain: true },
  waiters: [11, 12],
  notes: [],
  sources: ['waiter on a stack'],
};

/** Works that wait behind task 10. */
export const LOOPS: WorkWait = {
  pool: '0x3',
  cpu: 0,
  works: ['vmstat_update', 'vmstat_shepherd'],
  reason: 'worker runs',
  workers: [10],
  seconds: 22.3,
};

/** Locks with those that wait for them, and the tasks 10 to 12. */
export function result(locks: readonly KernelLock[]): LocksResult {
  const reader = { comm: 'reader', state: 'D', at: 'pipe_read+0x4e' };
  return {
    type: 'locks',
    locks,
    waits: locks.flatMap(({ kind, address, waiters }) =>
      waiters.map((pid) => ({ pid, lock: address, kind, proof: { by: 'stack' } })),
    ),
    unproved: [],
    cycles: [],
    chains: [],
    tasks: [
      { pid: 10, comm: 'holder', state: 'R', at: 'shrink_node+0x10', allocator: 'slow path' },
      { pid: 11, ...reader },
      { pid: 12, ...reader },
    ],
  };
}
