// Where user mode enters the kernel and leaves it (arch/x86/entry, kernel/entry/common.c). On the
// way out a fatal signal ends the task.

import { call, type Code, type KernelFunction } from '../core/code.ts';
import { do_group_exit } from './exit.ts';
import type { Kernel } from '../core/kernel.ts';
import { GFP_KERNEL } from '../mm/gfp.ts';
import { mem_cgroup_handle_over_high } from '../mm/memcg-high.ts';
import { mem_cgroup_oom_synchronize } from '../mm/memcg-oom.ts';
import { handle_mm_fault, type Fault } from '../mm/memory.ts';
import { do_sigbus, isSigbusPending, oomOfFault } from '../remedies/fail-small-allocs.ts';
import { cond_resched } from './sched.ts';
import { SIGBUS, SIGKILL } from './task-bits.ts';
import { fatal_signal_pending, type Mm } from './task.ts';
import { mmap_read_lock_killable } from '../locking/mmap-lock.ts';
import { down_read_trylock, up_read } from '../locking/rwsem.ts';

/** Microseconds in and out again. */
const ENTRY_US = 0.3;

/** A system call of the program that runs. */
export function syscall<A extends unknown[]>(
  k: Kernel,
  handler: KernelFunction<A, void>,
  ...args: A
): Code {
  k.spend(ENTRY_US);
  return call(k, entry_SYSCALL_64_after_hwframe, handler, args);
}

function entry_SYSCALL_64_after_hwframe<A extends unknown[]>(
  k: Kernel,
  handler: KernelFunction<A, void>,
  args: A,
): Code {
  return call(k, do_syscall_64, handler, args);
}

function* do_syscall_64<A extends unknown[]>(
  k: Kernel,
  handler: KernelFunction<A, void>,
  args: A,
): Code {
  yield* call(k, handler, ...args);
  yield* call(k, syscall_exit_to_user_mode);
}

function* syscall_exit_to_user_mode(k: Kernel): Code {
  yield* exitToUserMode(k);
}

/** The program touches memory that is not mapped. */
export function page_fault(k: Kernel, kind: Fault['kind']): Code {
  k.spend(ENTRY_US);
  return call(k, asm_exc_page_fault, kind);
}

function asm_exc_page_fault(k: Kernel, kind: Fault['kind']): Code {
  return call(k, exc_page_fault, kind);
}

function* exc_page_fault(k: Kernel, kind: Fault['kind']): Code {
  yield* call(k, do_user_addr_fault, kind);
  yield* call(k, irqentry_exit_to_user_mode);
}

function* do_user_addr_fault(k: Kernel, kind: Fault['kind']): Code {
  const { mm } = k.current;
  // A fault that got no memory is tried again, unless the task is to die.
  while (mm !== undefined) {
    const isLocked = down_read_trylock(k, mm.mmapLock);
    if (!isLocked && !(yield* call(k, lock_mm_and_find_vma, mm))) return;
    const isMapped = yield* call(k, handle_mm_fault, { mm, kind });
    up_read(k, mm.mmapLock);
    if (isMapped === 'sigbus') do_sigbus(k);
    if (isMapped !== false) return;
    const { memcgOom } = k.current;
    if (memcgOom !== undefined || k.options.failSmallAllocs) {
      yield* call(k, pagefault_out_of_memory);
    }
    if (fatal_signal_pending(k.current)) return;
  }
}

/** @returns false where a fatal signal came first */
function* lock_mm_and_find_vma(k: Kernel, mm: Mm): Code<boolean> {
  return yield* mmap_read_lock_killable(k, mm);
}

/** A limit of a memory cgroup was hit: the fault is tried again when something has been done. */
function* pagefault_out_of_memory(k: Kernel): Code {
  if (k.current.memcgOom !== undefined) yield* call(k, mem_cgroup_oom_synchronize);
  else yield* oomOfFault(k);
}

function* irqentry_exit_to_user_mode(k: Kernel): Code {
  yield* exitToUserMode(k);
}

/** Inlined: exit_to_user_mode_prepare() and get_signal(). */
function* exitToUserMode(k: Kernel): Code {
  if (fatal_signal_pending(k.current) || isSigbusPending(k.current)) {
    yield* call(k, exit_to_user_mode_prepare);
  }
  if (k.current.memcgOverHigh > 0) yield* call(k, mem_cgroup_handle_over_high, GFP_KERNEL);
  yield* cond_resched(k);
}

function* exit_to_user_mode_prepare(k: Kernel): Code {
  yield* call(k, arch_do_signal_or_restart);
}

function* arch_do_signal_or_restart(k: Kernel): Code {
  yield* call(k, get_signal);
}

function* get_signal(k: Kernel): Code {
  const { current: task } = k;
  task.process.groupExitCode = isSigbusPending(task) ? SIGBUS : SIGKILL;
  yield* call(k, do_group_exit);
}
