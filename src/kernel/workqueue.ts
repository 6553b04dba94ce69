// Workqueues (kernel/workqueue.c): which works wait, on which pool of workers, and what the workers
// of that pool do instead.
//
//   workqueue_struct ── pwqs ── pool_workqueue ── pool ── worker_pool
//   worker_pool   worklist: works to do       busy_hash: workers at work      idle_list: others
//   pool_workqueue   inactive_works: works beyond max_active, not yet on a worklist
//   workqueue_struct   rescuer: a thread of a WQ_MEM_RECLAIM one for when no worker can be made
//
// A pool of a CPU runs one work at a time unless that one sleeps: a worker that loops in the page
// allocator without sleeping keeps all others of its pool waiting.

import type { Ref } from '../target/ref.ts';
import type { Vmcore } from '../target/vmcore.ts';
import { hex, type Vaddr } from '../util/address.ts';
import { optional } from '../util/optional.ts';
import { readDelayedWorks, type DelayedWork } from './delayed-work.ts';
import { hlistEntries, listEntries } from './list.ts';
import type { Task } from './task.ts';
import { countOf } from './vmstat.ts';
import { cpuPools, idrPools, namedWorkqueues, type NamedWorkqueue } from './worker-pools.ts';
import { WorkerReader, type Work, type Worker } from './worker.ts';

/** A pool of workers. */
export interface WorkerPool {
  /** `struct worker_pool *` */
  readonly address: string;
  readonly id?: number;
  /** The CPU that it is bound to; absent for an unbound pool. */
  readonly cpu?: number;
  readonly nice?: number;
  /** Workers that run, as the pool counts them: no other is woken while there is one. */
  readonly nrRunning?: number;
  readonly nrWorkers?: number;
  readonly nrIdle?: number;
  /** Workers with a work in hand. */
  readonly busy: readonly Worker[];
  /** Workers without one. */
  readonly idle: readonly Worker[];
  /** Workers that are neither: they are between two works, or make another worker. */
  readonly others: readonly Worker[];
  /** Works that wait for a worker of this pool, in the order in which they will be taken. */
  readonly pending: readonly Work[];
  /** The worker that makes another one at the moment, which takes memory. */
  readonly manager?: Worker;
  /**
   * Of a pool with pending works the jiffies since it last began one, or got one while it had none:
   * what the kernel prints as `hung=` (v4.5; wq_watchdog_thresh is in seconds).
   */
  readonly hungJiffies?: string;
}

/** A workqueue. */
export interface Workqueue {
  /** `struct workqueue_struct *` */
  readonly address: string;
  readonly name: string;
  /** Set bits of WQ_*. */
  readonly flags: readonly string[];
  readonly rescuer?: Worker;
  /** Works beyond max_active: they wait until others of this workqueue are done. */
  readonly inactive: readonly InactiveWorks[];
  /** Ids of pools whose workers cannot be made, for which the rescuer was called. */
  readonly mayday: readonly string[];
}

/** Works that a workqueue holds back from a pool. */
export interface InactiveWorks {
  /** Address of the pool. */
  readonly pool: string;
  readonly nrActive?: number;
  readonly maxActive?: number;
  readonly works: readonly Work[];
}

/** All pools and workqueues. */
export interface WorkqueuesResult {
  readonly type: 'workqueues';
  readonly pools: readonly WorkerPool[];
  /** In the order of the kernel's list `workqueues`. */
  readonly workqueues: readonly Workqueue[];
  /** Works whose time has not come; absent where this kernel's timers are not read. */
  readonly delayed?: readonly DelayedWork[];
  /** wq_watchdog_thresh: the kernel calls a pool locked up that has not moved for so long. */
  readonly watchdogThreshSeconds?: number;
}

/** More than any machine has of each; lists may be damaged. */
const POOLS_MAX = 1 << 14;
const PWQS_MAX = 1 << 20;
const WORKERS_MAX = 1 << 16;
const BUCKETS_MAX = 1 << 10;
/** WQ_* of include/linux/workqueue.h. */
const WQ_FLAGS = ['WQ_UNBOUND', 'WQ_FREEZABLE', 'WQ_MEM_RECLAIM', 'WQ_HIGHPRI', 'WQ_CPU_INTENSIVE'];

/** What is known besides the workqueues themselves. */
export interface WorkqueueContext {
  readonly tasks: readonly Task[];
  readonly jiffies?: bigint | undefined;
}

/** Reads every pool and workqueue; what cannot be read is a problem and missing. */
export function readWorkqueues(vmcore: Vmcore, context: WorkqueueContext): WorkqueuesResult {
  const reader = new WorkqueuesReader(vmcore, context);
  const hasThresh = vmcore.symbols.lookup('wq_watchdog_thresh') !== undefined;
  const thresh = vmcore.problems.attempt('wq_watchdog_thresh', () =>
    hasThresh ? Number(vmcore.global('wq_watchdog_thresh').integer()) : undefined,
  );
  return {
    type: 'workqueues',
    pools: reader.pools(),
    workqueues: reader.workqueues(),
    ...optional('delayed', reader.delayed()),
    ...optional('watchdogThreshSeconds', thresh),
  };
}

class WorkqueuesReader {
  readonly #vmcore: Vmcore;
  readonly #context: WorkqueueContext;
  readonly #named: readonly NamedWorkqueue[];
  readonly #workers: WorkerReader;
  /** Nodes by the kind of list, of which each is on one: a damaged one runs into another. */
  readonly #seen = {
    idle_list: new Set<bigint>(),
    workers: new Set<bigint>(),
    busy_hash: new Set<bigint>(),
    maydays: new Set<bigint>(),
  };

  constructor(vmcore: Vmcore, context: WorkqueueContext) {
    this.#vmcore = vmcore;
    this.#context = context;
    this.#named = namedWorkqueues(vmcore);
    const wqNames = new Map<Vaddr, string>();
    for (const { name, pwqs } of this.#named) {
      for (const pwq of pwqs) wqNames.set(pwq.address, name);
    }
    this.#workers = new WorkerReader(vmcore, { tasks: context.tasks, wqNames });
  }

  pools(): WorkerPool[] {
    const addresses = new Set<Vaddr>();
    const add = (address: Vaddr): void => {
      if (address !== 0n && addresses.size < POOLS_MAX) addresses.add(address);
    };
    for (const address of cpuPools(this.#vmcore)) add(address);
    for (const address of idrPools(this.#vmcore)) add(address);
    for (const { name, pwqs } of this.#named) {
      for (const pwq of pwqs) {
        const pool = this.#attempt(`workqueue ${name}`, () => pwq.member('pool').pointer());
        if (pool !== undefined) add(pool);
      }
    }
    return [...addresses].flatMap((address) => {
      const subject = `worker_pool ${hex(address)}`;
      const ref = this.#attempt(subject, () => this.#vmcore.object('worker_pool', address));
      return ref === undefined ? [] : (this.#attempt(subject, () => this.#pool(ref)) ?? []);
    });
  }

  delayed(): DelayedWork[] | undefined {
    const names = new Map(this.#named.map(({ ref, name }) => [ref.address, name]));
    return readDelayedWorks(this.#vmcore, {
      functionAt: (address) => this.#workers.functionAt(address),
      workqueueAt: (address) => names.get(address),
      jiffies: this.#context.jiffies,
    });
  }

  #pool(ref: Ref): WorkerPool {
    const subject = `worker_pool ${hex(ref.address)}`;
    const number = (path: string): number | undefined =>
      ref.has(path) ? this.#attempt(subject, () => countOf(ref.member(path))) : undefined;
    const cpu = number('cpu');
    const { jiffies } = this.#context;
    const watchdog = this.#attempt(subject, () =>
      ref.has('watchdog_ts') ? ref.member('watchdog_ts').integer() : undefined,
    );
    const busy = this.#busy(ref, subject);
    const idle = this.#listed(ref, subject, ['idle_list', 'entry']);
    const placed = new Set([...busy, ...idle].map(({ address }) => address));
    const all = ref.has('workers') ? this.#listed(ref, subject, ['workers', 'node']) : [];
    const manager = ref.has('manager')
      ? this.#attempt(subject, () => this.#workerAt(ref.member('manager')))
      : undefined;
    const pending = this.#workers.works(ref.member('worklist'), `worklist of ${subject}`);
    const isHung = pending.length > 0 && jiffies !== undefined && watchdog !== undefined;
    return {
      address: hex(ref.address),
      ...optional('id', number('id')),
      ...optional('cpu', cpu === undefined || cpu < 0 ? undefined : cpu),
      ...optional(
        'nice',
        this.#attempt(subject, () => nice(ref)),
      ),
      ...optional('nrRunning', number('nr_running')),
      ...optional('nrWorkers', number('nr_workers')),
      ...optional('nrIdle', number('nr_idle')),
      busy,
      idle,
      others: all.filter(({ address }) => !placed.has(address)),
      pending,
      ...optional('manager', manager),
      ...optional(
        'hungJiffies',
        isHung ? BigInt.asUintN(64, jiffies - watchdog).toString() : undefined,
      ),
    };
  }

  #busy(pool: Ref, subject: string): Worker[] {
    const type = this.#vmcore.struct('worker');
    const buckets = pool.member('busy_hash');
    const count = buckets.type.kind === 'array' ? Math.min(buckets.type.count, BUCKETS_MAX) : 0;
    const { problems } = this.#vmcore;
    const seen = this.#seen.busy_hash;
    const busy: Worker[] = [];
    for (let i = 0; i < count; i++) {
      const walk = { problems, subject: `busy_hash of ${subject}`, seen, entriesMax: WORKERS_MAX };
      for (const ref of hlistEntries(buckets.at(i), { type, member: 'hentry' }, walk)) {
        busy.push(...this.#workerOf(pool, ref));
      }
    }
    return busy;
  }

  /** A worker is idle in one pool, and attached to one. */
  #listed(
    pool: Ref,
    subject: string,
    [head, node]: readonly ['idle_list', 'entry'] | readonly ['workers', 'node'],
  ): Worker[] {
    const type = this.#vmcore.struct('worker');
    const walk = {
      problems: this.#vmcore.problems,
      subject: `${head} of ${subject}`,
      seen: this.#seen[head],
      entriesMax: WORKERS_MAX,
    };
    const refs = listEntries(pool.member(head), { type, member: node }, walk);
    return Array.from(refs, (ref) => this.#workerOf(pool, ref)).flat();
  }

  /** Nothing where it says that it is of another pool, which a list that runs astray leads to. */
  #workerOf(pool: Ref, ref: Ref): Worker[] {
    const subject = `worker ${hex(ref.address)}`;
    const of = this.#attempt(subject, () => ref.member('pool').pointer());
    if (of === undefined) return [];
    if (of === pool.address) return [this.#workers.worker(ref)];
    const what = `pool: expected ${hex(pool.address)}, whose list leads to it, have ${hex(of)}`;
    this.#vmcore.problems.addMessage(subject, what);
    return [];
  }

  #workerAt(pointer: Ref): Worker | undefined {
    return pointer.pointer() === 0n ? undefined : this.#workers.worker(pointer.deref());
  }

  workqueues(): Workqueue[] {
    const bits = WQ_FLAGS.flatMap((name) => {
      const bit = this.#vmcore.types.findEnumerator(name);
      return bit === undefined ? [] : [[name, bit] as const];
    });
    return this.#named.map(({ ref, name, pwqs }) => {
      const subject = `workqueue ${name}`;
      const flags = this.#attempt(subject, () => ref.member('flags').integer()) ?? 0n;
      return {
        address: hex(ref.address),
        name,
        flags: bits.flatMap(([flag, bit]) => ((flags & bit) !== 0n ? [flag] : [])),
        ...optional('rescuer', this.#rescuer(ref, name)),
        inactive: pwqs.flatMap((pwq) => this.#inactive(pwq, name)),
        mayday: this.#mayday(ref, subject),
      };
    });
  }

  #rescuer(wq: Ref, name: string): Worker | undefined {
    return this.#attempt(`rescuer of ${name}`, () => {
      const worker = this.#workerAt(wq.member('rescuer'));
      return worker && { ...worker, rescuerOf: name };
    });
  }

  #inactive(pwq: Ref, name: string): InactiveWorks[] {
    const subject = `inactive works of ${name}`;
    return (
      this.#attempt(subject, () => {
        // Linux 5.15 renamed delayed_works.
        const works = this.#workers.works(
          pwq.firstMember('inactive_works', 'delayed_works'),
          subject,
        );
        if (works.length === 0) return [];
        const number = (path: string): number | undefined =>
          pwq.has(path) ? countOf(pwq.member(path)) : undefined;
        return [
          {
            pool: hex(pwq.member('pool').pointer()),
            ...optional('nrActive', number('nr_active')),
            ...optional('maxActive', number('max_active')),
            works,
          },
        ];
      }) ?? []
    );
  }

  #mayday(wq: Ref, subject: string): string[] {
    if (!wq.has('maydays')) return [];
    const type = this.#vmcore.struct('pool_workqueue');
    const walk = {
      problems: this.#vmcore.problems,
      subject: `maydays of ${subject}`,
      seen: this.#seen.maydays,
      entriesMax: PWQS_MAX,
    };
    const pwqs = listEntries(wq.member('maydays'), { type, member: 'mayday_node' }, walk);
    return Array.from(
      pwqs,
      (pwq) => this.#attempt(subject, () => hex(pwq.member('pool').pointer())) ?? [],
    ).flat();
  }

  #attempt<T>(subject: string, read: () => T): T | undefined {
    return this.#vmcore.problems.attempt(subject, read);
  }
}

function nice(pool: Ref): number | undefined {
  const attrs = pool.member('attrs').deref();
  return attrs.address === 0n ? undefined : attrs.member('nice').number();
}
