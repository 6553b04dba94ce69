// struct pid of every thread, the lists of the tasks that use it, and the IDR of the first pid
// namespace that finds it. A process uses the pid of its leader four times: as pid, as tgid, as
// process group and as session; kernel threads are in group and session 0, init_struct_pid.

import { findMember } from '../../types/ctype.ts';
import { vaddrAdd, type Vaddr } from '../../util/address.ts';
import { assert } from '../../util/assert.ts';
import type { Areas } from './areas.ts';
import { writeIdr } from './idr.ts';
import type { KernelImage } from './kernel-image.ts';
import type { PlacedProcess, PlacedTasks, PlacedThread } from './tasks.ts';

/** enum pid_type (include/linux/pid.h). */
const PIDTYPES = ['PID', 'TGID', 'PGID', 'SID'] as const;
type PidType = (typeof PIDTYPES)[number];

/** Set in `pid_allocated` while a namespace takes new pids (kernel/pid.c). */
const PIDNS_ADDING = 2 ** 31;

/** PF_KTHREAD. */
const PF_KTHREAD = 0x00200000;

/** Writes all pids and the way to them. */
export function writePids(image: KernelImage, areas: Areas, tasks: PlacedTasks): void {
  const writer = new PidWriter(image, areas);
  for (const process of tasks.idle) writer.attachIdle(process);
  for (const process of tasks.processes) {
    for (const thread of process.threads) writer.attachThread(thread);
  }
  writer.write();
  areas.memory.writeInteger(image.symbol('nr_threads'), writer.threadCount, 4);
}

interface PidUse {
  readonly address: Vaddr;
  /** The tasks on `pid->tasks[type]`, in the order in which they were attached. */
  readonly users: Record<PidType, Vaddr[]>;
}

class PidWriter {
  readonly #image: KernelImage;
  readonly #areas: Areas;
  readonly #pids = new Map<number, PidUse>();
  readonly #numbersOffset: number;
  readonly #pidSize: number;
  #threadCount = 0;

  constructor(image: KernelImage, areas: Areas) {
    this.#image = image;
    this.#areas = areas;
    const pid = areas.memory.struct('pid');
    const numbers = findMember(pid, 'numbers');
    assert(numbers !== undefined, 'struct pid has no member numbers');
    this.#numbersOffset = numbers.bitOffset / 8;
    this.#pidSize = this.#numbersOffset + areas.memory.struct('upid').size;
    this.#pids.set(0, { address: image.symbol('init_struct_pid'), users: noUsers() });
  }

  get threadCount(): number {
    return this.#threadCount;
  }

  /** An idle task has pid 0 and is on none of its lists. */
  attachIdle({ signal, threads }: PlacedProcess): void {
    const pid = this.#image.symbol('init_struct_pid');
    for (const { task } of threads) {
      this.#areas.memory.store('task_struct', task, { thread_pid: pid });
    }
    const pids = { 'pids[1]': pid, 'pids[2]': pid, 'pids[3]': pid };
    this.#areas.memory.store('signal_struct', signal, pids);
  }

  attachThread(thread: PlacedThread): void {
    const { facts, process, task } = thread;
    const { memory } = this.#areas;
    this.#threadCount++;
    const own = this.#attach(facts.pid, 'PID', task);
    memory.store('task_struct', task, { thread_pid: own });
    const tgid = process.threads[0]?.facts.pid;
    // Only the leader stands for the process; other threads reach its pids through the signal.
    if (facts.pid !== tgid) return;
    const group = (facts.flags & PF_KTHREAD) !== 0 ? 0 : facts.pid;
    memory.store('signal_struct', process.signal, {
      'pids[1]': this.#attach(facts.pid, 'TGID', task),
      'pids[2]': this.#attach(group, 'PGID', task),
      'pids[3]': this.#attach(group, 'SID', task),
    });
  }

  write(): void {
    const namespace = this.#image.symbol('init_pid_ns');
    const entries = new Map<number, bigint>();
    for (const [nr, pid] of this.#pids) {
      this.#writePid(nr, pid, namespace);
      // idr_alloc_cyclic() starts at 1: pid 0 is in no IDR.
      if (nr !== 0) entries.set(nr, pid.address);
    }
    const { memory } = this.#areas;
    const idr = findMember(memory.struct('pid_namespace'), 'idr');
    assert(idr !== undefined, 'struct pid_namespace has no member idr');
    writeIdr(memory, {
      address: vaddrAdd(namespace, idr.bitOffset / 8),
      entries,
      allocateNode: () => this.#areas.allocate('xa_node'),
    });
    memory.store('pid_namespace', namespace, {
      pid_allocated: PIDNS_ADDING + entries.size,
      level: 0,
    });
  }

  #attach(nr: number, type: PidType, task: Vaddr): Vaddr {
    let pid = this.#pids.get(nr);
    if (pid === undefined) {
      pid = { address: this.#areas.allocate('pid', this.#pidSize), users: noUsers() };
      this.#pids.set(nr, pid);
    }
    pid.users[type].push(task);
    return pid.address;
  }

  #writePid(nr: number, { address, users }: PidUse, namespace: Vaddr): void {
    const { memory } = this.#areas;
    const useCount = PIDTYPES.reduce((sum, type) => sum + users[type].length, 0);
    memory.store('pid', address, { 'count.refs.counter': useCount, level: 0 });
    memory.store('upid', vaddrAdd(address, this.#numbersOffset), { nr, ns: namespace });
    PIDTYPES.forEach((type, index) => this.#writeUsers(address, index, users[type]));
  }

  /** An hlist: hlist_add_head_rcu() puts the newest first. */
  #writeUsers(pid: Vaddr, type: number, tasks: readonly Vaddr[]): void {
    const { memory } = this.#areas;
    const link = findMember(memory.struct('task_struct'), `pid_links[${type}]`);
    const head = findMember(memory.struct('pid'), `tasks[${type}]`);
    assert(link !== undefined && head !== undefined, 'tasks are not linked to pids');
    let pprev = vaddrAdd(pid, head.bitOffset / 8);
    for (const task of [...tasks].reverse()) {
      const node = vaddrAdd(task, link.bitOffset / 8);
      memory.writeInteger(pprev, node, 8);
      memory.store('hlist_node', node, { next: 0, pprev });
      pprev = node;
    }
  }
}

function noUsers(): Record<PidType, Vaddr[]> {
  return { PID: [], TGID: [], PGID: [], SID: [] };
}
