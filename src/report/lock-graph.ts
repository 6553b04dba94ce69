// Who waits for whom as a tree: at its root the task that must move first, below it the locks that
// it has, below each the tasks that wait for it, and the locks that those have in turn; below a
// worker the works that wait until it is done.

import type { KernelLock, LockOwner, LocksResult, WorkWait } from '../kernel/locking/lock.ts';
import { ownersOf } from '../kernel/locking/wait-graph.ts';
import { cycleText, lockName, poolName, TaskWords, worksText } from './locks.ts';

/** How many tasks are named that wait at one place. */
const TASKS_NAMED = 8;
const INDENT = '  ';

/** All of them, the ones that hold up most first. */
export function lockGraphText(result: LocksResult): string {
  return new GraphWriter(result).text();
}

class GraphWriter {
  readonly #result: LocksResult;
  readonly #words: TaskWords;
  readonly #waiting: ReadonlySet<number>;
  readonly #held = new Map<number, { lock: KernelLock; owner: LockOwner }[]>();
  /** By the first worker that is in the way of the works. */
  readonly #works = new Map<number, WorkWait[]>();
  readonly #lines: string[] = [];
  /** A lock is drawn below the first of its readers, and in a cycle but once. */
  readonly #drawn = new Set<string>();

  constructor(result: LocksResult) {
    this.#result = result;
    this.#words = new TaskWords(result.tasks);
    this.#waiting = new Set(result.waits.map(({ pid }) => pid));
    for (const lock of result.locks) {
      for (const owner of ownersOf(lock)) {
        const held = this.#held.get(owner.pid) ?? [];
        held.push({ lock, owner });
        this.#held.set(owner.pid, held);
      }
    }
    for (const wait of result.works ?? []) {
      const [pid] = wait.workers;
      if (pid !== undefined) this.#works.set(pid, [...(this.#works.get(pid) ?? []), wait]);
    }
  }

  text(): string {
    for (const cycle of this.#result.cycles) {
      this.#lines.push(cycleText(cycle, this.#words));
      this.#task(cycle.links[0]?.pid ?? 0, '');
    }
    const inTheWay = new Set([...this.#held.keys(), ...this.#works.keys()]);
    for (const pid of inTheWay) if (!this.#waiting.has(pid)) this.#task(pid, '');
    for (const lock of this.#result.locks) {
      if (this.#drawn.has(lock.address)) continue;
      this.#lines.push(`not known who has ${lockName(lock)}`);
      this.#waiters(lock, INDENT);
    }
    return this.#lines.map((line) => `${line}\n`).join('');
  }

  #task(pid: number, indent: string): void {
    this.#lines.push(`${indent}${this.#words.whole(pid)}`);
    for (const { lock, owner } of this.#held.get(pid) ?? []) {
      const has = owner.certain ? 'has' : `may have (${owner.how})`;
      const again = this.#drawn.has(lock.address);
      this.#lines.push(`${indent}${INDENT}${has} ${lockName(lock)}${again ? ', see above' : ''}`);
      if (!again) this.#waiters(lock, indent + INDENT + INDENT);
    }
    for (const wait of this.#works.get(pid) ?? []) this.#pending(wait, indent + INDENT);
  }

  #pending(wait: WorkWait, indent: string): void {
    const { reason, workers } = wait;
    const others = workers.length - 1;
    const makes = `makes another worker for the ${poolName(wait)}`;
    const one = `${others > 0 ? 'one of the workers' : 'the worker'} of the ${poolName(wait)}`;
    const does = reason === 'worker is made' ? makes : `is ${one}`;
    this.#lines.push(`${indent}${does}: ${worksText(wait)}`);
  }

  /** Those that have nothing that others wait for are told together by where they are. */
  #waiters(lock: KernelLock, indent: string): void {
    this.#drawn.add(lock.address);
    const alike = new Map<string, number[]>();
    for (const pid of lock.waiters) {
      if (this.#held.has(pid) || this.#works.has(pid)) this.#task(pid, indent);
      else alike.set(this.#words.place(pid), [...(alike.get(this.#words.place(pid)) ?? []), pid]);
    }
    for (const [place, pids] of alike) {
      const named = pids.slice(0, TASKS_NAMED).map((pid) => this.#words.name(pid));
      const more = pids.length - named.length;
      const rest = more > 0 ? ` and ${more} more` : '';
      this.#lines.push(`${indent}${named.join(' ')}${rest} ${place}`);
    }
  }
}
