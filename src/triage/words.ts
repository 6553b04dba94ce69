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

/** `23.7 s`, or jiffies where HZ is not known. */
export function waitOf(task: MemallocTask): string {
  const seconds = task.record?.delaySeconds;
  return seconds === undefined ? `${age(task)} jiffies` : `${seconds.toFixed(1)} s`;
}

function age({ record }: MemallocTask): bigint {
  return BigInt(record?.delay ?? 0);
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
  const shown = tasks.slice(0, NAMES_SHOWN).map(nameOf).join(' and ');
  return tasks.length > NAMES_SHOWN ? `${shown} and ${tasks.length - NAMES_SHOWN} more` : shown;
}
