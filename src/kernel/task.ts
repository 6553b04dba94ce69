// Every task of the machine: struct task_struct (include/linux/sched.h).

import { numberOf, RecordReader, type RecordValues } from '../target/record.ts';
import type { Ref } from '../target/ref.ts';
import type { Vmcore } from '../target/vmcore.ts';
import { hex, vaddr, type Vaddr } from '../util/address.ts';
import type { Problems } from '../util/problems.ts';
import { escapeText } from '../util/escape.ts';
import { listEntries } from './list.ts';
import { pidTable, tasksByPid } from './pid.ts';
import { runQueues, type RunQueue } from './sched.ts';
import { taskStateLetters, type StateLetters } from './task-state.ts';
import { threadInfos, type ThreadInfoReader } from './thread-info.ts';

/** One task. A field that this kernel lacks or that could not be read is absent, never 0. */
export interface Task {
  /** `struct task_struct *` */
  readonly address: string;
  readonly pid?: number;
  readonly tgid?: number;
  /** tgid of `real_parent`. */
  readonly ppid?: number;
  /** The 16 bytes of comm up to the first NUL, bytes that are not printable as `\x1b`. */
  readonly comm?: string;
  /** The same as hex digits. */
  readonly commHex?: string;
  /** The letter that /proc/PID/stat shows. */
  readonly state?: string;
  /** `__state` (`state` before v5.14). */
  readonly stateBits?: number;
  readonly exitState?: number;
  /** PF_* bits. */
  readonly flags?: number;
  readonly cpu?: number;
  /** It is the current task of a CPU, by `on_cpu` of the task itself. */
  readonly onCpu?: boolean;
  readonly prio?: number;
  readonly staticPrio?: number;
  readonly policy?: number;
  /** CPU time in user mode, in nanoseconds (cputime_t before v4.11). */
  readonly utime?: number;
  readonly stime?: number;
  readonly nvcsw?: number;
  readonly nivcsw?: number;
  /** Nanoseconds since boot, not counting suspend. */
  readonly startTimeNs?: number;
  /** `struct mm_struct *`; `0x0` for a kernel thread. */
  readonly mm?: string;
  readonly activeMm?: string;
  /** Lowest address of the kernel stack. */
  readonly stack?: string;
  /** `struct signal_struct *`, shared by the threads of a process. */
  readonly signal?: string;
  readonly jobctl?: number;
  readonly oomScoreAdj?: number;
  /** SIGNAL_* bits of the process. */
  readonly signalFlags?: number;
  /** PF_KTHREAD is set. */
  readonly kthread?: boolean;
  /** PSI counts the task as stalled on memory (v4.20; PF_MEMSTALL before v5.7). */
  readonly inMemstall?: boolean;
  /** SIGKILL is in the task's own pending set. */
  readonly sigkillPending?: boolean;
  /** SIGKILL is in the pending set of its process. */
  readonly sharedSigkillPending?: boolean;
  /** TIF_* bits of thread_info.flags. */
  readonly threadFlags?: string;
  /** signal->oom_mm is set: the whole process was chosen by the OOM killer (v4.9). */
  readonly oomMm?: string;
}

/** All tasks and how sure we are of the list. */
export interface TaskTable {
  /** Processes in the order of init_task.tasks, the threads of each together: kmallocwd's order. */
  readonly tasks: readonly Task[];
  /** The idle task of each CPU, pid 0. */
  readonly idle: readonly Task[];
  /** The list could be walked to its end, and the pids, where they can be walked, agree. */
  readonly complete: boolean;
  readonly crossCheck: TaskCrossCheck;
}

/** The task list held against the pids. */
export interface TaskCrossCheck {
  /** What the pids are found by in this kernel, where that is not the IDR: before v4.15. */
  readonly pidTable?: 'pid hash';
  /** Tasks that the pids lead to; undefined where these could not be walked. */
  readonly pidCount: number | undefined;
  /** Every node of the table and every `struct pid` could be read. */
  readonly pidWalkComplete: boolean;
  /** pids of tasks that only one of the two knows; the address of one whose pid is unreadable. */
  readonly onlyInList: readonly (number | string)[];
  readonly onlyInPids: readonly (number | string)[];
}

const TASK_PATHS = {
  pid: 'pid',
  tgid: 'tgid',
  comm: 'comm',
  // Linux kernel commit 2f064a59a11f ("sched: Change task_struct::state", v5.14).
  state: ['__state', 'state'],
  exitState: 'exit_state',
  flags: 'flags',
  // Commit c65eacbe290b (v4.9) moved thread_info into the task; its cpu member came back with
  // bcf9033e5449 (v5.16). Between, and without CONFIG_SMP, other members hold it or none does.
  cpu: ['thread_info.cpu', 'cpu'],
  onCpu: 'on_cpu',
  prio: 'prio',
  staticPrio: 'static_prio',
  policy: 'policy',
  utime: 'utime',
  stime: 'stime',
  nvcsw: 'nvcsw',
  nivcsw: 'nivcsw',
  startTime: 'start_time',
  mm: 'mm',
  activeMm: 'active_mm',
  stack: 'stack',
  signal: 'signal',
  jobctl: 'jobctl',
  realParent: 'real_parent',
  pending: 'pending.signal.sig[0]',
  inMemstall: 'in_memstall',
} as const;

const SIGNAL_PATHS = {
  oomScoreAdj: 'oom_score_adj',
  flags: 'flags',
  shared: 'shared_pending.signal.sig[0]',
  oomMm: 'oom_mm',
} as const;

type TaskValues = RecordValues<keyof typeof TASK_PATHS>;

/** PF_KTHREAD (include/linux/sched.h); the same bit since v2.6.27. */
const PF_KTHREAD = 0x00200000;

/** SIGKILL is signal 9, bit 8 of the first word of a sigset_t. */
const SIGKILL_BIT = 8n;

/** Every task of the machine, with a cross-check of the two ways to find them. */
export function readTasks(vmcore: Vmcore): TaskTable {
  const reader = new TaskReader(vmcore);
  const queues = runQueues(vmcore);
  const { tasks, walkedToEnd } = listedTasks(vmcore, reader);
  const listed = new Set(tasks.map(({ address }) => BigInt(address)));
  const beforePids = vmcore.problems.count;
  const byPid = tasksByPid(vmcore);
  const pidWalkComplete = byPid !== undefined && vmcore.problems.count === beforePids;
  const extra = byPid === undefined ? [] : [...byPid].filter((address) => !listed.has(address));
  const missed = extra.map((address) => reader.read(vaddr(address)));
  const table = pidTable(vmcore);
  const crossCheck: TaskCrossCheck = {
    ...(table === 'pid hash' ? { pidTable: table } : {}),
    pidCount: byPid?.size,
    pidWalkComplete,
    onlyInList:
      byPid === undefined ? [] : pids(tasks.filter((task) => !byPid.has(BigInt(task.address)))),
    onlyInPids: pids(missed),
  };
  reportDisagreement(vmcore.problems, crossCheck, tasks.length);
  const idle = queues
    .flatMap((queue) => (queue.idle === undefined ? [] : [queue.idle]))
    .map((address) => reader.read(address));
  const beforeCurrent = vmcore.problems.count;
  reportCurrent(vmcore.problems, queues, [...tasks, ...missed, ...idle]);
  // A task that runs and that no list leads to is the plainest sign that others are missing too.
  const currentsKnown = vmcore.problems.count === beforeCurrent;
  const agrees = crossCheck.onlyInList.length === 0 && missed.length === 0;
  const complete =
    walkedToEnd && agrees && currentsKnown && (pidWalkComplete || table === undefined);
  return { tasks: [...tasks, ...missed], idle, complete, crossCheck };
}

/** The tasks of the list, each read as the walk comes to it: its pages are in the cache then. */
function listedTasks(vmcore: Vmcore, reader: TaskReader): { tasks: Task[]; walkedToEnd: boolean } {
  const { problems } = vmcore;
  const tasks = new Map<bigint, Task>();
  const before = problems.count;
  let ofTasks = 0;
  for (const { address } of taskRefs(vmcore)) {
    if (tasks.has(address)) continue;
    const beforeTask = problems.count;
    tasks.set(address, reader.read(address));
    ofTasks += problems.count - beforeTask;
  }
  const walkedToEnd = tasks.size > 0 && problems.count === before + ofTasks;
  return { tasks: [...tasks.values()], walkedToEnd };
}

function pids(tasks: readonly Task[]): (number | string)[] {
  return tasks.map(({ pid, address }) => pid ?? address);
}

/** A CPU's rq->curr and the task's own on_cpu are set together, a few instructions apart. */
function reportCurrent(
  problems: Problems,
  queues: readonly RunQueue[],
  tasks: readonly Task[],
): void {
  const byAddress = new Map(tasks.map((task) => [task.address, task]));
  for (const { cpu, curr } of queues) {
    const task = curr === undefined ? undefined : byAddress.get(hex(curr));
    if (curr === undefined || (task !== undefined && task.onCpu !== false)) continue;
    const what = task === undefined ? 'no list leads to' : 'is not on a CPU by its own on_cpu';
    problems.addMessage(`runqueue of CPU ${cpu}`, `curr is task ${hex(curr)}, which ${what}`);
  }
}

function reportDisagreement(problems: Problems, check: TaskCrossCheck, listCount: number): void {
  const { pidTable: table = 'pid IDR', pidCount, onlyInList, onlyInPids } = check;
  if (onlyInList.length === 0 && onlyInPids.length === 0) return;
  problems.addMessage(
    'task list',
    `init_task.tasks leads to ${listCount} tasks, the ${table} to ${pidCount}; ` +
      `${onlyInList.length} only in the list, ` +
      `${onlyInPids.length} only in the ${table.replace('pid ', '')}`,
  );
}

/**
 * `struct task_struct` of every thread of every process, in the order of the kernel's
 * for_each_process_thread(); without the idle tasks.
 */
export function* taskRefs(vmcore: Vmcore): Generator<Ref, void, undefined> {
  const init = vmcore.problems.attempt('init_task', () => vmcore.global('init_task'));
  if (init === undefined || (init.type.kind !== 'struct' && init.type.kind !== 'union')) return;
  const { problems } = vmcore;
  const leaders = listEntries(
    init.member('tasks'),
    { type: init.type, member: 'tasks' },
    { problems, subject: 'init_task.tasks' },
  );
  const seen = new Set<bigint>();
  for (const leader of leaders) yield* threadRefs(leader, problems, seen);
}

/**
 * The threads of one process, the leader first or where the kernel has it.
 *
 * @param seen the list nodes of all threads so far: a thread is of one process
 */
function* threadRefs(
  leader: Ref,
  problems: Problems,
  seen: Set<bigint>,
): Generator<Ref, void, undefined> {
  const type = leader.type;
  if (type.kind !== 'struct') return;
  const subject = `threads of task ${hex(leader.address)}`;
  // signal->thread_head came with commit 0c740d0afc3b (v3.14); thread_group went with
  // 8e1f385104ac (v6.7). Between the two both are there, and for_each_thread() walks thread_head.
  const signal = problems.attempt(subject, () => leader.member('signal').deref());
  if (signal !== undefined && signal.address !== 0n && signal.has('thread_head')) {
    const head = signal.member('thread_head');
    let count = 0;
    const walk = { problems, subject, seen };
    for (const ref of listEntries(head, { type, member: 'thread_node' }, walk)) {
      count++;
      yield ref;
    }
    // A leader that is on the task list and on no thread list is still a task.
    if (count > 0) return;
    yield leader;
    return;
  }
  yield leader;
  if (!leader.has('thread_group')) return;
  const head = leader.member('thread_group');
  yield* listEntries(head, { type, member: 'thread_group' }, { problems, subject, seen });
}

/** Reads task_structs into {@link Task}s. */
export class TaskReader {
  readonly #vmcore: Vmcore;
  readonly #task: RecordReader<keyof typeof TASK_PATHS>;
  readonly #signal: RecordReader<keyof typeof SIGNAL_PATHS>;
  readonly #parent: RecordReader<'tgid'>;
  readonly #letters: StateLetters;
  readonly #threadInfo: ThreadInfoReader;
  /** The threads of a process share their signal_struct: each is read once. */
  readonly #signals = new Map<bigint, RecordValues<keyof typeof SIGNAL_PATHS>>();
  readonly #tgids = new Map<bigint, number | undefined>();

  /** @throws LookupError if the kernel's types have no task_struct */
  constructor(vmcore: Vmcore) {
    this.#vmcore = vmcore;
    const taskStruct = vmcore.struct('task_struct');
    this.#task = new RecordReader(vmcore, taskStruct, TASK_PATHS);
    this.#parent = new RecordReader(vmcore, taskStruct, { tgid: 'tgid' });
    this.#signal = new RecordReader(vmcore, vmcore.struct('signal_struct'), SIGNAL_PATHS);
    this.#letters = taskStateLetters(vmcore);
    this.#threadInfo = threadInfos(vmcore);
  }

  /** The task whose task_struct lies at `address`. */
  read(address: Vaddr): Task {
    const { problems } = this.#vmcore;
    const values = this.#task.read(address, {
      problems,
      subject: () => `task_struct ${hex(address)}`,
    });
    const { flags, cpu } = this.#threadInfo(address, values.stack);
    return defined({
      address: hex(address),
      ...identityOf(values, this.#parentTgid(values)),
      ...stateOf(values, this.#letters),
      ...schedulingOf(values),
      ...this.#signalOf(values),
      ...memoryOf(values),
      ...(cpu === undefined ? {} : { cpu }),
      threadFlags: flags === undefined ? undefined : hex(flags),
    });
  }

  #parentTgid(values: TaskValues): number | undefined {
    const parent = pointer(values.realParent);
    if (parent === undefined || parent === 0n) return undefined;
    if (!this.#tgids.has(parent)) {
      const read = this.#parent.read(parent, {
        problems: this.#vmcore.problems,
        subject: () => `real_parent ${hex(parent)}`,
      });
      this.#tgids.set(parent, numberOf(read.tgid));
    }
    return this.#tgids.get(parent);
  }

  #signalOf(values: TaskValues): TaskPart {
    const signal = pointer(values.signal);
    const own = bigint(values.pending);
    const result = {
      signal: signal === undefined ? undefined : hex(signal),
      sigkillPending: own === undefined ? undefined : hasSigkill(own),
    };
    if (signal === undefined || signal === 0n) return result;
    let shared = this.#signals.get(signal);
    if (shared === undefined) {
      const { problems } = this.#vmcore;
      shared = this.#signal.read(signal, {
        problems,
        subject: () => `signal_struct ${hex(signal)}`,
      });
      this.#signals.set(signal, shared);
    }
    const pending = bigint(shared.shared);
    const oomMm = pointer(shared.oomMm);
    return {
      ...result,
      oomScoreAdj: numberOf(shared.oomScoreAdj),
      signalFlags: numberOf(shared.flags),
      sharedSigkillPending: pending === undefined ? undefined : hasSigkill(pending),
      oomMm: oomMm === undefined ? undefined : hex(oomMm),
    };
  }
}

/** Some members of a task, those that could not be read being undefined. */
type TaskPart = { [K in keyof Omit<Task, 'address'>]?: Task[K] | undefined };

function identityOf(values: TaskValues, ppid: number | undefined): TaskPart {
  const comm = values.comm instanceof Uint8Array ? values.comm : undefined;
  const end = comm?.indexOf(0) ?? -1;
  const name = end < 0 ? comm : comm?.subarray(0, end);
  return {
    pid: numberOf(values.pid),
    tgid: numberOf(values.tgid),
    ppid,
    comm: name === undefined ? undefined : escapeText(name),
    commHex: name === undefined ? undefined : Buffer.from(name).toString('hex'),
  };
}

function stateOf(values: TaskValues, letters: StateLetters): TaskPart {
  const stateBits = numberOf(values.state);
  const exitState = numberOf(values.exitState);
  const flags = numberOf(values.flags);
  const known = stateBits !== undefined && exitState !== undefined;
  return {
    state: known ? letters(stateBits, exitState) : undefined,
    stateBits,
    exitState,
    flags,
    kthread: flags === undefined ? undefined : (flags & PF_KTHREAD) !== 0,
    jobctl: numberOf(values.jobctl),
    inMemstall: values.inMemstall === undefined ? undefined : numberOf(values.inMemstall) !== 0,
  };
}

function schedulingOf(values: TaskValues): TaskPart {
  const onCpu = numberOf(values.onCpu);
  return {
    cpu: numberOf(values.cpu),
    onCpu: onCpu === undefined ? undefined : onCpu !== 0,
    prio: numberOf(values.prio),
    staticPrio: numberOf(values.staticPrio),
    policy: numberOf(values.policy),
    utime: numberOf(values.utime),
    stime: numberOf(values.stime),
    nvcsw: numberOf(values.nvcsw),
    nivcsw: numberOf(values.nivcsw),
    startTimeNs: numberOf(values.startTime),
  };
}

function memoryOf(values: TaskValues): TaskPart {
  return {
    mm: address(values.mm),
    activeMm: address(values.activeMm),
    stack: address(values.stack),
  };
}

/** An object without its undefined members, so that absent is absent in JSON too. */
function defined(task: TaskPart & { address: string }): Task {
  const kept: Record<string, unknown> = {};
  // A dump has 100,000 tasks: this is several times faster than going through Object.entries().
  for (const key in task) {
    const value = task[key as keyof typeof task];
    if (value !== undefined) kept[key] = value;
  }
  return kept as unknown as Task;
}

function hasSigkill(set: bigint): boolean {
  return ((set >> SIGKILL_BIT) & 1n) === 1n;
}

function bigint(value: unknown): bigint | undefined {
  if (typeof value === 'bigint') return value;
  return typeof value === 'number' ? BigInt(value) : undefined;
}

function pointer(value: unknown): Vaddr | undefined {
  return typeof value === 'bigint' ? vaddr(value) : undefined;
}

function address(value: unknown): string | undefined {
  return typeof value === 'bigint' ? hex(vaddr(value)) : undefined;
}
