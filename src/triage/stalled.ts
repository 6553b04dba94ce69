// Requests that wait for longer than the timeout: who since when, and whether the OOM killer has
// chosen somebody for it, or could have.

import { memallocFormat } from '../kernel/memalloc-format.ts';
import type { MemallocResult, MemallocTask } from '../kernel/memalloc-report.ts';
import type { OomState } from '../kernel/oom.ts';
import { isExiting } from '../kernel/task-flags.ts';
import { count } from '../util/count.ts';
import {
  maskOf,
  pressureEvidence,
  sleepEvidence,
  stallEvidence,
  timeoutOf,
  type Evidence,
} from './evidence.ts';
import { cannotInvokeOom, requestMask } from './request-mask.ts';
import type { Verdict } from './verdict.ts';
import { sleepsUnkillably, victimsOf } from './victims.ts';
import { agesOf, nameList, nameOf, oldestOf, waitOf } from './words.ts';

/** What is judged besides the requests. */
export interface StallContext {
  /** Those that stall, by their records or by what is known of them at least. */
  readonly stalling: readonly MemallocTask[];
  /** What could not be read. */
  readonly missing: readonly string[];
  readonly oom: OomState | undefined;
}

/** The verdict where somebody stalls. */
export function stalled(memalloc: MemallocResult, context: StallContext): Verdict {
  const { stalling } = context;
  const missing = [...context.missing, ...unknownMasks(stalling)];
  const victims = victimsOf(memalloc);
  const atLeast = context.missing.length > 0 ? 'At least ' : '';
  const waits = (isAfterKill: boolean): string =>
    atLeast + sinceWhen(memalloc, stalling, isAfterKill);
  const sentence = waits(victims.tasks.length > 0);
  const base = { evidence: evidenceOf(memalloc, context), missing, lead: waits(false) };
  const since = [`${atLeast}${agesText(memalloc, stalling)}.`];
  const atExit = exitText(stalling.filter((task) => !victims.tasks.includes(task)));
  if (victims.tasks.length > 0) {
    const others = stalling.filter((task) => !victims.tasks.includes(task));
    const killed = victimText(victims.tasks, stalling);
    const exiting = exitingOnes(others);
    return {
      ...base,
      class: 'after-oom-kill',
      sentence: `${sentence}, although the OOM killer has chosen ${killed}${exiting}`,
      since: [...since, `The OOM killer has chosen ${killed}`, ...atExit].join(' '),
    };
  }
  if (!victims.isKnown) {
    const unread = 'hether the OOM killer has chosen a victim could not be read.';
    const exiting = exitingOnes(stalling);
    return {
      ...base,
      class: 'stalled',
      sentence: `${sentence}; w${unread}${exiting}`,
      since: [...since, `W${unread}`, ...atExit].join(' '),
    };
  }
  const nobody = nobodyKilled(context.oom);
  const before = beforeKill(memalloc, stalling);
  const exiting = exitingOnes(stalling);
  return {
    ...base,
    class: before.class,
    missing: [...missing, ...before.missing],
    sentence: `${sentence}; ${nobody}${before.text}${exiting}`,
    since: [...since, `${capital(nobody)}.`, ...atExit].join(' '),
  };
}

/** What the requests ask for, where that is known of none: else the masks are counted. */
function unknownMasks(stalling: readonly MemallocTask[]): string[] {
  if (stalling.some((task) => maskOf(task) !== undefined)) return [];
  return [
    `what ${count(stalling.length, 'request')} ${stalling.length === 1 ? 'asks' : 'ask'} for`,
  ];
}

function evidenceOf(memalloc: MemallocResult, { stalling }: StallContext): Evidence[] {
  return [
    ...stallEvidence(memalloc, { stalling, victims: victimsOf(memalloc) }),
    ...pressureEvidence(memalloc),
    ...sleepEvidence(memalloc),
  ];
}

/**
 * Who waits, and for how long. Where nobody was killed for it the requests may be slow and finish
 * in the end: a single dump does not tell.
 */
function sinceWhen(
  memalloc: MemallocResult,
  stalling: readonly MemallocTask[],
  isAfterKill: boolean,
): string {
  const how = isAfterKill
    ? `${stalling.length === 1 ? 'is' : 'are'} stuck in the memory allocator`
    : waitedText(memalloc, stalling);
  return `${count(stalling.length, 'task')} ${how}, longest ${oldestOf(stalling)}`;
}

function agesText(memalloc: MemallocResult, stalling: readonly MemallocTask[]): string {
  const isBound = memalloc.record === undefined;
  return (
    `${count(stalling.length, 'task')} ${waitedText(memalloc, stalling)}` +
    `${isBound ? ', at least' : ''}: ${agesOf(stalling, { isBound })}`
  );
}

/** Where nothing records since when requests wait, others may have waited as long. */
function waitedText(memalloc: MemallocResult, { length }: readonly MemallocTask[]): string {
  const one = length === 1;
  const known = `${one ? 'is' : 'are'} known to have`;
  const have = memalloc.record === undefined ? known : one ? 'has' : 'have';
  return `${have} waited in the memory allocator for over ${timeoutOf(memalloc)}`;
}

/** A task that exits gives its memory back at the end of it. */
function exitingOnes(stalling: readonly MemallocTask[]): string {
  const exiting = stalling.filter(isExiting);
  if (exiting.length === 0) return '';
  const who =
    exiting.length === 1
      ? 'One of them is exiting, and waits for memory before it has given back its own'
      : `${exiting.length} of them are exiting, and wait for memory before they have given back ` +
        'their own';
  return ` ${who}: longest ${oldestOf(exiting)}.`;
}

/** The same in short. */
function exitText(stalling: readonly MemallocTask[]): string[] {
  const exiting = stalling.filter(isExiting);
  return exiting.length === 0 ? [] : [`Exiting, and in want of memory first: ${agesOf(exiting)}.`];
}

/** `java(187), which sleeps where SIGKILL does not wake it.` */
function victimText(victims: readonly MemallocTask[], stalling: readonly MemallocTask[]): string {
  const asleep = victims.filter(sleepsUnkillably);
  const all = nameList(victims);
  const waiting = victims.filter((victim) => stalling.includes(victim)).map(waitsItself);
  if (victims.length === 1 && waiting.length === 0) {
    return asleep.length === 0 ? `${all}.` : `${all}, which sleeps where SIGKILL does not wake it.`;
  }
  const sleep =
    asleep.length === 1
      ? 'sleeps where SIGKILL does not wake it'
      : 'sleep where SIGKILL does not wake them';
  const clauses = [...(asleep.length === 0 ? [] : [`${nameList(asleep)} ${sleep}`]), ...waiting];
  return `${[all, ...clauses].join('; ')}.`;
}

/** A victim that cannot go on without memory itself. */
function waitsItself(task: MemallocTask): string {
  const exiting = isExiting(task) === true ? 'is exiting and ' : '';
  return `${nameOf(task)} ${exiting}has waited for memory itself for ${waitOf(task)}`;
}

/** No victim is there now; whether one was, OOM_KILL of /proc/vmstat says (v4.13). */
export function nobodyKilled(oom: OomState | undefined): string {
  const killed = oom?.killCount;
  if (killed === undefined) return 'no OOM victim is alive';
  if (killed === 0) return 'the OOM killer has killed nobody since boot';
  return `no OOM victim is alive (the OOM killer has killed ${killed} since boot)`;
}

function capital(text: string): string {
  return text.slice(0, 1).toUpperCase() + text.slice(1);
}

/** How that begins which is missing where requests may be slow and finish in the end. */
export const PROGRESS_UNKNOWN = 'whether the requests progress';

/** Nobody was chosen: what the stalling requests may do decides. */
function beforeKill(
  { record }: MemallocResult,
  stalling: readonly MemallocTask[],
): Pick<Verdict, 'class' | 'missing'> & { readonly text: string } {
  const maskAsAsked = memallocFormat(record?.format ?? '')?.maskAsAsked === true;
  const cannot = stalling.map((task) => cannotInvokeOom(task, requestMask(task), maskAsAsked));
  if (cannot.every((answer) => answer === true)) {
    const text = ', and none of these requests may invoke it.';
    return { class: 'only-nofs', text, missing: [] };
  }
  if (!cannot.includes(false)) {
    const text = '; whether one of these requests may invoke it is not known.';
    return { class: 'stalled', text, missing: [] };
  }
  const text =
    ', though at least one of these requests may invoke it: ' +
    'a livelock, or a machine that is overloaded.';
  const seen = record === undefined ? 'it' : 'their seq moving';
  const missing = [`${PROGRESS_UNKNOWN}: a second dump would show ${seen}`];
  return { class: 'no-oom-kill', text, missing };
}
