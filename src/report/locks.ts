// Locks as text: a paragraph each with who has it, what that task does and who waits; or who waits
// for whom as a tree, those that must move first at its roots.

import type {
  KernelLock,
  LockOwner,
  LocksResult,
  LockTask,
  WaitCycle,
  WorkWait,
} from '../kernel/locking/lock.ts';
import { ABSENT } from './tasks.ts';

/** How many waiters of a lock are listed. */
const WAITERS_SHOWN = 16;

/** How tasks are called in the lines. */
export class TaskWords {
  readonly #tasks: ReadonlyMap<number, LockTask>;

  constructor(tasks: readonly LockTask[]) {
    this.#tasks = new Map(tasks.map((task) => [task.pid, task]));
  }

  /** `httpd(42)` */
  name(pid: number): string {
    return `${this.#tasks.get(pid)?.comm ?? ABSENT}(${pid})`;
  }

  /** Where it is, so that tasks that are at the same place can be one line. */
  place(pid: number): string {
    const { state = ABSENT, at, allocator, onCpu } = this.#tasks.get(pid) ?? {};
    const where = at === undefined ? '' : `, at ${at}`;
    const memory = allocator === undefined ? '' : `, in the allocator (${allocator})`;
    return `${state}${onCpu === true ? ' on a CPU' : ''}${where}${memory}`;
  }

  whole(pid: number): string {
    return `${this.name(pid)} ${this.place(pid)}`;
  }
}

/** Every lock that somebody waits for. */
export function locksText(result: LocksResult): string {
  const words = new TaskWords(result.tasks);
  const paragraphs = result.locks.map((lock) => `${lockText(lock, words)}\n`);
  const cycles = result.cycles.map((cycle) => `${cycleText(cycle, words)}\n\n`);
  const unproved = result.unproved.map(
    ({ pid, function: name, why }) => `${words.whole(pid)}: in ${name}, lock not known: ${why}\n`,
  );
  if (unproved.length > 0) unproved.push('\n');
  const works = (result.works ?? []).map((wait) => `${workText(wait, words)}\n`);
  return [...cycles, ...paragraphs, ...works, ...unproved, `${summary(result)}\n`].join('');
}

function lockText(lock: KernelLock, words: TaskWords): string {
  const { waiters, notes } = lock;
  const lines = [`${lockName(lock)}, ${countOf(waiters.length, 'waiter')}`];
  lines.push(...holderLines(lock, words));
  for (const note of notes) lines.push(`  ${note}`);
  waiters.slice(0, WAITERS_SHOWN).forEach((pid, index) => {
    lines.push(`  ${index === 0 ? 'waiting ' : '        '} ${words.whole(pid)}`);
  });
  const more = waiters.length - WAITERS_SHOWN;
  if (more > 0) lines.push(`           and ${more} more`);
  return lines.map((line) => `${line}\n`).join('');
}

/** Workers of a pool that are listed; an unbound one may have hundreds. */
const WORKERS_SHOWN = 4;

function workText(wait: WorkWait, words: TaskWords): string {
  const { workers, reason } = wait;
  const lines = [`${poolName(wait)}: ${worksText(wait)}`];
  workers.slice(0, WORKERS_SHOWN).forEach((pid, index) => {
    lines.push(`  ${index === 0 ? WORKER_WORDS[reason] : '         '} ${words.whole(pid)}`);
  });
  const more = workers.length - WORKERS_SHOWN;
  if (more > 0) lines.push(`           and ${more} more`);
  return lines.map((line) => `${line}\n`).join('');
}

const WORKER_WORDS: Readonly<Record<WorkWait['reason'], string>> = {
  'worker runs': 'behind   ',
  'worker is made': 'until another worker is made by',
  'workers sleep': 'behind   ',
  'worker is woken': 'behind   ',
};

/** `pool of CPU 0` */
export function poolName({ pool, cpu }: WorkWait): string {
  return cpu === undefined ? `unbound pool ${pool}` : `pool of CPU ${cpu}`;
}

/** Functions of works that are named. */
const WORKS_NAMED = 4;

/** `2 works wait (vmstat_update, vmstat_shepherd), none begun for 23.2 s` */
export function worksText({ works, seconds }: WorkWait): string {
  const names = [...new Set(works)];
  const named = names.slice(0, WORKS_NAMED).join(', ');
  const more = names.length > WORKS_NAMED ? ' and others' : '';
  const since = seconds === undefined ? '' : `, none begun for ${seconds.toFixed(1)} s`;
  const wait = works.length === 1 ? 'waits' : 'wait';
  return `${countOf(works.length, 'work')} ${wait} (${named}${more})${since}`;
}

/** `mutex 0x… oom_lock` */
export function lockName({ kind, address, name, bit }: KernelLock): string {
  const which = bit === undefined ? '' : ` ${bit.name ?? `bit ${bit.number}`}`;
  return `${kind.replaceAll('_', ' ')} ${address}${which}${name === undefined ? '' : ` ${name}`}`;
}

function holderLines({ owner, readers }: KernelLock, words: TaskWords): string[] {
  const lines: string[] = [];
  if (owner !== undefined) lines.push(`  ${holderWord(owner)} ${words.whole(owner.pid)}`);
  if (readers === undefined) return lines;
  const { count, tasks } = readers;
  if (count !== undefined) lines.push(`  read by  ${countOf(count, 'task')}`);
  for (const reader of tasks) lines.push(`  ${holderWord(reader)} ${words.whole(reader.pid)}`);
  if (count === undefined || tasks.length < count) {
    const known = tasks.length === 0 ? 'who they are' : 'who the others are';
    lines.push(`           the kernel does not keep ${count === 1 ? 'who it is' : known}`);
  }
  return lines;
}

const HOLDER_WORDS: Readonly<Record<LockOwner['how'], string>> = {
  owner: 'owner   ',
  'handed over': 'given to, and it has not run since:',
  writer: 'writer  ',
  lockdep: 'held by ',
  'last reader': 'came last (it may be out again):',
  'page fault': 'in a page fault (it may read it):',
  'last holder': 'taken last by (it may be given back):',
};

function holderWord({ how }: LockOwner): string {
  return HOLDER_WORDS[how];
}

/** A circle, as one line. */
export function cycleText({ links, certain }: WaitCycle, words: TaskWords): string {
  const round = [...links, ...links.slice(0, 1)].map(({ pid }) => words.name(pid)).join(' -> ');
  return `CYCLE${certain ? '' : ' (if the last reader still reads)'}: ${round}`;
}

function summary({ locks, waits, cycles, unproved, works = [] }: LocksResult): string {
  const parts = [`${countOf(waits.length, 'task')} waiting for ${countOf(locks.length, 'lock')}`];
  const pending = works.reduce((sum, each) => sum + each.works.length, 0);
  if (pending > 0) parts.push(`${countOf(pending, 'work')} waiting for a worker`);
  if (cycles.length > 0) parts.push(countOf(cycles.length, 'cycle'));
  if (unproved.length > 0) parts.push(`${unproved.length} for a lock that is NOT KNOWN`);
  return parts.join('; ');
}

function countOf(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? '' : 's'}`;
}
