// Two dumps beside each other as text: the verdict, what it rests on, a table of the tasks that
// matter, counters and locks.

import type {
  CompareResult,
  CounterChange,
  CpuShare,
  LevelChange,
  LockChange,
  TaskComparison,
} from '../triage/compare.ts';
import { count } from '../util/count.ts';
import { commandText } from './command.ts';
import { describeSystem } from './system.ts';
import { wrapWords } from './wrap.ts';

/** How the answer is laid out. */
export interface CompareLayout {
  /** Columns that prose is broken into. */
  readonly width?: number;
  /** Every task, counter and lock; else a screen of them. */
  readonly all?: boolean;
}

/** The verdict and what it rests on: what stands above the table. */
export function compareText(
  result: CompareResult,
  { width = Infinity }: CompareLayout = {},
): string {
  const { verdict, swapped, boot, before, now, elapsed } = result;
  const uptime = before.machine.uptimeSeconds;
  const first = uptime === undefined ? '' : `; the first dump at ${uptime.toFixed(1)} s`;
  return textOf([
    ...wrapWords(verdict.sentence, width),
    ...(verdict.unsure === undefined
      ? []
      : wrapWords(`(${verdict.confidence}: ${verdict.unsure})`, width)),
    ...wrapWords(`(${describeSystem(now.machine)}${first})`, width),
    ...(swapped === true
      ? wrapWords('The dump that was named first is the later one: they are swapped.', width)
      : []),
    ...(boot.isSame === true
      ? []
      : wrapWords(
          'That both are of one boot is not proved, and nothing speaks against it.',
          width,
        )),
    ...(elapsed === undefined ? wrapWords('Neither clock could be read in both.', width) : []),
    ...part('What this rests on:', items(verdict.because, width)),
    ...part('What speaks against it:', items(verdict.against, width)),
    ...part('Not known:', items(verdict.missing, width)),
    ...['', ...wrapWords(`Next step: ${verdict.next}.`, width)],
  ]);
}

/** What stands below the table: how many tasks became what, counters, locks. */
export function compareDetails(
  result: CompareResult,
  { width = Infinity, all = false }: CompareLayout = {},
): string {
  const { counters, locks } = result;
  const counts = all ? counters.counts : counters.counts.filter(isTelling);
  const levels = all ? counters.levels : counters.levels.filter(isTellingLevel);
  return textOf([
    ...wrapWords(countsText(result), width),
    ...part(
      'Counters:',
      items(pairsOfTwo([...counts.map(countText), ...levels.map(levelText)]), width),
    ),
    ...part('CPUs, busy between the dumps:', items(cpuLines(counters.cpus, all), width)),
    ...part('Locks:', items(lockLines(result, locks ?? [], all), width)),
  ]);
}

function textOf(lines: readonly string[]): string {
  return lines.map((line) => `${line}\n`).join('');
}

function part(heading: string, lines: readonly string[]): string[] {
  return lines.length === 0 ? [] : ['', heading, ...lines];
}

function items(texts: readonly string[], width: number): string[] {
  return texts.flatMap((text) =>
    wrapWords(`- ${text}`, width - 2, '  ').map((line) => `  ${line}`),
  );
}

const ORDER = [
  'progressing',
  'livelocked',
  'blocked',
  'starved',
  'stuck',
  'gone',
  'new',
  'ran',
  'asleep',
  'unknown',
] as const;

/** `65 tasks: 2 progressing, 15 livelocked, …` */
function countsText({ counts, tasks }: CompareResult): string {
  const parts = ORDER.flatMap((progress) => {
    const number = counts[progress] ?? 0;
    return number === 0 ? [] : [`${number} ${progress}`];
  });
  return `${count(tasks.length, 'task')}: ${parts.join(', ')}`;
}

function isTelling({ before, now }: CounterChange): boolean {
  return before !== now;
}

function isTellingLevel({ before, now, min }: LevelChange): boolean {
  return before !== now || now > 0 || min !== undefined;
}

function countText({ what, before, now, perSecond }: CounterChange): string {
  if (perSecond === undefined) return `${what}: ${before}, then ${now}`;
  return `${what}: ${now - before} (${rateText(perSecond)}/s)`;
}

function rateText(perSecond: number): string {
  if (perSecond === 0) return '0';
  return perSecond < 10 ? perSecond.toFixed(2) : String(Math.round(perSecond));
}

function levelText({ what, before, now, min }: LevelChange): string {
  const mark = min === undefined ? '' : ` (min ${min})`;
  return before === now
    ? `${what}: ${now} in both${mark}`
    : `${what}: ${before}, then ${now}${mark}`;
}

/** Two short facts in a line take half of the screen. */
function pairsOfTwo(texts: readonly string[]): string[] {
  const lines: string[] = [];
  for (let at = 0; at < texts.length; at += 2) lines.push(texts.slice(at, at + 2).join('; '));
  return lines;
}

const CPUS_SHOWN = 4;

function cpuLines(cpus: readonly CpuShare[], all: boolean): string[] {
  const shown = all ? cpus : cpus.slice(0, CPUS_SHOWN);
  const more = cpus.length - shown.length;
  const texts = [...shown.map(cpuText), ...(more > 0 ? [`and ${count(more, 'CPU')} more`] : [])];
  return pairsOfTwo(texts);
}

function cpuText({ cpu, user, system, irq, steal }: CpuShare): string {
  const percent = (share: number | undefined, name: string): string[] =>
    share === undefined || share < 0.0005 ? [] : [`${(share * 100).toFixed(1)} % ${name}`];
  const parts = [
    ...percent(user, 'user'),
    ...percent(system, 'system'),
    ...percent(irq, 'interrupts'),
    ...percent(steal, 'stolen'),
  ];
  return `CPU ${cpu}: ${parts.length === 0 ? 'idle' : parts.join(', ')}`;
}

const LOCKS_SHOWN = 3;

function lockLines(result: CompareResult, locks: readonly LockChange[], all: boolean): string[] {
  const names = new Map(result.tasks.map((task) => [task.pid, nameOf(task)]));
  const who = (pid: number): string => names.get(pid) ?? `?(${pid})`;
  const shown = all ? locks : locks.slice(0, LOCKS_SHOWN);
  const more = locks.length - shown.length;
  return [
    ...shown.map((lock) => lockText(lock, who)),
    ...(more > 0 ? [`and ${count(more, 'lock')} more  ${commandText('compare --all')}`] : []),
  ];
}

function lockText(lock: LockChange, who: (pid: number) => string): string {
  const { kind, address, name, bit, isUncertain } = lock;
  const which = bit === undefined ? '' : ` ${bit.name ?? `bit ${bit.number}`}`;
  const lockName = name ?? `${kind.replaceAll('_', ' ')} ${address}${which}`;
  const doubt = isUncertain === true ? ' (as far as the kernel keeps it)' : '';
  return `${lockName}: ${fateText(lock, who)}${doubt}${waitersText(lock, who)}`;
}

function fateText(
  { fate, ownerBefore, ownerNow }: LockChange,
  who: (pid: number) => string,
): string {
  const owner = (pid: number | undefined): string =>
    pid === undefined ? 'nobody known' : who(pid);
  switch (fate) {
    case 'held on':
      return `held by ${owner(ownerNow)} in both`;
    case 'handed on':
      return `held by ${owner(ownerBefore)}, then by ${owner(ownerNow)}`;
    case 'not waited for':
      return `held by ${owner(ownerBefore)}, and nobody waits for it now`;
    case 'waited for now':
      return `held by ${owner(ownerNow)} now, and nobody waited for it before`;
    case 'owner not known':
      return ownerBefore === undefined && ownerNow === undefined
        ? 'waited for in both; who has it is not known'
        : `held by ${owner(ownerBefore)}, then by ${owner(ownerNow)}`;
  }
}

const WAITERS_SHOWN = 3;

function waitersText(
  { stillWaiting, joined, left }: LockChange,
  who: (pid: number) => string,
): string {
  const list = (pids: readonly number[], what: string): string[] => {
    if (pids.length === 0) return [];
    const more = pids.length - WAITERS_SHOWN;
    const shown = pids.slice(0, WAITERS_SHOWN).map(who).join(', ');
    return [`${what} ${shown}${more > 0 ? ` and ${more} more` : ''}`];
  };
  const parts = [
    ...list(stillWaiting, 'all the time'),
    ...list(joined, 'since'),
    ...list(left, 'no longer'),
  ];
  return parts.length === 0 ? '' : `; waits: ${parts.join('; ')}`;
}

/** `java(187)` */
export function nameOf({ comm, pid }: Pick<TaskComparison, 'comm' | 'pid'>): string {
  return `${comm ?? '?'}(${pid ?? '?'})`;
}
