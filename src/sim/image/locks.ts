// Sleeping locks in memory: who has them, and the list of those that wait, who lie on the stacks of
// the sleepers.
//
//   mutex         owner = task_struct * | 1 while somebody waits
//   rw_semaphore  count and owner as src/sim/locking/rw-semaphore.ts draws them
//   semaphore     count; nobody knows who has it
//
// A lock is a variable of the kernel, a member of another struct (mmap_lock), or an object of its
// own.

import type { TypeSource } from '../../types/ctype.ts';
import { findMember } from '../../types/ctype.ts';
import { vaddr, vaddrAdd, type Vaddr } from '../../util/address.ts';
import { assert } from '../../util/assert.ts';
import type { Areas } from './areas.ts';
import type { KernelImage } from './kernel-image.ts';
import type { LockFacts, RwSemaphoreFacts } from './machine-facts.ts';
import type { PlacedWaiter } from './stacks.ts';
import type { Fields } from './struct-writer.ts';
import type { PlacedTasks } from './tasks.ts';

/** MUTEX_FLAG_WAITERS (kernel/locking/mutex.c) */
const MUTEX_FLAG_WAITERS = 1n;
/** RWSEM_READER_OWNED (kernel/locking/rwsem.c) */
const RWSEM_READER_OWNED = 1n;

/** Gives the locks that are global variables their symbols. */
export function defineLocks(
  image: KernelImage,
  types: TypeSource,
  locks: readonly LockFacts[] = [],
): void {
  for (const { symbol, kind } of locks) {
    if (symbol === undefined) continue;
    const type = types.find('struct', kind);
    assert(type?.kind === 'struct', `${types.origin} has no struct ${kind}`);
    image.define(symbol, { section: 'data', size: type.size, align: 32 });
  }
}

/** What members were called before: mmap_lock is so since Linux 5.8 (da1c55f1b272). */
const OLD_MEMBERS: Readonly<Record<string, string>> = { mmap_lock: 'mmap_sem' };

/** What {@link placeLocks} gives their memory. */
export interface LockPlaces {
  readonly locks: readonly LockFacts[];
  readonly tasks: PlacedTasks;
  /** Those of the image of an earlier instant: what is there still lies where it lay. */
  readonly former?: readonly LockFacts[] | undefined;
}

/** Gives every lock its memory. @returns where they lie, in the order of `locks` */
export function placeLocks(
  image: KernelImage,
  areas: Areas,
  { locks, tasks, former = [] }: LockPlaces,
): Vaddr[] {
  const placer = new LockPlacer(image, areas, tasks);
  // Allocated as for the earlier image, which gives the same addresses.
  const kept = new Map(
    keyed(former).flatMap(([key, lock]) => {
      return placer.isOfMm(lock) ? [] : [[key, placer.place(lock)] as const];
    }),
  );
  return keyed(locks).map(([key, lock]) => kept.get(key) ?? placer.place(lock));
}

/** By kind and name; of several that have the same, by their order. */
function keyed(locks: readonly LockFacts[]): (readonly [key: string, lock: LockFacts])[] {
  const counts = new Map<string, number>();
  return locks.map((lock) => {
    const name = `${lock.kind} ${lock.name}`;
    const number = counts.get(name) ?? 0;
    counts.set(name, number + 1);
    return [`${name} ${number}`, lock] as const;
  });
}

class LockPlacer {
  readonly #image: KernelImage;
  readonly #areas: Areas;
  readonly #mmOf = new Map<number, Vaddr | undefined>();

  constructor(image: KernelImage, areas: Areas, { processes }: PlacedTasks) {
    this.#image = image;
    this.#areas = areas;
    for (const { threads, mm } of processes) this.#mmOf.set(threads[0]!.facts.pid, mm);
  }

  /** It lies in the mm of a process, which has its place. */
  isOfMm({ within }: LockFacts): boolean {
    return within?.tgid !== undefined;
  }

  place({ kind, name, symbol, within }: LockFacts): Vaddr {
    if (symbol !== undefined) return this.#image.symbol(symbol);
    if (within === undefined) return this.#areas.allocate(kind);
    const { struct, member, tgid } = within;
    const outer = tgid === undefined ? this.#areas.allocate(struct) : this.#mmOf.get(tgid);
    assert(outer !== undefined, `${name}: process ${tgid} has no ${struct}`);
    return vaddrAdd(outer, memberOffset(this.#areas, struct, member));
  }
}

/** What {@link writeLocks} links together. */
export interface LockPlan {
  readonly locks: readonly LockFacts[];
  /** Where they lie. */
  readonly places: readonly Vaddr[];
  readonly tasks: PlacedTasks;
  readonly waiters: readonly PlacedWaiter[];
}

/** Writes every lock. */
export function writeLocks(areas: Areas, plan: LockPlan): void {
  const writer = new LockWriter(areas, plan);
  plan.locks.forEach((lock, index) => {
    writer.write(lock, plan.places[index]!, index);
  });
}

class LockWriter {
  readonly #areas: Areas;
  readonly #taskOf = new Map<number, Vaddr>();
  /** By lock and pid. */
  readonly #waiters = new Map<string, Vaddr>();

  constructor(areas: Areas, { tasks, waiters }: LockPlan) {
    this.#areas = areas;
    for (const { threads } of tasks.processes) {
      for (const { facts, task } of threads) this.#taskOf.set(facts.pid, task);
    }
    for (const { lock, pid, address } of waiters) this.#waiters.set(`${lock} ${pid}`, address);
  }

  write(lock: LockFacts, address: Vaddr, index: number): void {
    const { memory } = this.#areas;
    memory.store(lock.kind, address, this.#fields(lock));
    // All waiters start with their list_head.
    const nodes = [
      vaddrAdd(address, this.#offset(lock.kind, 'wait_list')),
      ...lock.waiterPids.map((pid) => this.#waiterOf(lock, pid, index)),
    ];
    nodes.forEach((node, i) => {
      const next = nodes[(i + 1) % nodes.length]!;
      const prev = nodes[(i + nodes.length - 1) % nodes.length]!;
      memory.store('list_head', node, { next, prev });
    });
  }

  #fields(lock: LockFacts): Fields {
    if (lock.kind === 'semaphore') return { count: lock.count };
    if (lock.kind === 'rw_semaphore') return this.#rwsemFields(lock);
    const owner = lock.ownerPid === undefined ? 0n : this.#taskOf.get(lock.ownerPid);
    assert(owner !== undefined, `${lock.name}: no task has pid ${lock.ownerPid}`);
    const isWaitedFor = lock.waiterPids.length > 0;
    if (!this.#has('mutex', 'owner.counter')) {
      // Before Linux 4.10 (3ca0ff571b09): 1 unlocked, 0 locked, negative with somebody waiting.
      return { 'count.counter': owner === 0n ? 1 : isWaitedFor ? -1 : 0, owner };
    }
    return { 'owner.counter': owner | (isWaitedFor ? MUTEX_FLAG_WAITERS : 0n) };
  }

  #rwsemFields(lock: RwSemaphoreFacts): Fields {
    if (this.#has('rw_semaphore', 'count.counter')) {
      return { 'count.counter': lock.count, 'owner.counter': this.#rwsemOwner(lock) };
    }
    // Until Linux 5.3 the owner was a writer alone.
    const { ownerPid } = lock;
    return { count: lock.count, owner: ownerPid === undefined ? 0n : this.#taskOrFreed(ownerPid) };
  }

  #rwsemOwner({ ownerWord }: RwSemaphoreFacts): bigint {
    if (ownerWord === undefined) return 0n;
    const { pid, isReader } = ownerWord;
    return this.#taskOrFreed(pid) | (isReader ? RWSEM_READER_OWNED : 0n);
  }

  /** A reader that has died since: `owner` points to a task_struct that is free again. */
  #taskOrFreed(pid: number): Vaddr {
    let task = this.#taskOf.get(pid);
    if (task === undefined) {
      task = this.#areas.allocate('task_struct');
      this.#taskOf.set(pid, task);
    }
    return vaddr(task);
  }

  #waiterOf({ name }: LockFacts, pid: number, index: number): Vaddr {
    const found = this.#waiters.get(`${index} ${pid}`);
    assert(found !== undefined, `${name}: pid ${pid} has no waiter on its stack`);
    return found;
  }

  #has(struct: string, member: string): boolean {
    return findMember(this.#areas.memory.struct(struct), member) !== undefined;
  }

  #offset(struct: string, member: string): number {
    return memberOffset(this.#areas, struct, member);
  }
}

function memberOffset({ memory }: Areas, struct: string, member: string): number {
  const type = memory.struct(struct);
  const place = findMember(type, member) ?? findMember(type, OLD_MEMBERS[member] ?? member);
  assert(place !== undefined, `struct ${struct} has no member ${member}`);
  return place.bitOffset / 8;
}
