// How tasks are named and counted in a verdict.

import type { MemallocTask } from '../kernel/memalloc-report.ts';

/** `backup(412) for 23.7 s`: who has waited longest. */
export function oldestOf(tasks: readonly MemallocTask[]): string {
  let oldest: MemallocTask | undefined;
  for (const task of tasks) {
    if (oldest === undefined || age(task) > age(oldest)) oldest = task;
  }
  if (oldest === undefined) return 'none';
  return `${nameOf(oldest)} for ${waitOf(oldest)}`;
}

/** `23.7 s`, or jiffies where HZ is not known; `at least 23.7 s` where nothing records it. */
export function waitOf(task: MemallocTask): string {
  return task.record === undefined ? `at least ${agedOf(task)}` : agedOf(task);
}

function agedOf(task: MemallocTask): string {
  const { record, evidence } = task;
  const seconds = record === undefined ? evidence?.age?.value : record.delaySeconds;
  return seconds === undefined ? `${record?.delay ?? '?'} jiffies` : `${seconds.toFixed(1)} s`;
}

/** By what of two waits the longer is told: jiffies of records, else seconds; never both. */
function age({ record, evidence }: MemallocTask): number {
  return record === undefined ? (evidence?.age?.value ?? 0) : Number(record.delay ?? 0);
}

const AGES_SHOWN = 3;

/**
 * `backup(412) 23.7 s, java(186) 20.1 s and 5 more`, the longest first.
 *
 * @param isBound what stands before the list says that it is at least so long
 */
export function agesOf(tasks: readonly MemallocTask[], { isBound = false } = {}): string {
  const oldest = [...tasks].sort((a, b) => age(b) - age(a)).slice(0, AGES_SHOWN);
  const more = tasks.length - oldest.length;
  const named = oldest.map((task) => `${nameOf(task)} ${isBound ? agedOf(task) : waitOf(task)}`);
  return `${named.join(', ')}${more > 0 ? ` and ${more} more` : ''}`;
}

/** `java(186)` */
export function nameOf({ comm, pid }: { comm?: string; pid?: number }): string {
  return `${comm ?? '?'}(${pid ?? '?'})`;
}

const NAMES_SHOWN = 4;

/** The first few, for evidence. */
export function sample(tasks: readonly MemallocTask[]): string {
  const shown = tasks.slice(0, NAMES_SHOWN).map(nameOf).join(', ');
  return tasks.length > NAMES_SHOWN ? `${shown}, …` : shown;
}

/** The first few, for a sentence. */
export function nameList(tasks: readonly MemallocTask[]): string {
  return inSentence(tasks.map(nameOf), NAMES_SHOWN);
}

/** `a, b and 3 more`, `a and b`, or `nobody`. */
export function inSentence(names: readonly string[], most: number): string {
  const shown = names.slice(0, most);
  const more = names.length - shown.length;
  const last = more > 0 ? `${more} more` : shown.pop();
  return shown.length === 0 ? (last ?? 'nobody') : `${shown.join(', ')} and ${last}`;
}
