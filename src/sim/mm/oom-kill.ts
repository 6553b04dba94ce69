// The OOM killer (mm/oom_kill.c of 6.1). While a victim has not given its memory back, nobody else
// is chosen: that is what turns a victim that cannot die into a stall of the whole machine.

import { call, type Code } from '../core/code.ts';
import { __GFP_FS, __GFP_NOFAIL } from './gfp.ts';
import type { Kernel } from '../core/kernel.ts';
import { memcgProcesses, type MemCgroup } from './memcontrol.ts';
import { mem_cgroup_print_oom_meminfo } from './show-memcg.ts';
import { LOGLEVEL_ERR, LOGLEVEL_INFO, LOGLEVEL_WARNING } from '../kernel/printk.ts';
import { panic } from '../kernel/panic.ts';
import { cond_resched } from '../kernel/sched.ts';
import { blocking_notifier_call_chain } from './oom-notify.ts';
import { queue_oom_reaper } from './oom-reaper.ts';
import { show_mem } from './show-mem.ts';
import { isOverdueVictim, startOomTimeout } from '../remedies/oom-timeout.ts';
import { sendSigkill } from '../kernel/signal.ts';
import { MMF_OOM_SKIP, SIGNAL_GROUP_EXIT, TIF_MEMDIE } from '../kernel/task-bits.ts';
import type { Process, Task } from '../kernel/task.ts';

/** oom_score_adj of a process that is never chosen. */
export const OOM_SCORE_ADJ_MIN = -1000;
const PAGE_KB = 4;

/** struct oom_control, as far as it is kept. */
export interface OomRequest {
  readonly gfp: number;
  readonly order: number;
  /** Whose limit was reached: then only its tasks are looked at. */
  readonly memcg?: MemCgroup;
}

/** The order that says that somebody asked by SysRq-f: is_sysrq_oom(). */
export const SYSRQ_ORDER = -1;

/** @returns whether the caller should try again */
export function* out_of_memory(k: Kernel, request: OomRequest): Code<boolean> {
  k.oomCalls++;
  const task = k.current;
  if (request.memcg === undefined && k.oomNotifiers.notifiers.length > 0) {
    const freed = yield* call(k, blocking_notifier_call_chain);
    if (freed > 0 && request.order !== SYSRQ_ORDER) return true;
  }
  if (helpsToDie(k, task)) return true;
  if (!mayKillFor(k, request) && request.memcg === undefined) {
    k.noOomCalls++;
    return true;
  }
  const chosen = selectBadProcess(k, request);
  if (chosen === 'wait') return true;
  if (chosen === undefined) {
    yield* call(k, dump_header, request);
    k.printk(LOGLEVEL_WARNING, 'Out of memory and no killable processes...');
    // Whoever asked would ask for ever.
    const mustPanic = request.memcg === undefined && request.order !== SYSRQ_ORDER;
    if (mustPanic) yield* call(k, panic, 'System is deadlocked on memory');
    return false;
  }
  yield* call(k, oom_kill_process, request, chosen);
  return true;
}

/**
 * Who is about to free its memory gets the reserves, and nobody else has to die.
 *
 * @returns whether the task is one of those
 */
export function helpsToDie(k: Kernel, task: Task): boolean {
  if (!taskWillFreeMem(task) && !mayUseReserves(k, task)) return false;
  markOomVictim(k, task);
  queue_oom_reaper(k, task.process);
  return true;
}

/** task_will_free_mem(): it is on its way out already. */
function taskWillFreeMem({ mm, process, isExiting }: Task): boolean {
  if (mm === undefined || (mm.flags & MMF_OOM_SKIP) !== 0) return false;
  return (process.flags & SIGNAL_GROUP_EXIT) !== 0 || (isExiting && process.threads.length === 1);
}

/**
 * Whether anybody is killed for a request. The OOM killer cannot know what a caller that may not
 * enter the file system holds up; some kernels kill all the same where the request must not fail.
 */
export function mayKillFor({ options }: Kernel, { gfp }: { gfp: number }): boolean {
  if ((gfp & __GFP_FS) !== 0) return true;
  return options.nofailInvokesOom && (gfp & __GFP_NOFAIL) !== 0;
}

/** Kernels that take any exiting task for one that needs but a little memory to be gone. */
function mayUseReserves(k: Kernel, { mm, isExiting }: Task): boolean {
  return k.options.exitingUsesReserves && isExiting && mm !== undefined;
}

/** Whether the OOM killer waits for a thread of it that exits: oom_scan_process_thread(). */
export function isWaitedFor(k: Kernel, { threads }: Process): boolean {
  if (!k.options.exitingBlocksOomKiller) return false;
  return threads.some(({ isExiting, mm }) => isExiting && mm !== undefined);
}

/** select_bad_process(): 'wait' while an earlier victim has not finished; SysRq-f does not wait. */
function selectBadProcess(k: Kernel, { memcg, order }: OomRequest): Process | 'wait' | undefined {
  let chosen: Process | undefined;
  let most = -Infinity;
  const total = memcg?.memory.max ?? k.node.managedPages;
  for (const process of memcg === undefined ? k.processes : memcgProcesses(k, memcg)) {
    if (process.leader.isKthread || process.leader.pid === 1) continue;
    if (process.oomMm !== undefined && order !== SYSRQ_ORDER) {
      if ((process.oomMm.flags & MMF_OOM_SKIP) !== 0) continue;
      if (isOverdueVictim(k, process)) continue;
      return 'wait';
    }
    if (isWaitedFor(k, process) && order !== SYSRQ_ORDER) return 'wait';
    const points = oom_badness(process, total);
    if (points === undefined || points < most) continue;
    chosen = process;
    most = points;
  }
  return chosen;
}

/** Pages that a kill would free, moved by oom_score_adj; undefined for who may not be killed. */
export function oom_badness(process: Process, totalPages: number): number | undefined {
  const mm = process.threads.find((task) => task.mm !== undefined)?.mm;
  const { oomScoreAdj } = process;
  if (mm === undefined || oomScoreAdj === OOM_SCORE_ADJ_MIN) return undefined;
  if ((mm.flags & MMF_OOM_SKIP) !== 0) return undefined;
  return mm.rss + mm.swapSlots.size + oomScoreAdj * Math.floor(totalPages / 1000);
}

/** mark_oom_victim(): access to the reserves; kept until its mm is given back. */
function markOomVictim(k: Kernel, task: Task): void {
  if (task.isMemdie) return;
  startOomTimeout(k, task.process);
  task.threadFlags |= TIF_MEMDIE;
  task.process.oomMm ??= task.mm;
}

function* oom_kill_process(k: Kernel, request: OomRequest, victim: Process): Code {
  const task = victim.threads.find(({ mm }) => mm !== undefined);
  if (task?.mm === undefined) return;
  if (taskWillFreeMem(task)) {
    if (victim.oomMm !== undefined) k.harm.chosenAgain++;
    markOomVictim(k, task);
    queue_oom_reaper(k, victim);
    return;
  }
  yield* call(k, dump_header, request);
  // It may have come to its end while that was printed.
  if (victim.mm === undefined) return;
  const child = k.options.oomPrefersChildren ? largestChild(k, victim) : undefined;
  __oom_kill_process(k, request, child ?? victim);
}

/** Of the children that have memory of their own, to lose as little work as can be. */
function largestChild(k: Kernel, { threads, mm }: Process): Process | undefined {
  const pids = new Set(threads.map(({ pid }) => pid));
  let chosen: Process | undefined;
  let most = 0;
  for (const child of k.processes) {
    if (!pids.has(child.ppid) || child.mm === mm) continue;
    const points = oom_badness(child, k.node.managedPages) ?? 0;
    if (points <= most) continue;
    chosen = child;
    most = points;
  }
  return chosen;
}

function __oom_kill_process(k: Kernel, request: OomRequest, victim: Process): void {
  const task = victim.threads.find(({ mm }) => mm !== undefined);
  if (task?.mm === undefined) return;
  k.oomKills++;
  sendSigkill(k, victim);
  markOomVictim(k, task);
  victim.memcg?.count('oomKill');
  const message = request.memcg === undefined ? 'Out of memory' : 'Memory cgroup out of memory';
  const kb = (pages: number): string => `${pages * PAGE_KB}kB`;
  const { anonPages, filePages, totalPages } = task.mm;
  k.printk(
    LOGLEVEL_ERR,
    `${message}: Killed process ${task.pid} (${task.comm}) total-vm:${kb(totalPages)}, ` +
      `anon-rss:${kb(anonPages.size)}, file-rss:${kb(filePages.size)}, shmem-rss:0kB, UID:0 ` +
      `pgtables:${kb(Math.ceil(totalPages / 512))} oom_score_adj:${victim.oomScoreAdj}`,
  );
  queue_oom_reaper(k, victim);
}

/** With a slow console this takes seconds, and oom_lock is held all the while. */
function* dump_header(k: Kernel, { gfp, order, memcg }: OomRequest): Code {
  const { comm, process } = k.current;
  k.printk(
    LOGLEVEL_WARNING,
    `${comm} invoked oom-killer: gfp_mask=${k.words.gfpText(gfp)}, ` +
      `order=${order}, oom_score_adj=${process.oomScoreAdj}`,
  );
  if (memcg === undefined) show_mem(k);
  else mem_cgroup_print_oom_meminfo(k, memcg);
  k.printk(LOGLEVEL_INFO, 'Tasks state (memory values in pages):');
  const listed = memcg === undefined ? [...k.processes] : memcgProcesses(k, memcg);
  for (const { threads, oomScoreAdj } of listed) {
    // console_unlock() gives way between two lines.
    yield* cond_resched(k);
    const task = threads.find(({ mm }) => mm !== undefined);
    if (task?.mm === undefined) continue;
    const { rss, totalPages } = task.mm;
    k.printk(LOGLEVEL_INFO, taskLine([task.pid, totalPages, rss, oomScoreAdj], task.comm));
  }
}

function taskLine([pid, total, rss, adj]: readonly number[], comm: string): string {
  const cell = (value: number | undefined, width: number): string => `${value}`.padStart(width);
  return `[${cell(pid, 7)}] ${cell(total, 8)} ${cell(rss, 8)} ${cell(adj, 13)} ${comm}`;
}
