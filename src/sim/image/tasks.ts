// Tasks in memory: task_structs with their stacks, signal_structs and mm_structs, the lists that
// string them together, and the run queue of each CPU. pids.ts makes them found by pid.

import { PAGE_SIZE } from '../../arch/x86-64.ts';
import { vaddr, vaddrAdd, type Vaddr } from '../../util/address.ts';
import { findMember } from '../../types/ctype.ts';
import { assert } from '../../util/assert.ts';
import { THREAD_SIZE, type Areas } from './areas.ts';
import type { KernelImage } from './kernel-image.ts';
import type { MachineFacts, ProcessFacts, RecordFacts, ThreadFacts } from './machine-facts.ts';
import type { Fields } from './struct-writer.ts';
import { perCpu, type PerCpuOffsets } from './variables.ts';

/** One thread and where its parts lie. */
export interface PlacedThread {
  readonly facts: ThreadFacts;
  readonly process: PlacedProcess;
  /** `struct task_struct *` */
  readonly task: Vaddr;
  /** Lowest address of the kernel stack. */
  readonly stack: Vaddr;
}

/** One process and where its parts lie. */
export interface PlacedProcess {
  readonly facts: ProcessFacts;
  /** `struct signal_struct *` */
  readonly signal: Vaddr;
  /** `struct mm_struct *`; undefined for a kernel thread. */
  readonly mm: Vaddr | undefined;
  readonly threads: readonly PlacedThread[];
}

/** All tasks of a machine. */
export interface PlacedTasks {
  /** In the order of init_task.tasks, which itself is not among them. */
  readonly processes: readonly PlacedProcess[];
  /** The idle task of each CPU; the first is init_task. */
  readonly idle: readonly PlacedProcess[];
}

/** Gives every task its memory. */
export function placeTasks(image: KernelImage, areas: Areas, facts: MachineFacts): PlacedTasks {
  const idle = facts.idle.map((thread, cpu) => {
    const process: ProcessFacts = {
      ppid: 0,
      mm: undefined,
      oomScoreAdj: 0,
      signalFlags: 0,
      sharedPending: 0n,
      oomVictim: false,
      threads: [thread],
    };
    if (cpu > 0) return placeProcess(areas, process);
    return placeProcess(areas, process, {
      task: image.symbol('init_task'),
      stack: image.symbol('init_stack'),
      signal: image.symbol('init_signals'),
    });
  });
  return { idle, processes: facts.processes.map((process) => placeProcess(areas, process)) };
}

interface FixedPlaces {
  readonly task: Vaddr;
  readonly stack: Vaddr;
  readonly signal: Vaddr;
}

function placeProcess(areas: Areas, facts: ProcessFacts, fixed?: FixedPlaces): PlacedProcess {
  const threads: PlacedThread[] = [];
  const process: PlacedProcess = {
    facts,
    signal: fixed?.signal ?? areas.allocate('signal_struct'),
    mm: facts.mm === undefined ? undefined : areas.allocate('mm_struct'),
    threads,
  };
  for (const thread of facts.threads) {
    const task = fixed?.task ?? areas.allocate('task_struct');
    const stack = fixed?.stack ?? areas.allocateStack();
    threads.push({ facts: thread, process, task, stack });
  }
  assert(threads.length > 0, 'a process without threads');
  return process;
}

/** Writes tasks, signals and address spaces, and links them. */
export function writeTasks(image: KernelImage, areas: Areas, tasks: PlacedTasks): void {
  const writer = new TaskWriter(image, areas, tasks);
  for (const process of [...tasks.idle, ...tasks.processes]) writer.write(process);
  writer.linkTasks();
  writer.linkChildren();
}

/** Writes `rq` and `current_task` of each CPU: the task that runs there, else its idle task. */
export function writeRunQueues(
  image: KernelImage,
  areas: Areas,
  { tasks, offsets }: { tasks: PlacedTasks; offsets: PerCpuOffsets },
): void {
  const threads = tasks.processes.flatMap((process) => process.threads);
  offsets.forEach((offset, cpu) => {
    const idle = tasks.idle[cpu]?.threads[0];
    assert(idle !== undefined, `CPU ${cpu} has no idle task`);
    const here = threads.filter(({ facts }) => facts.cpu === cpu);
    const running = here.find(({ facts }) => facts.onCpu) ?? idle;
    const runnable = here.filter(({ facts }) => isRunnable(facts)).length;
    areas.memory.store('rq', perCpu(image, offset, 'runqueues'), {
      nr_running: runnable,
      curr: running.task,
      idle: idle.task,
      cpu,
      online: 1,
    });
    areas.memory.writeInteger(perCpu(image, offset, 'current_task'), running.task, 8);
  });
}

function isRunnable({ state, exitState }: ThreadFacts): boolean {
  return state === 0 && exitState === 0;
}

class TaskWriter {
  readonly #image: KernelImage;
  readonly #areas: Areas;
  readonly #tasks: PlacedTasks;
  readonly #byTgid = new Map<number, PlacedProcess>();
  readonly #initTask: Vaddr;

  constructor(image: KernelImage, areas: Areas, tasks: PlacedTasks) {
    this.#image = image;
    this.#areas = areas;
    this.#tasks = tasks;
    this.#initTask = image.symbol('init_task');
    for (const process of tasks.processes) this.#byTgid.set(leader(process).facts.pid, process);
  }

  write(process: PlacedProcess): void {
    this.#writeSignal(process);
    if (process.mm !== undefined) this.#writeMm(process, process.mm);
    const parent = this.#parentOf(process);
    for (const thread of process.threads) {
      this.#areas.memory.store('task_struct', thread.task, {
        ...threadFields(thread),
        group_leader: leader(process).task,
        real_parent: parent,
        parent,
      });
    }
    this.#link(
      this.#member('signal_struct', process.signal, 'thread_head'),
      process.threads.map(({ task }) => this.#member('task_struct', task, 'thread_node')),
    );
  }

  /** init_task.tasks: the leaders. */
  linkTasks(): void {
    const tasks = this.#tasks.processes.map((process) => leader(process).task);
    this.#link(
      this.#member('task_struct', this.#initTask, 'tasks'),
      tasks.map((task) => this.#member('task_struct', task, 'tasks')),
    );
  }

  /** `children` of the parent's leader, `sibling` of each child's leader. */
  linkChildren(): void {
    const children = new Map<Vaddr, Vaddr[]>([[this.#initTask, []]]);
    for (const process of this.#tasks.processes) {
      for (const { task } of process.threads) children.set(task, []);
    }
    for (const process of this.#tasks.processes) {
      children.get(this.#parentOf(process))?.push(leader(process).task);
    }
    for (const [parent, tasks] of children) {
      this.#link(
        this.#member('task_struct', parent, 'children'),
        tasks.map((task) => this.#member('task_struct', task, 'sibling')),
      );
    }
  }

  #parentOf(process: PlacedProcess): Vaddr {
    const { ppid } = process.facts;
    if (ppid === 0) return this.#initTask;
    const parent = this.#byTgid.get(ppid);
    assert(parent !== undefined, `no process has pid ${ppid}`);
    return leader(parent).task;
  }

  #writeSignal({ facts, signal, mm, threads }: PlacedProcess): void {
    this.#areas.memory.store('signal_struct', signal, {
      'sigcnt.refs.counter': threads.length,
      'live.counter': threads.filter(({ facts: each }) => each.exitState === 0).length,
      nr_threads: threads.length,
      flags: facts.signalFlags,
      oom_score_adj: facts.oomScoreAdj,
      'shared_pending.signal.sig[0]': facts.sharedPending,
      oom_mm: facts.oomVictim ? (mm ?? 0n) : 0n,
    });
  }

  #writeMm(process: PlacedProcess, mm: Vaddr): void {
    const { mm: facts, threads } = process.facts;
    const pgd = this.#areas.allocatePages(PAGE_SIZE);
    // The upper half of every root table is the kernel's.
    const kernelHalf = this.#areas.memory.read(this.#image.symbol('init_top_pgt'), PAGE_SIZE);
    this.#areas.memory.write(pgd, kernelHalf.fill(0, 0, PAGE_SIZE / 2));
    this.#areas.memory.store('mm_struct', mm, {
      pgd,
      'mm_users.counter': threads.filter(({ withoutMm }) => withoutMm !== true).length,
      'mm_count.counter': 1,
      flags: facts?.flags ?? 0,
      total_vm: facts?.totalPages ?? 0,
      'rss_stat.count[1].counter': facts?.anonPages ?? 0,
      owner: leader(process).task,
    });
  }

  /** A circular list of `struct list_head`s: the head, then the nodes. */
  #link(head: Vaddr, nodes: readonly Vaddr[]): void {
    const all = [head, ...nodes];
    all.forEach((node, i) => {
      const next = all[(i + 1) % all.length] as Vaddr;
      const prev = all[(i + all.length - 1) % all.length] as Vaddr;
      this.#areas.memory.store('list_head', node, { next, prev });
    });
  }

  #member(structName: string, address: Vaddr, path: string): Vaddr {
    const place = findMember(this.#areas.memory.struct(structName), path);
    assert(place !== undefined, `struct ${structName} has no member ${path}`);
    return vaddrAdd(address, place.bitOffset / 8);
  }
}

/** The members of a task_struct that its facts give. */
function threadFields({ facts, process, stack }: PlacedThread): Fields {
  const mm = process.mm ?? vaddr(0n);
  return {
    'thread_info.flags': facts.threadFlags,
    'thread_info.cpu': facts.cpu,
    __state: facts.state,
    stack,
    'usage.refs.counter': 1,
    flags: facts.flags,
    on_cpu: facts.onCpu,
    on_rq: isRunnable(facts),
    prio: facts.prio,
    static_prio: facts.staticPrio,
    normal_prio: facts.prio,
    policy: facts.policy,
    mm: facts.withoutMm === true ? 0n : mm,
    active_mm: mm,
    exit_state: facts.exitState,
    jobctl: facts.jobctl,
    in_memstall: facts.inMemstall,
    pid: facts.pid,
    tgid: process.threads[0]?.facts.pid ?? facts.pid,
    utime: facts.utime,
    stime: facts.stime,
    nvcsw: facts.nvcsw,
    nivcsw: facts.nivcsw,
    start_time: facts.startTimeNs,
    start_boottime: facts.startTimeNs,
    comm: commBytes(facts.comm),
    signal: process.signal,
    'pending.signal.sig[0]': facts.pending,
    ...recordFields(facts.memalloc),
    'thread.sp': vaddrAdd(stack, THREAD_SIZE - SWITCH_FRAME_SIZE),
  };
}

function recordFields(record: RecordFacts): Fields {
  const members = Object.entries(record);
  return Object.fromEntries(members.map(([name, value]) => [`memalloc.${name}`, value]));
}

/** Room at the top of a stack for pt_regs and the frame that __switch_to_asm() leaves. */
const SWITCH_FRAME_SIZE = 0x200;

/** TASK_COMM_LEN is 16, the last byte a NUL. */
function commBytes(comm: string): Uint8Array {
  const bytes = new Uint8Array(16);
  assert(comm.length < bytes.length, `comm ${JSON.stringify(comm)} is too long`);
  bytes.set(Buffer.from(comm, 'latin1'));
  return bytes;
}

function leader(process: PlacedProcess): PlacedThread {
  return process.threads[0] as PlacedThread;
}
