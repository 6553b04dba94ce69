// Collects the locks that tasks wait for, from one task after the other, and then asks each lock
// who has it.

import type { Vmcore } from '../../target/vmcore.ts';
import { hex, type Vaddr } from '../../util/address.ts';
import { optional } from '../../util/optional.ts';
import { cpuSets } from '../percpu.ts';
import type { TaskStack } from '../stack.ts';
import type { Task } from '../task.ts';
import { BitWaitFinder, pageBitName, type BitWait } from './bit-wait.ts';
import { blockerOf } from './blocker.ts';
import type { KernelLock, LockSource, UnprovedWait, Wait, WaitProof } from './lock.ts';
import type { LockMemory, LockState } from './lock-memory.ts';
import { LockdepBook, lockdepName, withLockdep } from './lockdep.ts';
import { MmReaders } from './mm-readers.ts';
import { MUTEX } from './mutex.ts';
import { LockNames } from './names.ts';
import { PERCPU_RWSEM } from './percpu-rwsem.ts';
import { rtMutexWait } from './rt-mutex.ts';
import { RW_SEMAPHORE } from './rwsem.ts';
import { SEMAPHORE } from './semaphore.ts';
import { TaskIndex, type KnownTask } from './task-index.ts';
import { waitSite, type WaitSite } from './wait-functions.ts';
import { stackRange, WaiterFinder, type ListedLock } from './waiters.ts';
import { WordReader } from './words.ts';

/** A lock that was found, before it is asked who has it. */
interface FoundLock {
  readonly kind: KernelLock['kind'];
  readonly address: Vaddr;
  readonly bit?: NonNullable<KernelLock['bit']>;
  readonly waiters: readonly FoundWaiter[];
  readonly source: LockSource;
  readonly notes: readonly string[];
  /** Read at the end, when it is known who waits. */
  readonly state: (waiters: ReadonlySet<number>) => LockState;
  /** `struct mutex`, where lockdep's map of it is. */
  readonly struct?: string;
}

/** One that waits, with the structure that says so. */
interface FoundWaiter {
  readonly task: KnownTask;
  readonly address?: Vaddr;
  readonly type?: string;
  readonly wants?: Wait['wants'];
  /** Its place on a queue that it shares with others. */
  readonly place?: number;
}

/** What one look at a task found, and by what. */
interface Finding {
  readonly lock: FoundLock;
  readonly by: WaitProof['by'];
}

/** The locks of a dump. */
export class LockCollector {
  readonly tasks: TaskIndex;
  readonly waits = new Map<number, Wait>();
  readonly unproved = new Map<number, UnprovedWait>();
  readonly #at: LockMemory;
  readonly #finder: WaiterFinder;
  readonly #bits: BitWaitFinder;
  readonly #names: LockNames;
  readonly #lockdep: LockdepBook;
  /**
   * By address and bit, with those that wait by pid: most are found with the whole list, those that
   * wait for a bit, or for the readers of a percpu rwsem, one by one.
   */
  readonly #found = new Map<string, { lock: FoundLock; waiters: Map<number, FoundWaiter> }>();
  readonly #mmReaders = new MmReaders();

  constructor(vmcore: Vmcore, tasks: readonly Task[]) {
    this.tasks = new TaskIndex(vmcore, tasks);
    const { problems } = vmcore;
    this.#at = {
      memory: vmcore,
      words: new WordReader(vmcore),
      tasks: this.tasks,
      problems,
      cpuOffsets: () => cpuSets(vmcore).possible.map((cpu) => vmcore.perCpuOffset(cpu)),
    };
    this.#finder = new WaiterFinder(this.#at, [MUTEX, RW_SEMAPHORE, SEMAPHORE, PERCPU_RWSEM]);
    this.#bits = new BitWaitFinder(this.#at);
    this.#names = new LockNames(vmcore, this.tasks);
    this.#lockdep = new LockdepBook(this.#at);
  }

  /** Finds the lock that a task waits for, if it does. */
  look(task: KnownTask, stack: TaskStack): void {
    this.#mmReaders.look(task, stack.frames);
    const site = waitSite(stack.frames);
    if (site === undefined) return;
    const subject = `what task ${task.pid} waits for`;
    const found = this.#at.problems.attempt(subject, () => this.#find(task, stack, site));
    if (found !== undefined && typeof found !== 'string') this.#add(found, task, site);
    else if (site.sleeps && task.state !== 'R') {
      const { function: name, kind } = site;
      const why = found ?? 'what it waits for cannot be read';
      this.unproved.set(task.pid, { pid: task.pid, function: name, kind, why });
    }
  }

  #find(task: KnownTask, stack: TaskStack, site: WaitSite): Finding | string {
    const rt = rtMutexWait(this.#at, task);
    if (rt !== undefined) {
      const { address, waiters, state } = rt;
      const typed = waiters.map((each) => ({ ...each, type: 'rt_mutex_waiter' }));
      const notes: string[] = [];
      const source = 'pi_blocked_on';
      const kind = 'rt_mutex';
      const lock = { kind, address, waiters: typed, source, notes, state: () => state } as const;
      return { lock, by: 'pi_blocked_on' };
    }
    if (site.kind === 'page' || site.kind === 'bit') return this.#findBit(task, stack, site);
    const found = this.#finder.find(task, stack, site);
    if (typeof found !== 'string') {
      return { lock: this.#fromList(found, 'waiter on a stack'), by: 'stack' };
    }
    const blocker = blockerOf(this.#at, task);
    if (blocker === undefined) return found;
    const lock = this.#finder.findByBlocker(task, blocker);
    if (typeof lock === 'string') return `${found}; ${lock}`;
    return { lock: this.#fromList(lock, 'blocker'), by: 'blocker' };
  }

  #findBit(task: KnownTask, stack: TaskStack, site: WaitSite): Finding | string {
    const { start, byteCount } = stackRange(stack, site);
    const words = this.#at.words.range(start, byteCount);
    const found = this.#bits.find(task, { start, words, ofPage: site.kind === 'page' });
    if (typeof found === 'string') return found;
    return { lock: this.#fromBit(found, task), by: 'stack' };
  }

  #fromBit({ kind, address, bit, waiter, type, place }: BitWait, task: KnownTask): FoundLock {
    const name = kind === 'page' ? pageBitName(this.#at, bit) : undefined;
    const note = 'the kernel does not keep whose it is';
    return {
      kind,
      address,
      bit: { number: bit, ...optional('name', name) },
      waiters: [{ task, address: waiter, type, place }],
      source: 'waiter on a stack',
      notes: [],
      state: () => ({ notes: [note] }),
    };
  }

  #fromList({ reader, address, waiters, notes }: ListedLock, source: LockSource): FoundLock {
    return {
      kind: reader.kind,
      address,
      waiters: waiters.map((each) =>
        each.address === undefined ? each : { ...each, type: reader.waiter.struct },
      ),
      source,
      notes,
      state: (pids) => reader.read(this.#at, address, pids),
      struct: reader.lock.struct,
    };
  }

  #add({ lock, by }: Finding, from: KnownTask, site: WaitSite): void {
    const { address, bit } = lock;
    const key = bit === undefined ? hex(address) : `${hex(address)} ${bit.number}`;
    const known = this.#found.get(key);
    if (known === undefined) this.#found.set(key, { lock, waiters: new Map() });
    const { waiters } = known ?? this.#found.get(key)!;
    // All on the list of the lock wait for it, also those whose own stack does not say so. They
    // are there since the first of them was looked at.
    const others = waiters.has(from.pid) ? [] : lock.waiters;
    for (const waiter of others) {
      if (!waiters.has(waiter.task.pid)) waiters.set(waiter.task.pid, waiter);
    }
    const own = waiters.get(from.pid);
    if (own !== undefined) this.#wait(lock, own, { by, function: site.function });
    for (const waiter of others) {
      if (!this.waits.has(waiter.task.pid)) this.#wait(lock, waiter, { by: 'wait list' });
    }
  }

  #wait({ kind, address }: FoundLock, waiter: FoundWaiter, proof: WaitProof): void {
    const { task, address: at, type, wants } = waiter;
    this.waits.set(task.pid, {
      pid: task.pid,
      lock: hex(address),
      kind,
      ...optional('wants', wants),
      proof: {
        ...proof,
        ...optional('type', type),
        ...optional('waiter', at === undefined ? undefined : hex(at)),
      },
    });
  }

  /** All that were found, those that most wait for first. */
  locks(): KernelLock[] {
    const locks = [...this.#found.values()].map(({ lock, waiters }) => {
      return this.#lock(lock, inOrder([...waiters.values()]));
    });
    return locks.sort((a, b) => b.waiters.length - a.waiters.length);
  }

  #lockdepName(struct: string, address: Vaddr): string | undefined {
    const subject = `name of ${struct} ${hex(address)}`;
    return this.#at.problems.attempt(subject, () => lockdepName(this.#at, struct, address));
  }

  #lock(found: FoundLock, waiters: readonly FoundWaiter[]): KernelLock {
    const { kind, address, bit, notes, source, state, struct } = found;
    const pids = waiters.map(({ task }) => task.pid);
    const waiting = new Set(pids);
    const subject = `${kind} ${hex(address)}`;
    const read = this.#at.problems.attempt(subject, () => state(waiting));
    const held = struct === undefined ? [] : this.#lockdep.of(struct, address);
    const has = withLockdep(read ?? { notes: ['who has it cannot be read'] }, held, waiting);
    const name = this.#names.nameOf(address);
    const words = name?.words ?? (struct && this.#lockdepName(struct, address));
    const { readers } = has;
    const isMmap = readers !== undefined && name?.mm !== undefined;
    return {
      kind,
      address: hex(address),
      ...optional('name', words),
      ...optional('bit', bit),
      ...optional('owner', has.owner),
      ...optional('readers', isMmap ? this.#mmReaders.add(readers, name.mm, waiting) : readers),
      waiters: pids,
      notes: [...has.notes, ...notes],
      sources: held.length > 0 ? [source, 'lockdep'] : [source],
    };
  }
}

/** Of a list it is the order of finding; of a queue that is shared the place on that. */
function inOrder(waiters: FoundWaiter[]): FoundWaiter[] {
  return waiters.sort((a, b) => (a.place ?? 0) - (b.place ?? 0));
}
