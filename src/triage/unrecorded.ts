// The verdict on a kernel that keeps no record of requests: from stacks, flags and counters, and
// from what these say of how long tasks have waited at least.

import type { MemallocResult, MemallocTask } from '../kernel/memalloc-report.ts';
import type { OomState } from '../kernel/oom.ts';
import { isKswapdByName, isReclaiming } from '../kernel/task-flags.ts';
import { count } from '../util/count.ts';
import { isMemstalled, signs, timeoutOf, type Evidence } from './evidence.ts';
import { optional } from '../util/optional.ts';
import { nobodyKilled, stalled } from './stalled.ts';
import type { Verdict } from './verdict.ts';
import { chosenOf } from './victims.ts';
import { agesOf, nameList } from './words.ts';

/** Judges by what there is without records. */
export function withoutRecord(
  memalloc: MemallocResult,
  { gaps, oom }: { gaps: readonly string[]; oom: OomState | undefined },
): Verdict {
  const asking = placed(memalloc, 'slow path');
  const { timeoutSeconds } = memalloc.rebuilt ?? {};
  const old = asking.filter((task) => ageOf(task) >= (timeoutSeconds?.value ?? Infinity));
  const missing = [...gaps, ...unknownOf(memalloc, asking)];
  if (old.length > 0) {
    const verdict = stalled(memalloc, { stalling: old, missing: gaps, oom });
    return { ...verdict, missing: [...new Set([...verdict.missing, ...missing])] };
  }
  const waiting = waitingOf(memalloc);
  const evidence = [...requestEvidence(memalloc, asking), ...signs(memalloc)];
  if (waiting.length === 0 && isWhole(memalloc) && gaps.length === 0) {
    return { class: 'not-stalled', sentence: nobodyWaits(memalloc), evidence, missing: [] };
  }
  const pressed = pressure(memalloc, oom);
  const since = sinceOf(memalloc, asking);
  return {
    class: 'unknown',
    sentence: [unlessUnread(memalloc, pressed), ...since, ...whyNotKnown(memalloc)].join(' '),
    ...optional('lead', leadOf(memalloc, asking)),
    since: [pressed, ...since].join(' '),
    evidence,
    missing,
  };
}

function placed({ tasks }: MemallocResult, place: string): MemallocTask[] {
  return tasks.filter(({ evidence }) => evidence?.place?.value === place);
}

/** Seconds; less is shown as 0.0, and says no more than that somebody asks since a moment. */
const AGE_SHOWN = 0.05;

function ageOf({ evidence }: MemallocTask): number {
  return evidence?.age?.value ?? 0;
}

/** Whoever waits for memory, reclaims, or was chosen by the OOM killer. */
function waitingOf(memalloc: MemallocResult): MemallocTask[] {
  const chosen = chosenOf(memalloc);
  return memalloc.tasks.filter(
    (task) =>
      task.evidence?.place !== undefined ||
      isReclaiming(task) ||
      (isMemstalled(task) && !isKswapdByName(task)) ||
      task.words.victim === true ||
      chosen.includes(task),
  );
}

/** Each task was seen whole, its stack too. */
function isWhole({ tasks, coverage }: MemallocResult): boolean {
  return (
    tasks.length > 0 &&
    coverage.taskListComplete &&
    coverage.tasksWithoutSignal === 0 &&
    coverage.tasksWithoutMemstall === 0 &&
    tasks.every(({ evidence }) => evidence !== undefined && evidence.stackUnread !== true)
  );
}

function nobodyWaits({ tasks, coverage }: MemallocResult): string {
  const begin = `No task is stuck in the memory allocator: none of ${tasks.length}`;
  const kswapds = tasks.filter(reclaimsForOthers);
  const others = kswapds.length === 0 ? 'none' : 'no other';
  const marked = coverage.countsMemstalls ? `, and ${others} is marked as stalled on memory` : '';
  if (kswapds.length === 0) {
    return `${begin} is in its slow path, charges a full memory cgroup or is in reclaim${marked}.`;
  }
  return (
    `${begin} is in its slow path or charges a full memory cgroup, ` +
    `nobody but ${nameList(kswapds)} is in reclaim${marked}.`
  );
}

/** A kswapd at its work: balance_pgdat() (mm/vmscan.c) marks itself as stalled all the while. */
function reclaimsForOthers(task: MemallocTask): boolean {
  return isKswapdByName(task) && (task.evidence?.reclaim !== undefined || isMemstalled(task));
}

function requestEvidence(memalloc: MemallocResult, asking: readonly MemallocTask[]): Evidence[] {
  const charging = placed(memalloc, 'memory cgroup');
  if (asking.length + charging.length === 0) {
    return [{ fact: count(memalloc.tasks.length, 'task'), verb: 'tasks' }];
  }
  const fact =
    `of ${count(memalloc.tasks.length, 'task')} ${asking.length} in the allocator's slow path, ` +
    `${charging.length} charging a full memory cgroup`;
  return [{ fact, verb: 'memalloc' }];
}

/** The question that is asked is answered first. */
function unlessUnread({ tasks }: MemallocResult, pressed: string): string {
  if (tasks.length === 0) return pressed;
  return `Not known to be stuck: ${pressed.slice(0, 1).toLowerCase()}${pressed.slice(1)}`;
}

/** Since when those wait that ask for memory, as far as that is known. */
function sinceOf(memalloc: MemallocResult, asking: readonly MemallocTask[]): string[] {
  const lead = leadOf(memalloc, asking);
  if (lead === undefined) return [];
  const aged = asking.filter(isAgeShown);
  const ages = `; for at least: ${agesOf(aged, { isBound: true })}`;
  return [`${lead}${aged.length === 0 ? '' : ages}.`];
}

function isAgeShown(task: MemallocTask): boolean {
  return ageOf(task) >= AGE_SHOWN;
}

function leadOf(memalloc: MemallocResult, asking: readonly MemallocTask[]): string | undefined {
  if (asking.length === 0) return undefined;
  const are = asking.length === 1 ? 'is' : 'are';
  const many = `${count(asking.length, 'task')} ${are} in the allocator's slow path`;
  return many + shortly(memalloc, asking);
}

/** For how long requests of which none is known to be overdue have waited. */
export function shortly(memalloc: MemallocResult, asking: readonly MemallocTask[]): string {
  if (asking.some(isAgeShown)) return `, none known to be there for over ${timeoutOf(memalloc)}`;
  return asking.some(({ evidence }) => evidence?.age !== undefined)
    ? ', none known to be there for 0.1 s yet'
    : '; for how long is not known';
}

function unknownOf({ tasks, coverage }: MemallocResult, asking: readonly MemallocTask[]): string[] {
  const { tasksWithoutMemstall: unmarked } = coverage;
  const unaged = asking.filter(({ evidence }) => evidence?.age === undefined).length;
  const least = 'ages are what they are at least';
  return [
    ...(unmarked > 0 ? [`whether ${unmarked} of ${tasks.length} tasks stall (in_memstall)`] : []),
    ...(asking.length > 0
      ? [
          `since when exactly requests wait: ${least}` +
            (unaged > 0 ? `, unknown of ${unaged} of ${asking.length}` : ''),
        ]
      : []),
  ];
}

function whyNotKnown({ patchSymbol, tasks }: MemallocResult): string[] {
  if (tasks.length === 0) return [];
  return patchSymbol === undefined
    ? ['Since when exactly is not recorded: this kernel lacks the kmallocwd patch.']
    : [`Since when cannot be read: the kernel has ${patchSymbol}, its types lack the record.`];
}

/** What an unpatched kernel says for sure. */
function pressure(memalloc: MemallocResult, oom: OomState | undefined): string {
  const { tasks, coverage } = memalloc;
  if (tasks.length === 0) return 'Nothing can be said: no task could be read.';
  const stalling = tasks.filter(isMemstalled).length;
  const chosen = chosenOf(memalloc).length;
  const isKnown =
    coverage.taskListComplete &&
    coverage.tasksWithoutMemstall === 0 &&
    coverage.tasksWithoutSignal === 0;
  const some = isKnown ? '' : 'At least ';
  const killed =
    chosen === 0
      ? nobodyKilled(oom)
      : `the OOM killer has chosen ${count(chosen, 'process', 'es')}${sinceBoot(oom, chosen)}`;
  if (!coverage.countsMemstalls) {
    const marks = 'Which tasks stall on memory is not marked: PSI is off in this kernel';
    return chosen === 0 ? `${marks}.` : `${marks}; ${killed}.`;
  }
  if (stalling === 0 && chosen === 0) {
    return isKnown
      ? 'No task is marked as stalled on memory.'
      : 'None of the tasks that could be read whole is marked as stalled on memory.';
  }
  const are = stalling === 1 ? 'is' : 'are';
  const marked = `${some}${count(stalling, 'task')} ${are} marked as stalled on memory (PSI)`;
  return chosen === 0 && !isKnown ? `${marked}.` : `${marked}, and ${killed}.`;
}

/** Victims that are still there are not all: OOM_KILL counts those that are gone, too. */
function sinceBoot(oom: OomState | undefined, chosen: number): string {
  if (oom?.killCount === undefined) return '';
  return ` that ${chosen === 1 ? 'is' : 'are'} not gone yet (${oom.killCount} since boot)`;
}
