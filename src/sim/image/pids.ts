// struct pid of every thread, the lists of the tasks that use it, and what finds it by its number:
// the IDR of the first pid namespace, before Linux 4.15 a hash table of all namespaces. A process
// uses the pid of its leader as pid, as tgid (since 4.19), as process group and as session; kernel
// threads are in group and session 0, init_struct_pid.

import { findMember } from '../../types/ctype.ts';
import { vaddrAdd, type Vaddr } from '../../util/address.ts';
import { assert } from '../../util/assert.ts';
import type { Areas } from './areas.ts';
import { writeIdr } from './idr.ts';
import type { KernelImage } from './kernel-image.ts';
import { writePidHash } from './pid-hash.ts';
import type { PlacedProcess, PlacedTasks, PlacedThread } from './tasks.ts';

/** enum pid_type (include/linux/pid.h). */
type PidType = 'PID' | 'TGID' | 'PGID' | 'SID';
/** Since Linux 4.19 (2c4704756cab), when signal_struct got the pids of the process. */
const PIDTYPES: readonly PidType[] = ['PID', 'TGID', 'PGID', 'SID'];
const PIDTYPES_IN_TASK: readonly PidType[] = ['PID', 'PGID', 'SID'];

/** Set in `pid_allocated` (`nr_hashed`) while a namespace takes new pids (kernel/pid.c). */
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
  /** Whether each task has its `pids[]`; else the task has one pid and the signal the others. */
  readonly #inTask: boolean;
  readonly #types: readonly PidType[];
  #threadCount = 0;

  constructor(image: KernelImage, areas: Areas) {
    this.#image = image;
    this.#areas = areas;
    const pid = areas.memory.struct('pid');
    const numbers = findMember(pid, 'numbers');
    assert(numbers !== undefined, 'struct pid has no member numbers');
    this.#numbersOffset = numbers.bitOffset / 8;
    this.#pidSize = this.#numbersOffset + areas.memory.struct('upid').size;
    this.#inTask = findMember(areas.memory.struct('task_struct'), 'pids[0].node') !== undefined;
    this.#types = this.#inTask ? PIDTYPES_IN_TASK : PIDTYPES;
    this.#pids.set(0, { address: image.symbol('init_struct_pid'), users: noUsers() });
  }

  get threadCount(): number {
    return this.#threadCount;
  }

  /** An idle task has pid 0 and is on none of its lists. */
  attachIdle({ signal, threads }: PlacedProcess): void {
    const pid = this.#image.symbol('init_struct_pid');
    for (const { task } of threads) {
      this.#setPids({ task, signal }, { PID: pid, TGID: pid, PGID: pid, SID: pid });
    }
  }

  attachThread(thread: PlacedThread): void {
    const { facts, process, task } = thread;
    this.#threadCount++;
    const own = this.#attach(facts.pid, 'PID', task);
    const tgid = process.threads[0]?.facts.pid ?? facts.pid;
    const group = (facts.flags & PF_KTHREAD) !== 0 ? 0 : tgid;
    // Only the leader stands for the process on the lists of its pids.
    const isLeader = facts.pid === tgid;
    const pidOf = (nr: number, type: PidType): Vaddr =>
      isLeader ? this.#attach(nr, type, task) : this.#pidOf(nr).address;
    this.#setPids(
      { task, signal: process.signal },
      { PID: own, TGID: pidOf(tgid, 'TGID'), PGID: pidOf(group, 'PGID'), SID: pidOf(group, 'SID') },
    );
  }

  write(): void {
    const namespace = this.#image.symbol('init_pid_ns');
    const upids = new Map<number, Vaddr>();
    for (const [nr, pid] of this.#pids) {
      this.#writePid(nr, pid, namespace);
      // Pid 0 is not to be found by its number.
      if (nr !== 0) upids.set(nr, vaddrAdd(pid.address, this.#numbersOffset));
    }
    const { memory } = this.#areas;
    if (this.#image.has('pid_hash')) {
      writePidHash(this.#image, this.#areas, { upids, namespace });
      const last_pid = Math.max(...upids.keys());
      memory.store('pid_namespace', namespace, { nr_hashed: PIDNS_ADDING + upids.size, last_pid });
    } else this.#writeIdr(namespace);
    memory.store('pid_namespace', namespace, { level: 0 });
  }

  #writeIdr(namespace: Vaddr): void {
    const { memory } = this.#areas;
    const entries = new Map(
      [...this.#pids].flatMap(([nr, { address }]) => {
        return nr === 0 ? [] : [[nr, address] as const];
      }),
    );
    const idr = findMember(memory.struct('pid_namespace'), 'idr');
    assert(idr !== undefined, 'struct pid_namespace has no member idr');
    writeIdr(memory, {
      address: vaddrAdd(namespace, idr.bitOffset / 8),
      entries,
      allocateNode: () => this.#areas.allocate('xa_node'),
    });
    memory.store('pid_namespace', namespace, { pid_allocated: PIDNS_ADDING + entries.size });
  }

  /** Where a thread keeps its pids. */
  #setPids(
    { task, signal }: { task: Vaddr; signal: Vaddr },
    pids: Readonly<Record<PidType, Vaddr>>,
  ): void {
    const { memory } = this.#areas;
    if (this.#inTask) {
      const links = this.#types.map((type, i) => [`pids[${i}].pid`, pids[type]] as const);
      memory.store('task_struct', task, Object.fromEntries(links));
      memory.store('signal_struct', signal, { leader_pid: pids.TGID });
      return;
    }
    memory.store('task_struct', task, { thread_pid: pids.PID });
    const { TGID, PGID, SID } = pids;
    memory.store('signal_struct', signal, { 'pids[1]': TGID, 'pids[2]': PGID, 'pids[3]': SID });
  }

  #attach(nr: number, type: PidType, task: Vaddr): Vaddr {
    const pid = this.#pidOf(nr);
    // enum pid_type may have no such entry.
    if (this.#types.includes(type)) pid.users[type].push(task);
    return pid.address;
  }

  #pidOf(nr: number): PidUse {
    let pid = this.#pids.get(nr);
    if (pid === undefined) {
      pid = { address: this.#areas.allocate('pid', this.#pidSize), users: noUsers() };
      this.#pids.set(nr, pid);
    }
    return pid;
  }

  #writePid(nr: number, { address, users }: PidUse, namespace: Vaddr): void {
    const { memory } = this.#areas;
    const useCount = this.#types.reduce((sum, type) => sum + users[type].length, 0);
    // refcount_t since Linux 5.3.
    const count = this.#inTask ? 'count.counter' : 'count.refs.counter';
    memory.store('pid', address, { [count]: useCount, level: 0 });
    memory.store('upid', vaddrAdd(address, this.#numbersOffset), { nr, ns: namespace });
    this.#types.forEach((type, index) => this.#writeUsers(address, index, users[type]));
  }

  /** An hlist: hlist_add_head_rcu() puts the newest first. */
  #writeUsers(pid: Vaddr, type: number, tasks: readonly Vaddr[]): void {
    const { memory } = this.#areas;
    const path = this.#inTask ? `pids[${type}].node` : `pid_links[${type}]`;
    const link = findMember(memory.struct('task_struct'), path);
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
