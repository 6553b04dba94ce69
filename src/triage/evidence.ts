// The facts that a verdict rests on, each with the verb that shows it.

import { count } from '../util/count.ts';
import type { MemallocResult, MemallocTask } from '../kernel/memalloc-report.ts';
import { isExiting, isKswapdByName, isReclaiming } from '../kernel/task-flags.ts';
import { isFrozen } from '../kernel/task-state.ts';
import { chosenOf, type Victims } from './victims.ts';
import { nameList, sample } from './words.ts';

/** A fact that speaks for or against, with the verb that shows it. */
export interface Evidence {
  readonly fact: string;
  /** What the fact consists of, each for a line of its own. */
  readonly details?: readonly string[];
  /** The verb to look it up with. */
  readonly verb: string;
}

/** What the records, or what stands for them, say of a stall. */
export function stallEvidence(
  memalloc: MemallocResult,
  about: { stalling: readonly MemallocTask[]; victims: Victims },
): Evidence[] {
  const { stalling, victims } = about;
  return [
    {
      fact: `${countedText(memalloc, stalling)} (stalling: older than ${thresholdOf(memalloc)})`,
      verb: 'memalloc',
    },
    ...(stalling.some((task) => maskOf(task) !== undefined)
      ? [{ fact: 'their requests', details: masksOf(stalling), verb: 'memalloc --all' }]
      : []),
    ...having('stalling, though they are exiting', stalling.filter(isExiting), 'memalloc'),
    ...(victims.tasks.length === 0
      ? []
      : [{ fact: `OOM victims (${victims.source}): ${nameList(victims.tasks)}`, verb: 'tasks' }]),
  ];
}

function countedText({ record }: MemallocResult, stalling: readonly MemallocTask[]): string {
  if (record === undefined) return `${stalling.length} stalling at least, by stacks and run times`;
  const { dying, victim } = record.counts;
  return `${stalling.length} stalling, ${dying ?? '?'} dying, ${victim ?? '?'} victim`;
}

/** What task_struct says of pressure on memory, whether its kernel keeps records or not. */
export function pressureEvidence({ tasks }: MemallocResult): Evidence[] {
  return [
    ...having('inside reclaim or compaction (PF_MEMALLOC)', tasks.filter(isReclaiming)),
    ...having('counted as stalled on memory (in_memstall)', tasks.filter(isMemstalled)),
  ];
}

/** Every sign in task_struct. */
export function signs(memalloc: MemallocResult): Evidence[] {
  const what = 'processes chosen by the OOM killer (signal->oom_mm)';
  return [
    ...pressureEvidence(memalloc),
    ...having(what, chosenOf(memalloc)),
    ...killEvidence(memalloc),
    ...sleepEvidence(memalloc),
  ];
}

/** Who is about to die. */
export function killEvidence({ tasks }: MemallocResult): Evidence[] {
  return having('tasks with SIGKILL pending', tasks.filter(hasSigkill));
}

/** Who sleeps for what is not known. */
export function sleepEvidence({ tasks }: MemallocResult): Evidence[] {
  return having('in uninterruptible sleep, frozen ones aside', tasks.filter(sleepsHard));
}

/** How many tasks are so, and the first of them; nothing where none is. */
export function having(what: string, found: readonly MemallocTask[], verb = 'tasks'): Evidence[] {
  return found.length === 0 ? [] : [{ fact: `${what}: ${found.length} (${sample(found)})`, verb }];
}

/** The task is stalled on memory by the kernel's own count. */
export function isMemstalled({ inMemstall }: MemallocTask): boolean {
  return inMemstall === true;
}

/**
 * Tasks that wait for memory in a way that has no record: reclaim for a memory cgroup, a page that
 * is read back again and again. kswapd is no such task, it reclaims for others.
 */
export function waitersWithoutRequest({ tasks }: MemallocResult): MemallocTask[] {
  return tasks.filter(
    (task) =>
      (isReclaiming(task) || isMemstalled(task)) &&
      task.record?.inFlight === false &&
      !isKswapdByName(task),
  );
}

/** `10 s, kmallocwd_timeout`, or in jiffies where HZ is not known. */
export function thresholdOf(memalloc: MemallocResult): string {
  const source = (memalloc.record ?? memalloc.rebuilt)?.timeoutSeconds?.source;
  return source === undefined ? timeoutOf(memalloc) : `${timeoutOf(memalloc)}, ${source}`;
}

/** `10 s` */
export function timeoutOf({ record, rebuilt }: MemallocResult): string {
  const seconds = (record ?? rebuilt)?.timeoutSeconds?.value;
  return seconds === undefined ? `${record?.timeoutJiffies ?? '?'} jiffies` : `${seconds} s`;
}

/** Kinds of requests that are told apart; `memalloc --all` shows them all. */
const KINDS_SHOWN = 10;

/** What a request asks for, as far as that is known. */
export function maskOf({ record, evidence }: MemallocTask): string | undefined {
  return record?.gfpNames ?? record?.gfpMask ?? evidence?.gfpNames;
}

/** Each kind of request and how many there are of it, the most frequent first. */
function masksOf(tasks: readonly MemallocTask[]): string[] {
  const counts = new Map<string, number>();
  for (const task of tasks) {
    const name = maskOf(task) ?? 'a mask that is not known';
    counts.set(name, (counts.get(name) ?? 0) + 1);
  }
  const kinds = [...counts].sort(([, a], [, b]) => b - a);
  const more = kinds.length - KINDS_SHOWN;
  return [
    ...kinds.slice(0, KINDS_SHOWN).map(([name, times]) => `${times} × ${name}`),
    ...(more > 0 ? [`${count(more, 'more kind')}`] : []),
  ];
}

function sleepsHard(task: MemallocTask): boolean {
  return task.state === 'D' && !isFrozen(task);
}

function hasSigkill({ sigkillPending, sharedSigkillPending }: MemallocTask): boolean {
  return sigkillPending === true || sharedSigkillPending === true;
}
