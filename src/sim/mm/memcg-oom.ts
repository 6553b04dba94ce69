// Out of memory in a cgroup (mm/memcontrol.c): one of its own tasks is killed. Since Linux 4.19
// from where the charge failed (29ef680ae7c2, "memcg, oom: move out_of_memory back to the charge
// path"); from 3.12 to 4.18 (3812c8c8f395, "mm: memcg: do not trap chargers with full
// callstack on OOM") the charge only failed, the page fault remembered why, and killed or waited
// where it held no locks any more. Cgroup v1 waits there still if its OOM killer is disabled.

import { call, type Code } from '../core/code.ts';
import type { Kernel } from '../core/kernel.ts';
import { memcgProcesses, task_is_dying, type MemCgroup } from './memcontrol.ts';
import { mutex_lock, mutex_unlock } from '../locking/mutex.ts';
import type { WaitTarget } from '../locking/wait-target.ts';
import { COSTLY_ORDER } from './pcp.ts';
import { out_of_memory } from './oom-kill.ts';
import { schedule } from '../kernel/sched.ts';
import { TASK_KILLABLE } from '../kernel/task-bits.ts';
import { fatal_signal_pending, type Task } from '../kernel/task.ts';
import { finish_wait, prepare_to_wait, wake_up } from '../kernel/wait.ts';

interface FailedCharge {
  readonly gfp: number;
  readonly order: number;
}

/** Waits for memory of a cgroup: who is being killed there has to give it. */
class MemcgOomWait implements WaitTarget {
  readonly kind = 'memcg oom';
  readonly name: string;
  readonly #kernel: Kernel;
  readonly #memcg: MemCgroup;

  constructor(k: Kernel, memcg: MemCgroup) {
    this.#kernel = k;
    this.#memcg = memcg;
    this.name = `memory of ${memcg.path}`;
  }

  holders(): readonly Task[] {
    return memcgProcesses(this.#kernel, this.#memcg)
      .flatMap(({ threads }) => threads)
      .filter(({ isOomVictim, mm }) => isOomVictim && mm !== undefined);
  }
}

/** A part of try_charge_memcg(). @returns whether to charge again */
export function* mem_cgroup_oom(
  k: Kernel,
  memcg: MemCgroup,
  { gfp, order }: FailedCharge,
): Code<boolean> {
  if (order > COSTLY_ORDER) return false;
  memcg.count('oom');
  if (memcg.oomKillDisable || k.options.memcgOomAtFault) {
    // Whoever is in the kernel for other reasons gets -ENOMEM.
    if (k.current.inUserFault) k.current.memcgOom = { memcg, gfp, order };
    return false;
  }
  const isLocked = tryLockOom(memcg);
  const mayRetry = yield* call(k, mem_cgroup_out_of_memory, memcg, { gfp, order });
  if (isLocked) unlockOom(memcg);
  return mayRetry;
}

/** mem_cgroup_oom_trylock(): one task for the whole subtree. */
function tryLockOom(memcg: MemCgroup): boolean {
  const tree = [...memcg.subtree()];
  if (tree.some(({ oomLocked }) => oomLocked)) return false;
  for (const each of tree) each.oomLocked = true;
  return true;
}

function unlockOom(memcg: MemCgroup): void {
  for (const each of memcg.subtree()) each.oomLocked = false;
}

function* mem_cgroup_out_of_memory(
  k: Kernel,
  memcg: MemCgroup,
  { gfp, order }: FailedCharge,
): Code<boolean> {
  yield* call(k, mutex_lock, k.oomLock);
  try {
    if (memcg.margin >= 2 ** order || task_is_dying(k.current)) return true;
    return yield* call(k, out_of_memory, { gfp, order, memcg });
  } finally {
    mutex_unlock(k, k.oomLock);
  }
}

/**
 * The end of a page fault that failed: kills, or waits until there is room.
 *
 * @returns whether it failed for a cgroup's limit: then it is tried again
 */
export function* mem_cgroup_oom_synchronize(k: Kernel): Code<boolean> {
  const task = k.current;
  if (task.memcgOom === undefined) return false;
  const { memcg, ...charge } = task.memcgOom;
  const { oomWait } = k.memcgs;
  prepare_to_wait(k, oomWait, TASK_KILLABLE);
  for (const each of memcg.subtree()) each.underOom++;
  const isLocked = tryLockOom(memcg);
  const mayKill = isLocked && !memcg.oomKillDisable;
  if (mayKill) {
    finish_wait(k, oomWait);
    leaveOom(memcg);
    yield* call(k, mem_cgroup_out_of_memory, memcg, charge);
  } else {
    task.blockedOn = new MemcgOomWait(k, memcg);
    if (!fatal_signal_pending(task)) yield* call(k, schedule);
    task.blockedOn = undefined;
    leaveOom(memcg);
    finish_wait(k, oomWait);
  }
  if (isLocked) {
    unlockOom(memcg);
    wake_up(k, oomWait);
  }
  task.memcgOom = undefined;
  return true;
}

function leaveOom(memcg: MemCgroup): void {
  for (const each of memcg.subtree()) each.underOom--;
}
