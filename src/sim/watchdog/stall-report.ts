// What a report of the watchdog says: who is counted, who is listed, and the words of each line, by
// the version of the patch. The threads print it piece by piece, the ledger all at one instant.

import type { Kernel } from '../core/kernel.ts';
import { PF_KSWAPD, TASK_DEAD, TASK_UNINTERRUPTIBLE } from '../kernel/task-bits.ts';
import { fatal_signal_pending, type Task } from '../kernel/task.ts';
import {
  LOCATION_OOM_LOCK,
  LOCATION_TOO_MANY_ISOLATED,
  type ListedRequest,
  type MemallocInfo,
} from './memalloc-info.ts';
import { countsTwice, type PatchVersion } from './patch-version.ts';
import { printf, type PrintfArgument } from './printf.ts';

/** What the watchdog sees in a task. */
export interface Look {
  readonly stalling: boolean;
  readonly dying: boolean;
  readonly exiting: boolean;
  readonly victim: boolean;
  /** kswapd, which some versions list always. */
  readonly always: boolean;
}

/** What the Info line counts. */
export type StallCounts = Record<'stalling' | 'dying' | 'exiting' | 'victim', number>;

/** A report at one instant. */
export interface StallReport {
  /** No request is as old as the timeout: the thread sleeps on, and only the counts are of use. */
  readonly silent: boolean;
  readonly stalling: readonly Task[];
  readonly counts: StallCounts;
  readonly lines: readonly string[];
}

/** is_stalling_task(): the request is in flight, at rest, and not younger than `expire`. */
export function isStalling(
  version: PatchVersion,
  { valid, sequence, start }: MemallocInfo,
  expire: number,
): boolean {
  const isTorn = countsTwice(version) && (sequence & 1) !== 0;
  return valid > 0 && !isTorn && start <= expire;
}

/** How old a request has to be to be listed, in jiffies. */
export function reportAge({ memalloc }: Kernel, timeout: number): number {
  return memalloc.version.reporter?.half === true ? Math.floor(timeout / 2) : timeout;
}

/** Looks at a task without leaving a trace of it. */
export function lookAt(k: Kernel, task: Task, expire: number): Look {
  const { version } = k.memalloc;
  const listsToo = version.reporter?.listsToo ?? 'nobody';
  return {
    stalling: isStalling(version, task.memalloc, expire),
    dying: fatal_signal_pending(task),
    // Who counts them does not count the dead.
    exiting: task.isExiting && (listsToo === 'nobody' || task.state !== TASK_DEAD),
    victim: task.isMemdie,
    always: listsToo === 'exiting, kswapd' && (task.flags & PF_KSWAPD) !== 0,
  };
}

/** Whether a task gets a line. */
export function isListed({ memalloc }: Kernel, look: Look): boolean {
  if (look.stalling || look.dying || look.victim || look.always) return true;
  return look.exiting && memalloc.version.reporter?.listsToo !== 'nobody';
}

/** Counters at 0. */
export function noCounts(): StallCounts {
  return { stalling: 0, dying: 0, exiting: 0, victim: 0 };
}

/** Adds a task to the counters. */
export function countLook(counts: StallCounts, look: Look): void {
  for (const key of ['stalling', 'dying', 'exiting', 'victim'] as const) {
    if (look[key]) counts[key]++;
  }
}

/** `MemAlloc-Info: …` */
export function infoLine(k: Kernel, counts: StallCounts): string {
  const { reporter } = k.memalloc.version;
  const { stalling, dying, exiting, victim } = counts;
  const exitingToo = reporter?.listsToo === 'nobody' ? [] : [exiting];
  const oom = [k.oomCalls, k.noOomCalls];
  return printf(reporter?.info ?? '', stalling, dying, ...exitingToo, victim, ...oom);
}

/** `MemAlloc: …` of a task that is listed. */
export function taskLine(
  k: Kernel,
  task: Task,
  { look, now }: { look: Look; now: number },
): string {
  const { reporter, layout } = k.memalloc.version;
  const format = reporter?.task ?? '';
  const word = (isSo: boolean, text: string): string => (isSo ? ` ${text}` : '');
  return printf(
    format,
    ...identity(k, task, format),
    ...(layout === 'L1' ? [] : [look.stalling ? requestWords(k, task, now) : '']),
    word((task.state & TASK_UNINTERRUPTIBLE) !== 0, 'uninterruptible'),
    ...(layout === 'L1' || layout === 'L2' ? [] : [word(look.exiting, 'exiting')]),
    word(look.dying, 'dying'),
    word(look.victim, 'victim'),
  );
}

/** comm and pid, and with them the flags and the switches where the format has them. */
function identity({ words }: Kernel, task: Task, format: string): PrintfArgument[] {
  const { comm, pid, flags, nvcsw, nivcsw } = task;
  return [
    comm,
    pid,
    ...(format.includes('flags=') ? [words.taskFlags(flags)] : []),
    ...(format.includes('switches=') ? [nvcsw + nivcsw] : []),
  ];
}

/** The part about the request, cut off where the kernel's buffer ends. */
function requestWords(k: Kernel, task: Task, now: number): string {
  const { request } = k.memalloc.version;
  if (request === undefined) return '';
  const { format, bufferSize } = request;
  return printf(format, ...requestArguments(k, task, { format, now })).slice(0, bufferSize - 1);
}

function requestArguments(
  { memalloc }: Kernel,
  task: Task,
  { format, now }: { format: string; now: number },
): PrintfArgument[] {
  const { sequence, gfp, order, start } = task.memalloc;
  return [
    ...(format.includes('seq=') ? [seqOf(memalloc.version, sequence)] : []),
    ...(format.includes('%pGg') ? [gfp, gfp] : [gfp]),
    order,
    now - start,
  ];
}

/** What is printed as `seq=`. */
export function seqOf(version: PatchVersion, sequence: number): number {
  return countsTwice(version) ? sequence >>> 1 : sequence;
}

/** v1: the line of an entry of memalloc_list. */
export function listedLine(k: Kernel, request: ListedRequest, now: number): string {
  const { task, gfp, order, start } = request;
  const format = k.memalloc.version.request?.format ?? '';
  return printf(format, task.comm, task.pid, gfp, order, now - start);
}

/** RFC: what sched_show_task() says of a request in flight; undefined where there is none. */
export function shownLine(k: Kernel, task: Task): string | undefined {
  const { version } = k.memalloc;
  if (version.shown === undefined || task.memalloc.valid === 0) return undefined;
  const { shown: format } = version;
  return printf(
    format,
    ...identity(k, task, format),
    ...requestArguments(k, task, { format, now: k.jiffies }),
    (task.state & TASK_UNINTERRUPTIBLE) !== 0 ? ' uninterruptible' : '',
  );
}

/** All that the thread would print about tasks if it woke up at this instant. */
export function stallReport(k: Kernel, timeout: number): StallReport {
  const { version, list } = k.memalloc;
  const now = k.jiffies;
  const expire = now - reportAge(k, timeout);
  const looks = [...k.threads()].map((task) => ({ task, look: lookAt(k, task, expire) }));
  const counts = noCounts();
  for (const { look } of looks) countLook(counts, look);
  const stalling = looks.filter(({ look }) => look.stalling).map(({ task }) => task);
  if (version.shown !== undefined) {
    const lines = looks.flatMap(({ task }) => shownLine(k, task) ?? []);
    return { silent: false, stalling, counts, lines };
  }
  if (version.layout === 'L1') return listReport(k, { timeout, looks, counts, list });
  const silent = !looks.some(({ task }) => isStalling(version, task.memalloc, now - timeout));
  const info = version.reporter === undefined ? [] : [infoLine(k, counts)];
  if (silent) return { silent, stalling, counts, lines: info };
  const tasks = looks
    .filter(({ look }) => isListed(k, look))
    .flatMap(({ task, look }) => {
      return [taskLine(k, task, { look, now }), ...(locationLine(k, task) ?? [])];
    });
  const again = version.reporter?.infoTwice === true ? info : [];
  return { silent, stalling, counts, lines: [...info, ...tasks, ...again] };
}

/** 2016-03-02: the line that stands for a trace, where the task waits in a place that is known. */
export function locationLine(k: Kernel, { memalloc }: Task): string[] | undefined {
  const words = LOCATIONS[memalloc.knownLocations];
  return k.memalloc.version.knownLocations && words !== undefined
    ? [`Call Trace: ${words}`]
    : undefined;
}

/** By memalloc_info.known_locations. */
export const LOCATIONS: Readonly<Record<number, string>> = {
  [LOCATION_TOO_MANY_ISOLATED]: 'looping inside shrink_inactive_list()',
  [LOCATION_OOM_LOCK]: 'waiting for oom_lock',
};

interface ListState {
  readonly timeout: number;
  readonly looks: readonly { task: Task; look: Look }[];
  readonly counts: StallCounts;
  readonly list: readonly ListedRequest[];
}

/** v1 counts what is older than the timeout and lists what is as old: requests, then the dying. */
function listReport(k: Kernel, { timeout, looks, counts, list }: ListState): StallReport {
  const now = k.jiffies;
  const old = list.filter(({ start }) => now - start >= timeout);
  counts.stalling = list.filter(({ start }) => now - start > timeout).length;
  const info = infoLine(k, counts);
  const stalling = [...new Set(old.map(({ task }) => task))];
  const silent = old.length === 0;
  if (silent) return { silent, stalling, counts, lines: [info] };
  const requests = old.map((request) => listedLine(k, request, now));
  const dying = looks
    .filter(({ look }) => look.dying || look.victim)
    .map(({ task, look }) => taskLine(k, task, { look, now }));
  return { silent, stalling, counts, lines: [info, ...requests, ...dying] };
}
