// Run queues: struct rq of each CPU with its CFS and real-time queues, and what each task knows of
// its place in them (kernel/sched/sched.h of 6.1). One task group, which all tasks are in.
//
//   runqueues ──> cfs.tasks_timeline   tree of se.run_node by vruntime, without the task that runs
//             ──> cfs_tasks            list of se.group_node, with it
//             ──> rt.active.queue[p]   list of rt.run_list for each priority, with it

import { byteOffsetOf, findMember, type TypeSource } from '../../types/ctype.ts';
import { vaddrAdd, type Vaddr } from '../../util/address.ts';
import { assert } from '../../util/assert.ts';
import type { Areas } from './areas.ts';
import type { KernelImage } from './kernel-image.ts';
import type { KernelMemory } from './kernel-memory.ts';
import { linkList, memberAddress } from './lists.ts';
import type { ThreadFacts } from './machine-facts.ts';
import { writeRbTree } from './rb-tree.ts';
import type { PlacedTasks, PlacedThread } from './tasks.ts';
import { perCpu, type PerCpuOffsets } from './variables.ts';

/** Scheduling policies (include/uapi/linux/sched.h). */
const SCHED_FIFO = 1;
const SCHED_RR = 2;
const SCHED_IDLE = 5;

const MAX_RT_PRIO = 100;
const PF_IDLE = 0x2;
const TASK_UNINTERRUPTIBLE = 0x2;
const TASK_NOLOAD = 0x400;
/** Weights of the kernel have ten more bits than those of sched_prio_to_weight[]. */
const WEIGHT_SHIFT = 10;
const NICE_0_WEIGHT = 1024;
const IDLE_WEIGHT = 3;
/** Each nice level is worth a quarter. */
const NICE_STEP = 1.25;
const NICE_0_PRIO = 120;
const TICK_CAPACITY = 1024;

/**
 * Scheduling classes in the order of their precedence, which since 5.9 (c3a340f7e7ea) is that of
 * their addresses; the highest comes first since 5.19 (546a3fee1745).
 */
const CLASSES = ['stop', 'dl', 'rt', 'fair', 'idle'] as const;
type ClassName = (typeof CLASSES)[number];

/** Gives classes and the root group their symbols; kernels differ in what of it they have. */
export function defineScheduler(image: KernelImage, types: TypeSource): void {
  const group = types.find('struct', 'task_group');
  if (group?.kind === 'struct' && group.size > 0) {
    image.define('root_task_group', { section: 'bss', size: group.size, align: 64 });
  }
  const type = types.find('struct', 'sched_class');
  if (type?.kind !== 'struct' || type.size === 0) return;
  const first = image.reserve({ section: 'rodata', size: CLASSES.length * type.size, align: 32 });
  image.mark('__sched_class_highest', first, 'R');
  CLASSES.forEach((name, i) => {
    image.mark(`${name}_sched_class`, vaddrAdd(first, i * type.size), 'R');
  });
  image.mark('__sched_class_lowest', vaddrAdd(first, CLASSES.length * type.size), 'R');
}

/** What {@link writeRunQueues} writes. */
export interface RunQueueOptions {
  readonly tasks: PlacedTasks;
  readonly offsets: PerCpuOffsets;
  /** sched_clock() at this instant, in nanoseconds. */
  readonly clockNs: number;
}

/** Writes `rq` and `current_task` of each CPU: the task that runs there, else its idle task. */
export function writeRunQueues(image: KernelImage, areas: Areas, options: RunQueueOptions): void {
  const { tasks, offsets } = options;
  const byCpu = offsets.map((): PlacedThread[] => []);
  for (const { threads } of tasks.processes) {
    for (const thread of threads) byCpu[thread.facts.cpu]?.push(thread);
  }
  offsets.forEach((offset, cpu) => {
    const idle = tasks.idle[cpu]?.threads[0];
    assert(idle !== undefined, `CPU ${cpu} has no idle task`);
    const rq = perCpu(image, offset, 'runqueues');
    const writer = new RunQueueWriter(image, areas.memory, { rq, cpu });
    writer.write(idle, byCpu[cpu] ?? [], options);
    const running = byCpu[cpu]?.find(({ facts }) => facts.onCpu) ?? idle;
    areas.memory.writeInteger(perCpu(image, offset, 'current_task'), running.task, 8);
  });
}

class RunQueueWriter {
  readonly #image: KernelImage;
  readonly #memory: KernelMemory;
  readonly #rq: Vaddr;
  readonly #cpu: number;
  /** Offsets of task_struct's members, since there may be 100,000 tasks. */
  readonly #offsets = new Map<string, number>();

  constructor(image: KernelImage, memory: KernelMemory, { rq, cpu }: { rq: Vaddr; cpu: number }) {
    this.#image = image;
    this.#memory = memory;
    this.#rq = rq;
    this.#cpu = cpu;
  }

  write(idle: PlacedThread, here: readonly PlacedThread[], { clockNs }: RunQueueOptions): void {
    const queued = here.filter(({ facts }) => isQueued(facts));
    const running = queued.find(({ facts }) => facts.onCpu) ?? idle;
    for (const thread of [idle, ...here]) this.#writeTask(thread, clockNs);
    const count = (wanted: (facts: ThreadFacts) => boolean): number =>
      here.filter(({ facts }) => wanted(facts)).length;
    const switches = here.reduce((sum, { facts }) => sum + facts.nvcsw + facts.nivcsw, 0);
    this.#memory.store('rq', this.#rq, {
      nr_running: queued.length,
      curr: running.task,
      idle: idle.task,
      nr_switches: switches,
      nr_uninterruptible: count(isUninterruptible),
      cpu: this.#cpu,
      online: 1,
    });
    this.#memory.storeKnown('rq', this.#rq, {
      clock: clockNs,
      clock_task: clockNs,
      clock_pelt: clockNs,
      cpu_capacity: TICK_CAPACITY,
      cpu_capacity_orig: TICK_CAPACITY,
    });
    this.#writeFair(queued.filter(isOf('fair')), running);
    this.#writeRealTime(queued.filter(isOf('rt')));
  }

  #writeTask(thread: PlacedThread, clockNs: number): void {
    const { facts, task } = thread;
    const { sched } = facts;
    const className = classOf(facts);
    const symbol = `${className}_sched_class`;
    const ran = facts.utime + facts.stime;
    const weight = loadWeight(facts);
    const start = sched?.lastArrivalNs ?? 0;
    if (this.#image.has(symbol)) {
      this.#memory.storeKnown('task_struct', task, { sched_class: this.#image.symbol(symbol) });
    }
    this.#memory.storeKnown('task_struct', task, {
      'se.load.weight': weight,
      'se.load.inv_weight': Math.floor(2 ** 32 / (weight >> WEIGHT_SHIFT)),
      'se.on_rq': isQueued(facts) && className === 'fair',
      'se.exec_start': facts.onCpu ? clockNs : Math.max(start, sched?.lastRanNs ?? 0),
      'se.sum_exec_runtime': ran,
      'se.vruntime': sched?.vruntimeNs ?? 0,
      'se.cfs_rq': this.#at('rq', this.#rq, 'cfs') ?? 0n,
      'rt.on_rq': isQueued(facts) && className === 'rt',
      rt_priority: className === 'rt' ? MAX_RT_PRIO - 1 - facts.prio : 0,
      'sched_info.pcount': facts.nvcsw + facts.nivcsw,
      'sched_info.last_arrival': start,
      'sched_info.last_queued': sched?.lastQueuedNs ?? 0,
      recent_used_cpu: facts.cpu,
      wake_cpu: facts.cpu,
    });
    for (const member of ['rt.run_list', 'se.group_node']) {
      linkList(this.#memory, this.#of(task, member));
    }
  }

  /** The tree has who waits for the CPU; `cfs_tasks` has who runs as well. */
  #writeFair(fair: readonly PlacedThread[], running: PlacedThread): void {
    const waiting = fair.filter((thread) => thread !== running).sort(byVruntime);
    const nodes = waiting.map(({ task }) => this.#of(task, 'se.run_node'));
    const cfs = this.#at('rq', this.#rq, 'cfs');
    assert(cfs !== undefined, 'struct rq has no member cfs');
    const root = writeRbTree(this.#memory, nodes);
    const runs = fair.includes(running);
    const idleCount = fair.filter(({ facts }) => facts.policy === SCHED_IDLE).length;
    const least = waiting[0]?.facts.sched?.vruntimeNs ?? running.facts.sched?.vruntimeNs ?? 0;
    const group = this.#image.has('root_task_group') ? this.#image.symbol('root_task_group') : 0n;
    this.#memory.store('cfs_rq', cfs, {
      'load.weight': fair.reduce((sum, { facts }) => sum + loadWeight(facts), 0),
      nr_running: fair.length,
      min_vruntime: least,
      curr: runs ? this.#of(running.task, 'se') : 0n,
    });
    this.#memory.storeKnown('cfs_rq', cfs, {
      h_nr_running: fair.length,
      idle_nr_running: idleCount,
      idle_h_nr_running: idleCount,
      // struct rb_root_cached since Linux 4.14 (cd9e61ed1eeb), and before.
      'tasks_timeline.rb_root.rb_node': root,
      'tasks_timeline.rb_leftmost': nodes[0] ?? 0n,
      'tasks_timeline.rb_node': root,
      rb_leftmost: nodes[0] ?? 0n,
      rq: this.#rq,
      tg: group,
    });
    const listed = this.#at('rq', this.#rq, 'cfs_tasks');
    if (listed === undefined) return;
    const members = fair.map(({ task }) => this.#of(task, 'se.group_node'));
    linkList(this.#memory, listed, members);
  }

  #writeRealTime(tasks: readonly PlacedThread[]): void {
    const rt = this.#at('rq', this.#rq, 'rt');
    assert(rt !== undefined, 'struct rq has no member rt');
    // The bit behind the last priority is always set, so that a search ends there.
    let bitmap = 1n << BigInt(MAX_RT_PRIO);
    for (let prio = 0; prio < MAX_RT_PRIO; prio++) {
      const here = tasks.filter(({ facts }) => facts.prio === prio);
      if (here.length > 0) bitmap |= 1n << BigInt(prio);
      const head = memberAddress(this.#memory, rt, {
        struct: 'rt_rq',
        path: `active.queue[${prio}]`,
      });
      linkList(
        this.#memory,
        head,
        here.map(({ task }) => this.#of(task, 'rt.run_list')),
      );
    }
    const highest = Math.min(MAX_RT_PRIO - 1, ...tasks.map(({ facts }) => facts.prio));
    this.#memory.store('rt_rq', rt, {
      'active.bitmap[0]': BigInt.asUintN(64, bitmap),
      'active.bitmap[1]': bitmap >> 64n,
      rt_nr_running: tasks.length,
    });
    this.#memory.storeKnown('rt_rq', rt, {
      rt_queued: tasks.length > 0,
      'highest_prio.curr': tasks.length > 0 ? highest : MAX_RT_PRIO - 1,
      'highest_prio.next': MAX_RT_PRIO - 1,
    });
  }

  #of(task: Vaddr, path: string): Vaddr {
    const at = this.#at('task_struct', task, path);
    assert(at !== undefined, `struct task_struct has no member ${path}`);
    return at;
  }

  #at(struct: string, address: Vaddr, path: string): Vaddr | undefined {
    const key = `${struct}.${path}`;
    let offset = this.#offsets.get(key);
    if (offset === undefined) {
      const place = findMember(this.#memory.struct(struct), path);
      offset = place === undefined ? -1 : byteOffsetOf(place);
      this.#offsets.set(key, offset);
    }
    return offset < 0 ? undefined : vaddrAdd(address, offset);
  }
}

/**
 * task_on_rq_queued(): what runs and what waits for a CPU. A task that goes to sleep has set its
 * state, and is queued until __schedule() calls deactivate_task(): that is the instant of a switch
 * which the image shows, with the task still in rq->curr and on_cpu.
 */
export function isQueued({ state, exitState, onCpu }: ThreadFacts): boolean {
  return onCpu || (state === 0 && exitState === 0);
}

/** Counted by deactivate_task(). */
function isUninterruptible(facts: ThreadFacts): boolean {
  const { state } = facts;
  const sleeps = (state & TASK_UNINTERRUPTIBLE) !== 0 && (state & TASK_NOLOAD) === 0;
  return sleeps && !isQueued(facts);
}

function classOf({ policy, flags }: ThreadFacts): ClassName {
  if ((flags & PF_IDLE) !== 0) return 'idle';
  return policy === SCHED_FIFO || policy === SCHED_RR ? 'rt' : 'fair';
}

function isOf(name: ClassName): (thread: PlacedThread) => boolean {
  return ({ facts }) => classOf(facts) === name;
}

/** set_load_weight() */
function loadWeight({ policy, staticPrio }: ThreadFacts): number {
  if (policy === SCHED_IDLE) return IDLE_WEIGHT << WEIGHT_SHIFT;
  const weight = Math.round(NICE_0_WEIGHT / NICE_STEP ** (staticPrio - NICE_0_PRIO));
  return weight << WEIGHT_SHIFT;
}

function byVruntime(a: PlacedThread, b: PlacedThread): number {
  return (a.facts.sched?.vruntimeNs ?? 0) - (b.facts.sched?.vruntimeNs ?? 0);
}
