// Workqueues in memory (struct workqueue_struct, pool_workqueue, worker_pool, worker, work_struct
// of kernel/workqueue.c), linked as the kernel links them:
//
//   workqueues ── workqueue_struct ── pwqs ── pool_workqueue ── pool ── worker_pool
//   worker_pool   worklist ── work_struct.entry        data = pool_workqueue | WORK_STRUCT_*
//                 workers ── worker.node, idle_list ── worker.entry, busy_hash ── worker.hentry
//   task_struct   worker_private ── kthread.data ── worker
//
// Pools of CPUs are per-CPU variables, and so are the pool_workqueues of bound workqueues.

import { findMember, type TypeSource } from '../../types/ctype.ts';
import { vaddr, vaddrAdd, type Vaddr } from '../../util/address.ts';
import { assert } from '../../util/assert.ts';
import type { Areas } from './areas.ts';
import { writeIdr } from './idr.ts';
import type { KernelImage } from './kernel-image.ts';
import type { PlacedTasks } from './tasks.ts';
import type { PerCpuOffsets } from './variables.ts';
import type {
  PoolFacts,
  WorkerFacts,
  WorkFacts,
  WorkqueueEntry,
  WorkqueueFacts,
} from './workqueue-facts.ts';

/** NR_STD_WORKER_POOLS: normal and high priority. */
const POOLS_PER_CPU = 2;
/** A pool_workqueue is aligned to this, for the flags in the low bits of `work_struct.data`. */
const PWQ_ALIGN = 256;
/** Bits of `work_struct.data`. */
const PENDING = 1n;
const INACTIVE = 2n;
const PWQ = 4n;
const LINKED = 8n;
/** WORK_OFFQ_POOL_SHIFT, and WORK_OFFQ_POOL_NONE for a work that was never executed. */
const OFFQ_POOL_SHIFT = 5n;
const OFFQ_POOL_NONE = (1n << 31n) - 1n;
/** Bits of `worker_pool.flags`. */
const POOL_MANAGER_ACTIVE = 1;
const POOL_DISASSOCIATED = 4;
/** BUSY_WORKER_HASH_ORDER, GOLDEN_RATIO_64 (include/linux/hash.h). */
const BUSY_HASH_ORDER = 6n;
const GOLDEN_RATIO_64 = 0x61c8864680b583ebn;

/** Where the parts of workqueues will lie that are known before there is memory. */
export interface WorkqueuePlan {
  readonly facts: WorkqueueFacts;
  /** Per-CPU addresses of the pool_workqueues of each workqueue; undefined for unbound ones. */
  readonly cpuPwqs: readonly (Vaddr | undefined)[];
}

/** Gives the variables their symbols. */
export function defineWorkqueues(
  image: KernelImage,
  types: TypeSource,
  facts: WorkqueueFacts | undefined,
): WorkqueuePlan | undefined {
  if (facts === undefined) return undefined;
  const size = (name: string): number => {
    const type = types.find('struct', name);
    assert(type?.kind === 'struct', `${types.origin} has no struct ${name}`);
    return type.size;
  };
  image.define('workqueues', { section: 'data', size: size('list_head') });
  // Before Linux 4.11 an IDR was a tree of another kind, which nobody needs to find pools.
  if (hasRadixIdr(types)) image.define(POOL_IDR, { section: 'data', size: size('idr') });
  const pools = POOLS_PER_CPU * size('worker_pool');
  image.define('cpu_worker_pools', { section: 'percpu', size: pools, align: 64 });
  const pwq = { section: 'percpu' as const, size: size('pool_workqueue'), align: PWQ_ALIGN };
  const isBound = ({ pwqs }: WorkqueueEntry): boolean => cpuOf(facts, pwqs[0]?.pool) !== undefined;
  const cpuPwqs = facts.workqueues.map((wq) => (isBound(wq) ? image.reserve(pwq) : undefined));
  return { facts, cpuPwqs };
}

const POOL_IDR = 'worker_pool_idr';

function hasRadixIdr(types: TypeSource): boolean {
  const type = types.find('struct', 'idr');
  return type?.kind === 'struct' && findMember(type, 'idr_rt.xa_head') !== undefined;
}

function cpuOf({ pools }: WorkqueueFacts, pool: number | undefined): number | undefined {
  return pool === undefined ? undefined : pools[pool]?.cpu;
}

/** Writes all of them. */
export function writeWorkqueues(
  image: KernelImage,
  areas: Areas,
  parts: { plan: WorkqueuePlan | undefined; offsets: PerCpuOffsets; tasks: PlacedTasks },
): void {
  const { plan, offsets, tasks } = parts;
  if (plan !== undefined) new WorkqueueWriter(image, areas, { plan, offsets, tasks }).write();
}

class WorkqueueWriter {
  readonly #image: KernelImage;
  readonly #areas: Areas;
  readonly #facts: WorkqueueFacts;
  readonly #tasks = new Map<number, Vaddr>();
  readonly #works: readonly Vaddr[];
  readonly #pools: readonly Vaddr[];
  readonly #workqueues: readonly Vaddr[];
  /** By workqueue, in the order of its facts. */
  readonly #pwqs: readonly (readonly Vaddr[])[];
  readonly #cpuPwqs: readonly (Vaddr | undefined)[];
  /** By pid. */
  readonly #workers = new Map<number, Vaddr>();

  constructor(
    image: KernelImage,
    areas: Areas,
    parts: { plan: WorkqueuePlan; offsets: PerCpuOffsets; tasks: PlacedTasks },
  ) {
    const { plan, offsets, tasks } = parts;
    const { facts, cpuPwqs } = plan;
    this.#image = image;
    this.#areas = areas;
    this.#facts = facts;
    this.#cpuPwqs = cpuPwqs;
    for (const { threads } of tasks.processes) {
      for (const thread of threads) this.#tasks.set(thread.facts.pid, thread.task);
    }
    this.#works = facts.works.map(() => areas.allocate('work_struct'));
    this.#pools = facts.pools.map((pool) => this.#placePool(pool, offsets));
    this.#workqueues = facts.workqueues.map(() => areas.allocate('workqueue_struct'));
    this.#pwqs = facts.workqueues.map(({ pwqs }, i) => {
      const base = cpuPwqs[i];
      return pwqs.map((_, cpu) =>
        base === undefined ? areas.allocate('pool_workqueue') : vaddr(base + offsets[cpu]!),
      );
    });
    for (const { pid } of this.#allWorkers()) this.#workers.set(pid, areas.allocate('worker'));
  }

  write(): void {
    this.#facts.works.forEach((work, i) => this.#writeWork(work, this.#works[i]!));
    this.#facts.pools.forEach((pool, i) => this.#writePool(pool, this.#pools[i]!));
    this.#facts.workqueues.forEach((wq, i) => this.#writeWorkqueue(wq, i));
    for (const worker of this.#allWorkers()) this.#writeWorker(worker);
    this.#linkPools();
    this.#link(this.#image.symbol('workqueues'), this.#workqueues, 'workqueue_struct', 'list');
    if (!hasRadixIdr(this.#areas.memory.types)) return;
    writeIdr(this.#areas.memory, {
      address: this.#image.symbol(POOL_IDR),
      entries: new Map(this.#facts.pools.map(({ id }, i) => [id, this.#pools[i]!])),
      allocateNode: () => this.#areas.allocate('xa_node'),
    });
  }

  #allWorkers(): WorkerFacts[] {
    const { pools, workqueues } = this.#facts;
    return [
      ...pools.flatMap(({ workers }) => workers),
      ...workqueues.flatMap(({ rescuer }) => rescuer ?? []),
    ];
  }

  /** The pools of a CPU have ids in a row, normal priority first. */
  #placePool({ id, cpu }: PoolFacts, offsets: PerCpuOffsets): Vaddr {
    if (cpu === undefined) return this.#areas.allocate('worker_pool');
    const first = vaddr(this.#image.symbol('cpu_worker_pools') + offsets[cpu]!);
    return vaddrAdd(first, (id % POOLS_PER_CPU) * this.#areas.memory.struct('worker_pool').size);
  }

  #writeWork(work: WorkFacts, address: Vaddr): void {
    const { queued, lastPool, isLinked, isInactive, func } = work;
    let data = (lastPool === undefined ? OFFQ_POOL_NONE : BigInt(lastPool)) << OFFQ_POOL_SHIFT;
    if (queued !== undefined) {
      data = this.#pwqOf(queued.wq, queued.pool) | PENDING | PWQ;
      data |= (isLinked ? LINKED : 0n) | (isInactive ? INACTIVE : 0n);
    }
    this.#store('work_struct', address, { 'data.counter': data, func: this.#image.symbol(func) });
    this.#selfLink(address, 'work_struct', 'entry');
  }

  #pwqOf(wq: number, pool: number): Vaddr {
    const at = this.#facts.workqueues[wq]!.pwqs.findIndex((pwq) => pwq.pool === pool);
    const found = this.#pwqs[wq]![at];
    assert(found !== undefined, `workqueue ${wq} has no part in pool ${pool}`);
    return found;
  }

  #writePool(pool: PoolFacts, address: Vaddr): void {
    const { cpu, managerPid } = pool;
    const attrs = this.#areas.allocate('workqueue_attrs');
    this.#store('workqueue_attrs', attrs, { nice: pool.nice });
    const active = managerPid === undefined ? 0 : POOL_MANAGER_ACTIVE;
    this.#store('worker_pool', address, {
      cpu: cpu ?? -1,
      id: pool.id,
      flags: active | (cpu === undefined ? POOL_DISASSOCIATED : 0),
      watchdog_ts: pool.watchdogTs,
      nr_running: pool.nrRunning,
      nr_workers: pool.workers.length,
      nr_idle: pool.idlePids.length,
      manager: managerPid === undefined ? 0n : this.#worker(managerPid),
      attrs,
      refcnt: 1,
    });
    const works = pool.worklist.map((work) => this.#works[work]!);
    this.#linkMember(address, ['worker_pool', 'worklist'], works, ['work_struct', 'entry']);
  }

  /** After the workers were written: their list nodes are in them. */
  #linkPools(): void {
    this.#facts.pools.forEach((pool, i) => {
      const address = this.#pools[i]!;
      const workers = pool.workers.map(({ pid }) => this.#worker(pid));
      this.#linkMember(address, ['worker_pool', 'workers'], workers, ['worker', 'node']);
      const idle = pool.idlePids.map((pid) => this.#worker(pid));
      this.#linkMember(address, ['worker_pool', 'idle_list'], idle, ['worker', 'entry']);
      this.#fillBusyHash(pool, address);
    });
  }

  #fillBusyHash({ busyPids }: PoolFacts, pool: Vaddr): void {
    const all = this.#allWorkers();
    for (const pid of busyPids) {
      const current = all.find((worker) => worker.pid === pid)?.current;
      assert(current !== undefined, `worker ${pid} is busy with nothing`);
      const work = this.#works[current.work]!;
      const bucket = BigInt.asUintN(64, work * GOLDEN_RATIO_64) >> (64n - BUSY_HASH_ORDER);
      const head = this.#at('worker_pool', pool, `busy_hash[${bucket}]`);
      const node = this.#at('worker', this.#worker(pid), 'hentry');
      // hlist_add_head()
      const [first] = new BigUint64Array(this.#areas.memory.read(head, 8).slice().buffer);
      if (first !== 0n) this.#store('hlist_node', vaddr(first!), { pprev: node });
      this.#store('hlist_node', node, { next: first!, pprev: head });
      this.#areas.memory.writeInteger(head, node, 8);
    }
  }

  #writeWorkqueue(wq: WorkqueueEntry, index: number): void {
    const address = this.#workqueues[index]!;
    const pwqs = this.#pwqs[index]!;
    this.#store('workqueue_struct', address, {
      name: new TextEncoder().encode(wq.name),
      flags: wq.flags,
      saved_max_active: wq.maxActive,
      rescuer: wq.rescuer === undefined ? 0n : this.#worker(wq.rescuer.pid),
      cpu_pwqs: this.#cpuPwqs[index] ?? 0n,
      dfl_pwq: this.#cpuPwqs[index] === undefined ? pwqs[0]! : 0n,
    });
    for (const member of ['flusher_queue', 'flusher_overflow']) {
      this.#selfLink(address, 'workqueue_struct', member);
    }
    wq.pwqs.forEach((pwq, i) => {
      this.#store('pool_workqueue', pwqs[i]!, {
        pool: this.#pools[pwq.pool]!,
        wq: address,
        flush_color: -1,
        refcnt: pwq.refcnt,
        'nr_in_flight[0]': pwq.nrInFlight,
        nr_active: pwq.nrActive,
        max_active: wq.maxActive,
      });
      const works = pwq.inactive.map((work) => this.#works[work]!);
      this.#linkMember(pwqs[i]!, ['pool_workqueue', 'inactive_works'], works, [
        'work_struct',
        'entry',
      ]);
      this.#selfLink(pwqs[i]!, 'pool_workqueue', 'mayday_node');
    });
    const maydays = pwqs.filter((_, i) => wq.pwqs[i]!.hasMayday);
    const head = 'workqueue_struct';
    this.#linkMember(address, [head, 'pwqs'], pwqs, ['pool_workqueue', 'pwqs_node']);
    this.#linkMember(address, [head, 'maydays'], maydays, ['pool_workqueue', 'mayday_node']);
  }

  #writeWorker(worker: WorkerFacts): void {
    const { pid, current, pool } = worker;
    const address = this.#worker(pid);
    const task = this.#tasks.get(pid);
    assert(task !== undefined, `no task has pid ${pid}`);
    const wq = this.#facts.workqueues.findIndex(({ rescuer }) => rescuer?.pid === pid);
    const work = current === undefined ? undefined : this.#facts.works[current.work];
    this.#store('worker', address, {
      ...{ id: worker.id, flags: worker.flags, last_active: worker.lastActive, task },
      pool: pool === undefined ? 0n : this.#pools[pool]!,
      desc: new TextEncoder().encode(worker.desc),
      rescue_wq: wq < 0 ? 0n : this.#workqueues[wq]!,
      current_work: current === undefined ? 0n : this.#works[current.work]!,
      current_func: work === undefined ? 0n : this.#image.symbol(work.func),
      current_pwq: current === undefined ? 0n : this.#pwqOf(current.wq, pool ?? 0),
      sleeping: worker.isSleeping ? 1 : 0,
    });
    this.#selfLink(address, 'worker', 'entry');
    this.#selfLink(address, 'worker', 'node');
    const works = worker.scheduled.map((each) => this.#works[each]!);
    this.#linkMember(address, ['worker', 'scheduled'], works, ['work_struct', 'entry']);
    const threadfn = this.#image.symbol(wq < 0 ? 'worker_thread' : 'rescuer_thread');
    const kthread = this.#areas.allocate('kthread');
    this.#store('kthread', kthread, { threadfn, data: address });
    // Before Linux 5.17 (e32cf5dfbe22) a kthread was found by its completion.
    const vfork_done = this.#at('kthread', kthread, 'exited');
    const type = this.#areas.memory.struct('task_struct');
    const isOld = findMember(type, 'worker_private') === undefined;
    this.#store('task_struct', task, isOld ? { vfork_done } : { worker_private: kthread });
  }

  #worker(pid: number): Vaddr {
    const found = this.#workers.get(pid);
    assert(found !== undefined, `no worker has pid ${pid}`);
    return found;
  }

  /** Sets the members that this kernel's struct has. */
  #store(
    struct: string,
    address: Vaddr,
    fields: Record<string, bigint | number | Uint8Array>,
  ): void {
    const type = this.#areas.memory.struct(struct);
    const known = Object.entries(fields).flatMap(([path, value]) => {
      const has = (each: string): boolean => findMember(type, each) !== undefined;
      const name = [path, `${path}.counter`, OLD_MEMBERS[path] ?? path].find(has);
      return name === undefined ? [] : [[name, value] as const];
    });
    this.#areas.memory.store(struct, address, Object.fromEntries(known));
  }

  #at(struct: string, address: Vaddr, member: string): Vaddr {
    const type = this.#areas.memory.struct(struct);
    const place = findMember(type, member) ?? findMember(type, OLD_MEMBERS[member] ?? member);
    assert(place !== undefined, `struct ${struct} has no member ${member}`);
    return vaddrAdd(address, place.bitOffset / 8);
  }

  #selfLink(address: Vaddr, struct: string, member: string): void {
    this.#link(this.#at(struct, address, member), [], struct, member);
  }

  #linkMember(
    address: Vaddr,
    [struct, member]: readonly [string, string],
    entries: readonly Vaddr[],
    [entry, node]: readonly [string, string],
  ): void {
    this.#link(this.#at(struct, address, member), entries, entry, node);
  }

  /** A list head with what hangs on it. */
  #link(head: Vaddr, entries: readonly Vaddr[], struct: string, member: string): void {
    const nodes = [head, ...entries.map((entry) => this.#at(struct, entry, member))];
    nodes.forEach((node, i) => {
      const next = nodes[(i + 1) % nodes.length]!;
      const prev = nodes[(i + nodes.length - 1) % nodes.length]!;
      this.#areas.memory.store('list_head', node, { next, prev });
    });
  }
}

/** Before Linux 5.15 (f97a4a1a3f87) inactive works were called delayed ones. */
const OLD_MEMBERS: Readonly<Record<string, string>> = { inactive_works: 'delayed_works' };
