// struct worker (kernel/workqueue_internal.h) and struct work_struct (include/linux/workqueue.h):
// who does deferred work, and what is to be done.

import type { Ref } from '../target/ref.ts';
import type { Vmcore } from '../target/vmcore.ts';
import { hex, vaddr, type Vaddr } from '../util/address.ts';
import { escapeText } from '../util/escape.ts';
import { optional } from '../util/optional.ts';
import { functionName } from './function-name.ts';
import { listEntries } from './list.ts';
import type { Task } from './task.ts';

/** A work that waits for a worker. */
export interface Work {
  /** `struct work_struct *` */
  readonly address: string;
  /** Symbol of its function, or `0x…` where none begins there. */
  readonly func: string;
  /** The workqueue that it was queued on. */
  readonly wq?: string;
  /** flush_work() and drain_workqueue() put a barrier behind a work: who waits for that. */
  readonly flusher?: WorkTask;
}

/** A task, in what identifies it. */
export type WorkTask = Pick<Task, 'address' | 'pid' | 'comm' | 'state'>;

/** A kworker or a rescuer. */
export interface Worker {
  /** `struct worker *` */
  readonly address: string;
  readonly task?: WorkTask;
  /** Set bits of WORKER_*, as far as the kernel's types name them. */
  readonly flags: readonly string[];
  /** What set_worker_desc() says of its work: the device that is written back to. */
  readonly desc?: string;
  /** What it executes; absent where it has nothing in hand. */
  readonly current?: Work;
  /** Works that it has taken and not begun. */
  readonly scheduled: readonly Work[];
  /** Of a rescuer the workqueue that it is there for. */
  readonly rescuerOf?: string;
}

/** The workqueue that a pool_workqueue belongs to, by the address of the latter. */
export type WorkqueueNames = ReadonlyMap<Vaddr, string>;

/** WORK_STRUCT_PWQ_BIT, and WORK_STRUCT_FLAG_BITS: 8, or 9 with CONFIG_DEBUG_OBJECTS_WORK. */
const PWQ_BIT = 2n;
const FLAG_BITS: readonly bigint[] = [8n, 9n];
/** No pool has as many works; a damaged list may run through all of memory. */
const WORKS_MAX = 1 << 17;
/** WORKER_* of kernel/workqueue.c, enumerators without a name for their enum. */
const WORKER_FLAGS = [
  'WORKER_DIE',
  'WORKER_IDLE',
  'WORKER_PREP',
  'WORKER_CPU_INTENSIVE',
  'WORKER_UNBOUND',
  'WORKER_REBOUND',
] as const;

/** Reads workers and works. */
export class WorkerReader {
  readonly #vmcore: Vmcore;
  readonly #tasks: ReadonlyMap<string, Task>;
  readonly #wqNames: WorkqueueNames;
  readonly #flagBits: readonly (readonly [string, bigint])[];
  readonly #functions = new Map<bigint, string>();
  readonly #taken = new Map<bigint, readonly Work[]>();
  /** Of works: each is on one list. */
  readonly #seen = new Set<bigint>();

  constructor(vmcore: Vmcore, about: { tasks: readonly Task[]; wqNames: WorkqueueNames }) {
    this.#vmcore = vmcore;
    this.#tasks = new Map(about.tasks.map((task) => [task.address, task]));
    this.#wqNames = about.wqNames;
    this.#flagBits = WORKER_FLAGS.flatMap((name) => {
      const bit = vmcore.types.findEnumerator(name);
      return bit === undefined ? [] : [[name, bit] as const];
    });
  }

  /** @param ref `struct worker` */
  worker(ref: Ref): Worker {
    const subject = `worker ${hex(ref.address)}`;
    const attempt = <T>(read: () => T): T | undefined =>
      this.#vmcore.problems.attempt(subject, read);
    const task = attempt(() => ref.member('task').pointer());
    const flags = attempt(() => ref.member('flags').integer()) ?? 0n;
    const desc = ref.has('desc') ? attempt(() => ref.member('desc').cString()) : undefined;
    return {
      address: hex(ref.address),
      ...optional('task', task === undefined || task === 0n ? undefined : this.task(task)),
      flags: this.#flagBits.flatMap(([name, bit]) => ((flags & bit) === bit ? [name] : [])),
      ...optional('desc', desc === undefined || desc.length === 0 ? undefined : escapeText(desc)),
      ...optional(
        'current',
        attempt(() => this.#current(ref)),
      ),
      scheduled: this.#scheduled(ref),
    };
  }

  /** A worker may be met twice: as the manager, too. */
  #scheduled(ref: Ref): readonly Work[] {
    let works = this.#taken.get(ref.address);
    if (works === undefined) {
      works = this.works(ref.member('scheduled'), `works of worker ${hex(ref.address)}`);
      this.#taken.set(ref.address, works);
    }
    return works;
  }

  /** `current_func` lies in the worker since 3.9, so that a work may free itself. */
  #current(ref: Ref): Work | undefined {
    const work = ref.member('current_work').pointer();
    if (work === 0n) return undefined;
    const pwq = ref.has('current_pwq') ? ref.member('current_pwq').pointer() : vaddr(0n);
    const func = ref.has('current_func')
      ? ref.member('current_func').pointer()
      : this.#vmcore.object('work_struct', work).member('func').pointer();
    return {
      address: hex(work),
      func: this.functionAt(func),
      ...optional('wq', this.#wqNames.get(pwq)),
    };
  }

  /** @param head `struct list_head` that work_struct.entry is on */
  works(head: Ref, subject: string): Work[] {
    const type = this.#vmcore.struct('work_struct');
    const { problems } = this.#vmcore;
    const works: Work[] = [];
    const walk = { problems, subject, seen: this.#seen, entriesMax: WORKS_MAX };
    for (const ref of listEntries(head, { type, member: 'entry' }, walk)) {
      const work = problems.attempt(subject, () => this.#work(ref));
      if (work !== undefined) works.push(work);
    }
    return works;
  }

  #work(ref: Ref): Work {
    const func = this.functionAt(ref.member('func').pointer());
    const data = BigInt.asUintN(64, ref.firstMember('data.counter', 'data').integer());
    return {
      address: hex(ref.address),
      func,
      ...optional('wq', this.#wqOf(data)),
      ...optional('flusher', this.#flusher(ref, func)),
    };
  }

  /** While a work is queued, the high bits of its data are the address of a pool_workqueue. */
  #wqOf(data: bigint): string | undefined {
    if (((data >> PWQ_BIT) & 1n) === 0n) return undefined;
    const names = FLAG_BITS.map((bits) => this.#wqNames.get(vaddr((data >> bits) << bits)));
    return names.find((name) => name !== undefined);
  }

  /** struct wq_barrier begins with its work. */
  #flusher(ref: Ref, func: string): WorkTask | undefined {
    const barrier = this.#vmcore.types.find('struct', 'wq_barrier');
    if (barrier === undefined || functionName(func) !== 'wq_barrier_func') return undefined;
    const { problems } = this.#vmcore;
    const task = problems.attempt(`barrier ${hex(ref.address)}`, () =>
      ref.as(barrier).member('task').pointer(),
    );
    return task === undefined || task === 0n ? undefined : this.task(task);
  }

  /** The task at an address, with what the task list says of it. */
  task(address: Vaddr): WorkTask {
    const { pid, comm, state } = this.#tasks.get(hex(address)) ?? {};
    return {
      address: hex(address),
      ...optional('pid', pid),
      ...optional('comm', comm),
      ...optional('state', state),
    };
  }

  /** Symbol of a function. */
  functionAt(address: Vaddr): string {
    let name = this.#functions.get(address);
    if (name === undefined) {
      const place = this.#vmcore.symbols.symbolAt(address);
      name = place?.offset === 0 ? place.name : hex(address);
      this.#functions.set(address, name);
    }
    return name;
  }
}
