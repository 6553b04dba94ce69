// Facts made by hand, for diagnoses.

import type { MemallocResult, MemallocTask } from '../../src/kernel/memalloc-report.ts';
import { allocatorPlace } from '../../src/kernel/alloc-frames.ts';
import { bound } from '../../src/kernel/fact.ts';
import type { StackFrame } from '../../src/kernel/stack.ts';
import { callsOf, type Facts, type LockWait, type TaskFacts } from '../../src/triage/facts.ts';

/** A task in a few words. */
export interface TaskSketch {
  readonly pid: number;
  readonly comm?: string;
  readonly state?: string;
  /** Functions, the innermost first, apart by ` < `. */
  readonly calls?: string;
  readonly onCpu?: boolean;
  /** The CPU that it runs on, or on whose queue it is. */
  readonly cpu?: number;
  readonly kthread?: boolean;
  readonly victim?: boolean;
  readonly exiting?: boolean;
  /** Of a victim: MMF_OOM_SKIP, where it is known. */
  readonly reaped?: boolean;
  readonly policy?: number;
  readonly staticPrio?: number;
  readonly mm?: string;
  /** A request that is overdue, with its mask; else by the stack alone. */
  readonly gfp?: string;
  /** A request in flight that is not overdue. */
  readonly young?: boolean;
  /** Its mask; GFP_KERNEL unless told. */
  readonly youngGfp?: string;
  /** Seconds without a CPU. */
  readonly offCpu?: number;
  /** For how many seconds at least its request is under way, of a kernel without records. */
  readonly age?: number;
  /** The mask that is kept on its stack. */
  readonly evidenceGfp?: string;
  readonly waitsFor?: LockWait;
}

/** The calls of an anonymous page fault that asks for memory, from the slow path out. */
export const FAULT =
  '__alloc_pages_direct_reclaim < __alloc_pages_slowpath < __alloc_pages < do_anonymous_page < ' +
  '__handle_mm_fault < handle_mm_fault < exc_page_fault';
/** Reclaim between a scan and the slow path. */
export const RECLAIM =
  'shrink_lruvec < shrink_node < do_try_to_free_pages < try_to_free_pages < ' +
  '__alloc_pages_direct_reclaim < __alloc_pages_slowpath < __alloc_pages';
/** A sleep in a mutex. */
export const MUTEX = '__schedule < schedule < __mutex_lock < mutex_lock';

/** A task with what follows from its sketch. */
export function taskFacts(sketch: TaskSketch): TaskFacts {
  const { calls = '', waitsFor, reaped } = sketch;
  const names = calls.split(' < ').filter((name) => name !== '');
  const frames = names.map((name): StackFrame => ({ pc: '0x1', sp: '0x1', name }));
  const stack = { type: 'stack', source: 'switched out', frames, end: 'user' } as const;
  return {
    task: taskOf(sketch),
    stack,
    calls: callsOf(stack),
    place: allocatorPlace(frames),
    ...(waitsFor === undefined ? {} : { waitsFor }),
    ...(reaped === undefined ? {} : { isReaped: reaped }),
  };
}

const PF_EXITING = 4;

function taskOf(sketch: TaskSketch): MemallocTask {
  const { pid, comm = `task-${pid}`, state = 'D', onCpu = false, kthread = false } = sketch;
  const { victim = false, exiting = false, policy = 0, mm = '0x1000', gfp, young } = sketch;
  const { youngGfp = 'GFP_KERNEL', offCpu, age, staticPrio, cpu, evidenceGfp } = sketch;
  const evidence = {
    ...(offCpu === undefined ? {} : { offCpu: bound(offCpu, 'se.exec_start') }),
    ...(age === undefined ? {} : { age: bound(age, 'se.exec_start') }),
    ...(evidenceGfp === undefined ? {} : { gfpNames: evidenceGfp }),
  };
  const record =
    gfp === undefined && young !== true
      ? undefined
      : {
          inFlight: true,
          stalling: gfp !== undefined,
          overdue: gfp !== undefined,
          gfpNames: gfp ?? youngGfp,
          order: 0,
        };
  const task = {
    address: `0x${pid.toString(16)}`,
    pid,
    tgid: pid,
    comm,
    state,
    onCpu,
    kthread,
    policy,
    ...(staticPrio === undefined ? {} : { staticPrio }),
    ...(cpu === undefined ? {} : { cpu }),
    mm: kthread ? '0x0' : mm,
    flags: exiting ? PF_EXITING : 0,
    oomMm: victim ? mm : '0x0',
    words: { uninterruptible: state === 'D', exiting, dying: victim, victim },
    ...(record === undefined ? {} : { record }),
    ...(Object.keys(evidence).length === 0 ? {} : { evidence }),
  };
  return task as unknown as MemallocTask;
}

/** All of a machine. */
export function facts(
  tasks: readonly TaskSketch[],
  others: Partial<Omit<Facts, 'tasks' | 'byPid' | 'kernelHas'>> & {
    readonly symbols?: readonly string[];
  } = {},
): Facts {
  const all = tasks.map(taskFacts);
  const { symbols = [], ...given } = others;
  return {
    memalloc: { tasks: all.map(({ task }) => task) } as unknown as MemallocResult,
    tasks: all,
    byPid: new Map(all.map((fact) => [fact.task.pid ?? -1, fact])),
    kernelHas: (symbol) => symbols.includes(symbol),
    zones: undefined,
    writeback: 0,
    pendingWorks: undefined,
    oom: undefined,
    oomLockHolder: undefined,
    locks: undefined,
    ...given,
  };
}
