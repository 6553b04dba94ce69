// Tasks in memory: task_structs with their stacks, signal_structs and mm_structs, the lists that
// string them together, and the run queue of each CPU. pids.ts makes them found by pid.

import { PAGE_SIZE } from '../../arch/x86-64.ts';
import { placeOf } from '../../types/ctype.ts';
import { vaddr, vaddrAdd, type Vaddr } from '../../util/address.ts';
import { assert } from '../../util/assert.ts';
import { THREAD_SIZE, type Areas } from './areas.ts';
import type { ImageFlavour } from './image-flavour.ts';
import type { KernelImage } from './kernel-image.ts';
import { linkList, memberAddress } from './lists.ts';
import type { MachineFacts, ProcessFacts, ThreadFacts } from './machine-facts.ts';
import type { Fields } from './struct-writer.ts';
import { isQueued } from './runqueues.ts';

const NSEC_PER_SEC = 1_000_000_000;

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

/**
 * Gives every task its memory.
 *
 * @param former where tasks lie in the image of an earlier instant: who lives on stays there, and
 *   nobody gets the place of one that has gone
 */
export function placeTasks(
  image: KernelImage,
  areas: Areas,
  { facts, former }: { facts: MachineFacts; former?: PlacedTasks | undefined },
): PlacedTasks {
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
    const first = { task: image.symbol('init_task'), stack: image.symbol('init_thread_union') };
    const places = new Map([[keyOf([thread]), first]]);
    return placeProcess(areas, process, { signal: image.symbol('init_signals') }, places);
  });
  const again = placeFormer(areas, former);
  const processes = facts.processes.map((process) => {
    const known = again.processes.get(keyOf(process.threads));
    return placeProcess(areas, process, known, again.threads);
  });
  return { idle, processes };
}

/** Where those lie that were placed for an earlier instant. */
interface FormerPlaces {
  readonly processes: ReadonlyMap<string, FixedPlaces>;
  readonly threads: ReadonlyMap<string, ThreadPlaces>;
}

/** Allocates as for the earlier image, which gives the same addresses. */
function placeFormer(areas: Areas, former: PlacedTasks | undefined): FormerPlaces {
  const processes = new Map<string, FixedPlaces>();
  const threads = new Map<string, ThreadPlaces>();
  for (const { facts } of former?.processes ?? []) {
    const placed = placeProcess(areas, facts);
    const { signal, mm } = placed;
    processes.set(keyOf(facts.threads), { signal, mm });
    for (const { facts: thread, task, stack } of placed.threads) {
      threads.set(keyOf([thread]), { task, stack });
    }
  }
  return { processes, threads };
}

/** A task, or a process by its leader: no pid is given twice at one time. */
function keyOf([first]: readonly ThreadFacts[]): string {
  return `${first?.pid} ${first?.startTimeNs}`;
}

/** What of a process lies where it lay, or at a symbol. */
interface FixedPlaces {
  readonly signal: Vaddr;
  readonly mm?: Vaddr | undefined;
}

interface ThreadPlaces {
  readonly task: Vaddr;
  readonly stack: Vaddr;
}

function placeProcess(
  areas: Areas,
  facts: ProcessFacts,
  fixed?: FixedPlaces,
  fixedThreads: ReadonlyMap<string, ThreadPlaces> = NO_PLACES,
): PlacedProcess {
  const threads: PlacedThread[] = [];
  const process: PlacedProcess = {
    facts,
    signal: fixed?.signal ?? areas.allocate('signal_struct'),
    mm: facts.mm === undefined ? undefined : (fixed?.mm ?? areas.allocate('mm_struct')),
    threads,
  };
  for (const thread of facts.threads) {
    const known = fixedThreads.get(keyOf([thread]));
    const task = known?.task ?? areas.allocate('task_struct');
    const stack = known?.stack ?? areas.allocateStack();
    threads.push({ facts: thread, process, task, stack });
  }
  assert(threads.length > 0, 'a process without threads');
  return process;
}

const NO_PLACES: ReadonlyMap<string, ThreadPlaces> = new Map();

/** What {@link writeTasks} writes. */
export interface TaskPlan extends PlacedTasks, Pick<ImageFlavour, 'cputime'> {
  readonly hz: number;
}

/** Writes tasks, signals and address spaces, and links them. */
export function writeTasks(image: KernelImage, areas: Areas, tasks: TaskPlan): void {
  const writer = new TaskWriter(image, areas, tasks);
  for (const process of [...tasks.idle, ...tasks.processes]) writer.write(process);
  writer.linkTasks();
  writer.linkChildren();
}

class TaskWriter {
  readonly #areas: Areas;
  readonly #tasks: TaskPlan;
  readonly #byTgid = new Map<number, PlacedProcess>();
  readonly #initTask: Vaddr;

  constructor(image: KernelImage, areas: Areas, tasks: TaskPlan) {
    this.#areas = areas;
    this.#tasks = tasks;
    this.#initTask = image.symbol('init_task');
    for (const process of tasks.processes) this.#byTgid.set(leader(process).facts.pid, process);
  }

  write(process: PlacedProcess): void {
    this.#writeSignal(process);
    if (process.mm !== undefined) this.#writeMm(process, process.mm);
    const parent = this.#parentOf(process);
    for (const thread of process.threads) this.#writeThread(thread, { process, parent });
    this.#writeThreadInfos(process);
    this.#link(
      this.#member('signal_struct', process.signal, 'thread_head'),
      process.threads.map(({ task }) => this.#member('task_struct', task, 'thread_node')),
    );
    this.#linkThreadGroup(process);
  }

  /** One object of all members for each of 100,000 threads would be most of the heap. */
  #writeThread(
    thread: PlacedThread,
    { process, parent }: { process: PlacedProcess; parent: Vaddr },
  ): void {
    const { memory } = this.#areas;
    const { facts, task } = thread;
    memory.store('task_struct', task, threadFields(thread));
    memory.storeKnown('task_struct', task, threadFieldsByKernel(thread));
    for (const [name, value] of Object.entries(facts.memalloc)) {
      memory.store('task_struct', task, { [`memalloc.${name}`]: value });
    }
    memory.store('task_struct', task, {
      utime: this.#cputime(facts.utime),
      stime: this.#cputime(facts.stime),
      group_leader: leader(process).task,
      real_parent: parent,
      parent,
    });
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
      'live.counter': threads.filter(({ facts: each }) => each.exitState === 0).length,
      nr_threads: threads.length,
      flags: facts.signalFlags,
      oom_score_adj: facts.oomScoreAdj,
      'shared_pending.signal.sig[0]': facts.sharedPending,
    });
    this.#areas.memory.storeKnown('signal_struct', signal, {
      // refcount_t in Linux 5.3, atomic_t in 5.0.
      'sigcnt.refs.counter': threads.length,
      'sigcnt.counter': threads.length,
      // Linux 4.9
      oom_mm: facts.oomVictim ? (mm ?? 0n) : 0n,
    });
  }

  #writeMm(process: PlacedProcess, mm: Vaddr): void {
    const { mm: facts, threads } = process.facts;
    const pgd = this.#areas.allocatePages(PAGE_SIZE);
    // The upper half of every root table is the kernel's.
    const kernelHalf = this.#areas.memory.read(this.#areas.rootTable, PAGE_SIZE);
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

  /** thread_info lies at the low end of the stack where it is no member of the task. */
  #writeThreadInfos({ threads }: PlacedProcess): void {
    const { memory } = this.#areas;
    if (this.#has('task_struct', 'thread_info.flags')) return;
    for (const { facts, task, stack } of threads) {
      memory.store('thread_info', stack, { task, flags: facts.threadFlags, cpu: facts.cpu });
    }
  }

  /** Before Linux 6.7 (8e1f385104ac) the threads are on a list without a head, too. */
  #linkThreadGroup({ threads }: PlacedProcess): void {
    if (!this.#has('task_struct', 'thread_group')) return;
    const [first, ...others] = threads.map(({ task }) => {
      return this.#member('task_struct', task, 'thread_group');
    });
    if (first !== undefined) this.#link(first, others);
  }

  #cputime(ns: number): number {
    const { cputime, hz } = this.#tasks;
    return cputime === 'jiffies' ? Math.floor((ns * hz) / NSEC_PER_SEC) : ns;
  }

  #has(structName: string, path: string): boolean {
    return placeOf(this.#areas.memory.struct(structName), path) !== undefined;
  }

  #link(head: Vaddr, nodes: readonly Vaddr[]): void {
    linkList(this.#areas.memory, head, nodes);
  }

  #member(struct: string, address: Vaddr, path: string): Vaddr {
    return memberAddress(this.#areas.memory, address, { struct, path });
  }
}

/** The members of a task_struct that its facts give. */
function threadFields({ facts, process, stack }: PlacedThread): Fields {
  const mm = process.mm ?? vaddr(0n);
  return {
    stack,
    flags: facts.flags,
    on_cpu: facts.onCpu,
    on_rq: isQueued(facts),
    prio: facts.prio,
    static_prio: facts.staticPrio,
    normal_prio: facts.prio,
    policy: facts.policy,
    mm: facts.withoutMm === true ? 0n : mm,
    active_mm: mm,
    exit_state: facts.exitState,
    jobctl: facts.jobctl,
    pid: facts.pid,
    tgid: process.threads[0]?.facts.pid ?? facts.pid,
    nvcsw: facts.nvcsw,
    nivcsw: facts.nivcsw,
    min_flt: facts.faults?.minor ?? 0,
    maj_flt: facts.faults?.major ?? 0,
    start_time: facts.startTimeNs,
    comm: commBytes(facts.comm),
    signal: process.signal,
    'pending.signal.sig[0]': facts.pending,
    'thread.sp': vaddrAdd(stack, THREAD_SIZE - SWITCH_FRAME_SIZE),
  };
}

/** Members that kernels have under different names, or not at all. */
function threadFieldsByKernel({ facts }: PlacedThread): Fields {
  return {
    // Linux 4.9 moved it here (c65eacbe290b); its cpu came back with 5.16.
    'thread_info.flags': facts.threadFlags,
    'thread_info.cpu': facts.cpu,
    // Linux 5.14 (2f064a59a11f), and before.
    __state: facts.state,
    state: facts.state,
    // refcount_t in Linux 5.3, atomic_t in 5.0.
    'usage.refs.counter': 1,
    'usage.counter': 1,
    // CONFIG_PSI, Linux 4.20
    in_memstall: facts.inMemstall,
    // CONFIG_TASK_XACCT
    'ioac.syscr': facts.calls?.reads ?? 0,
    'ioac.syscw': facts.calls?.writes ?? 0,
    // Linux 5.5 (cf25e24db61c), and before.
    start_boottime: facts.startTimeNs,
    real_start_time: facts.startTimeNs,
  };
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
