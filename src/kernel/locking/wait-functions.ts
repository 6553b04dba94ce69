// Functions that a task sleeps in while it waits for a lock, of kernel/locking, mm/filemap.c and
// kernel/sched/wait_bit.c of 3.10 to 7.x. They only say where to look: what is there is proved.

import { functionName } from '../function-name.ts';
import type { StackFrame } from '../stack.ts';
import type { LockKind } from './lock.ts';

const FUNCTIONS: Readonly<Record<LockKind, string>> = {
  mutex: `__mutex_lock __mutex_lock_common __mutex_lock_slowpath __mutex_lock_killable_slowpath
    __mutex_lock_interruptible_slowpath __ww_mutex_lock __ww_mutex_lock_slowpath
    __ww_mutex_lock_interruptible_slowpath mutex_lock mutex_lock_killable mutex_lock_interruptible
    mutex_lock_io mutex_lock_nested mutex_lock_killable_nested mutex_lock_interruptible_nested
    mutex_lock_io_nested _mutex_lock_nest_lock ww_mutex_lock ww_mutex_lock_interruptible`,
  rw_semaphore: `rwsem_down_read_slowpath rwsem_down_write_slowpath rwsem_down_read_failed
    rwsem_down_write_failed rwsem_down_read_failed_killable rwsem_down_write_failed_killable
    __rwsem_down_read_failed_common __rwsem_down_write_failed_common rwsem_down_failed_common
    call_rwsem_down_read_failed call_rwsem_down_write_failed call_rwsem_down_read_failed_killable
    call_rwsem_down_write_failed_killable __down_read __down_write __down_write_nested
    __down_read_common __down_write_common down_read down_read_killable down_read_interruptible
    down_read_nested down_read_killable_nested down_write down_write_killable down_write_nested
    down_write_killable_nested _down_write_nest_lock`,
  semaphore: `__down __down_interruptible __down_killable __down_timeout __down_common
    ___down_common down down_interruptible down_killable down_timeout`,
  rt_mutex: `rt_mutex_slowlock __rt_mutex_slowlock __rt_mutex_slowlock_locked
    rt_mutex_slowlock_block rt_mutex_wait_proxy_lock rtlock_slowlock rtlock_slowlock_locked
    rt_spin_lock_slowlock rt_spin_lock_slowlock_locked rt_mutex_lock rt_mutex_lock_interruptible
    rt_mutex_lock_killable rt_mutex_timed_futex_lock rt_mutex_finish_proxy_lock
    rwbase_write_lock rwbase_read_lock __rwbase_read_lock`,
  percpu_rw_semaphore: `percpu_rwsem_wait __percpu_down_read percpu_down_write
    percpu_down_write_killable`,
  page: `folio_wait_bit_common folio_wait_bit folio_wait_bit_killable __folio_lock
    __folio_lock_killable __folio_lock_or_retry folio_put_wait_locked folio_wait_writeback
    folio_wait_writeback_killable wait_on_page_bit_common wait_on_page_bit wait_on_page_bit_killable
    __lock_page __lock_page_killable __lock_page_or_retry put_and_wait_on_page_locked
    wait_on_page_writeback migration_entry_wait_on_locked softleaf_entry_wait_on_locked`,
  bit: `__wait_on_bit __wait_on_bit_lock out_of_line_wait_on_bit out_of_line_wait_on_bit_lock
    out_of_line_wait_on_bit_timeout __wait_on_freeing_inode __wait_on_buffer __lock_buffer`,
};

const KINDS: ReadonlyMap<string, LockKind> = new Map(
  (Object.keys(FUNCTIONS) as LockKind[]).flatMap((kind) =>
    FUNCTIONS[kind]
      .trim()
      .split(/\s+/)
      .map((name) => [name, kind] as const),
  ),
);

/** What leads from a function that waits to the switch to another task. */
const SCHEDULING = new Set(
  `__schedule schedule schedule_preempt_disabled schedule_timeout schedule_timeout_uninterruptible
  schedule_timeout_killable schedule_timeout_interruptible schedule_timeout_idle
  schedule_hrtimeout schedule_hrtimeout_range schedule_hrtimeout_range_clock io_schedule
  io_schedule_timeout preempt_schedule preempt_schedule_common preempt_schedule_irq
  preempt_schedule_notrace __cond_resched _cond_resched schedule_rtlock schedule_idle
  bit_wait bit_wait_io bit_wait_timeout bit_wait_io_timeout wait_on_page_read sleep_on_page
  sleep_on_page_killable sleep_on_buffer wait_for_common wait_for_common_io __wait_for_common
  do_wait_for_common wait_for_completion wait_for_completion_io wait_for_completion_timeout
  wait_for_completion_killable wait_for_completion_interruptible wait_for_completion_state
  __switch_to __switch_to_asm rcuwait_wait_event`
    .trim()
    .split(/\s+/),
);

/** Of a call in a lock: the outermost frame that is the lock's, and what kind that is. */
export interface WaitSite {
  readonly kind: LockKind;
  /** The innermost function of the lock, as functionName() has it. */
  readonly function: string;
  /** Indices of the frames of the lock's functions, innermost first. */
  readonly first: number;
  readonly last: number;
  /** Nothing but the scheduler was called from there: the task sleeps for the lock. */
  readonly sleeps: boolean;
}

/** More calls than the scheduler, an interrupt and a lock's functions have. */
const DEPTH_MAX = 40;

/** The innermost functions of a lock on a stack; undefined where there are none. */
export function waitSite(frames: readonly StackFrame[]): WaitSite | undefined {
  return siteAmong(frames.map(nameOf));
}

/**
 * For what a task sleeps whose calls these are; undefined where it does something else.
 *
 * @param calls as functionName() has them, the innermost first
 */
export function sleepsFor(calls: readonly string[]): LockKind | undefined {
  const site = siteAmong(calls);
  return site?.sleeps === true ? site.kind : undefined;
}

/** What leads to the scheduler and is in it: every sleep has such calls, whatever it is for. */
export function isScheduling(name: string): boolean {
  return SCHEDULING.has(name);
}

function siteAmong(names: readonly string[]): WaitSite | undefined {
  let sleeps = true;
  for (const [first, name] of names.slice(0, DEPTH_MAX).entries()) {
    if (!KINDS.has(name)) {
      if (!SCHEDULING.has(name)) sleeps = false;
      continue;
    }
    let last = first;
    while (KINDS.has(names[last + 1] ?? '')) last++;
    const kind = kindOf(names.slice(first, last + 1));
    return { kind, function: name, first, last, sleeps };
  }
  return undefined;
}

/** A wait for a bit is one for a page where a function of pages asked for it. */
function kindOf(names: readonly string[]): LockKind {
  return names.map((name) => KINDS.get(name)).find((kind) => kind !== 'bit') ?? 'bit';
}

function nameOf(frame: StackFrame | undefined): string {
  return frame?.name === undefined ? '' : functionName(frame.name);
}

/** The innermost frame that is neither the scheduler's nor a lock's: what a task was at. */
export function meaningfulFrame(frames: readonly StackFrame[]): StackFrame | undefined {
  return frames.find((frame) => {
    const name = nameOf(frame);
    return name !== '' && !SCHEDULING.has(name) && !KINDS.has(name);
  });
}
