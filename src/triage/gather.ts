// Gathers the facts of a dump.

import { allocatorPlace } from '../kernel/alloc-frames.ts';
import { readLocks } from '../kernel/locking.ts';
import type { KernelLock, LockOwner, LocksResult } from '../kernel/locking/lock.ts';
import { readOomState, type OomState } from '../kernel/oom.ts';
import { readMemalloc, type MemallocResult } from '../kernel/memalloc-report.ts';
import { boostedMarks, readZones, type NodeState } from '../kernel/mmzone.ts';
import { StackReader, type Stacks, type TaskStack } from '../kernel/stack.ts';
import type { Task } from '../kernel/task.ts';
import { readMemoryUses } from '../kernel/mem.ts';
import { readSwap } from '../kernel/swap.ts';
import { readWorkqueues, type WorkqueuesResult } from '../kernel/workqueue.ts';
import { optional } from '../util/optional.ts';
import {
  callsOf,
  type FactPart,
  type Facts,
  type LockWait,
  type TaskFacts,
  type UnreadPart,
  type ZoneFacts,
} from './facts.ts';
import { readHistory } from './history.ts';
import { flushWaits } from './pool-waits.ts';

/** A vmcore as kernel/ takes it; triage reads through kernel/ alone. */
type Vmcore = Parameters<typeof readMemalloc>[0];

/** How requests are judged. */
export type GatherOptions = Pick<NonNullable<Parameters<typeof readMemalloc>[1]>, 'timeoutSeconds'>;

/** Reads all that a verdict rests on. */
export function gatherFacts(vmcore: Vmcore, options: GatherOptions = {}): Facts {
  const parts = new Parts(vmcore);
  const stacks = new StackCache(new StackReader(vmcore));
  const memalloc = parts.watch('tasks', () =>
    readMemalloc(vmcore, { ...options, evidence: 'always', stacks }),
  );
  const locks = parts.read('locks', () => readLocks(vmcore, memalloc.tasks, stacks));
  const nodes = parts.read('zones', () => readZones(vmcore).nodes) ?? [];
  const uses =
    nodes.length === 0 ? undefined : parts.read('zones', () => readMemoryUses(vmcore, nodes));
  const swap = parts.read('zones', () => readSwap(vmcore));
  const oom = parts.read('OOM killer', () => readOomState(vmcore, memalloc.tasks));
  const jiffies = memalloc.jiffies === undefined ? undefined : BigInt(memalloc.jiffies);
  const workqueues = parts.read('workqueues', () =>
    readWorkqueues(vmcore, { tasks: memalloc.tasks, jiffies }),
  );
  const history = parts.read('log', () => readHistory(vmcore));
  // Who flushes a work sleeps in a completion, and in no lock.
  const waits = new Map([...flushWaits(workqueues), ...waitsByPid(locks)]);
  const tasks = tasksOf(memalloc, stacks, { waits, reaped: reapedByTask(oom) });
  const symbolsAsked = new Map<string, boolean>();
  const byPid = new Map(
    tasks.flatMap((fact) => (fact.task.pid === undefined ? [] : [[fact.task.pid, fact] as const])),
  );
  return {
    memalloc,
    tasks,
    byPid,
    kernelHas: (symbol) => {
      const has = vmcore.symbols.lookup(symbol) !== undefined;
      symbolsAsked.set(symbol, has);
      return has;
    },
    symbolsAsked,
    zones: zonesOf(nodes),
    writeback: writebackOf(nodes),
    pendingWorks: pendingOf(workqueues),
    oom,
    oomLockHolder: oom?.lock?.owner?.pid,
    locks,
    ...(nodes.length === 0 ? {} : { nodes }),
    ...optional('workqueues', workqueues),
    ...optional('uses', uses),
    ...optional('swap', swap),
    ...optional('history', history),
    unread: parts.unread,
    ...optional('cut', vmcore.describeCut()),
  };
}

/** Reads part by part, and knows of which there were problems. */
class Parts {
  readonly #problems: Vmcore['problems'];
  readonly unread: UnreadPart[] = [];

  constructor({ problems }: Vmcore) {
    this.#problems = problems;
    this.#note('dump', 0);
  }

  /** A part that cannot be read is a problem and undefined. */
  read<T>(part: FactPart, read: () => T): T | undefined {
    return this.watch(part, () => this.#problems.attempt(part, read));
  }

  /** A part without which nothing is said. */
  watch<T>(part: FactPart, read: () => T): T {
    const before = this.#problems.count;
    const result = read();
    this.#note(part, before);
    return result;
  }

  #note(part: FactPart, before: number): void {
    const problems = this.#problems.count - before;
    if (problems === 0) return;
    // None is dropped while the list is not full: then the list is as long as they are many.
    const subjects = this.#problems.list.slice(before).map(({ subject }) => subject);
    this.unread.push({ part, problems, subjects: [...new Set(subjects)] });
  }
}

function tasksOf(
  { tasks, record, rebuilt }: MemallocResult,
  stacks: Stacks,
  {
    waits,
    reaped,
  }: {
    waits: ReadonlyMap<number, LockWait>;
    reaped: ReadonlyMap<string, boolean | undefined>;
  },
): TaskFacts[] {
  const overdueSeconds = (record ?? rebuilt)?.timeoutSeconds?.value;
  // Thousands of tasks sleep in the same calls.
  const known = new Map<string, readonly string[]>();
  const shared = (calls: readonly string[]): readonly string[] => {
    const key = calls.join();
    if (!known.has(key)) known.set(key, calls);
    return known.get(key) ?? calls;
  };
  return tasks.map((task): TaskFacts => {
    const stack = stacks.read(task);
    const frames = stack === undefined || stack.freed === true ? [] : stack.frames;
    const waitsFor = task.pid === undefined ? undefined : waits.get(task.pid);
    return {
      task,
      stack,
      calls: shared(callsOf(stack)),
      place: allocatorPlace(frames),
      ...optional('waitsFor', waitsFor),
      ...optional('isReaped', reaped.get(task.address)),
      ...optional('overdueSeconds', overdueSeconds),
    };
  });
}

/** A stack is read once, however many ask for it. */
class StackCache implements Stacks {
  readonly #reader: StackReader;
  readonly #stacks = new Map<string, TaskStack | undefined>();

  constructor(reader: StackReader) {
    this.#reader = reader;
  }

  read(task: Task): TaskStack | undefined {
    if (!this.#stacks.has(task.address)) this.#stacks.set(task.address, this.#reader.read(task));
    return this.#stacks.get(task.address);
  }
}

/** MMF_OOM_SKIP of each victim, by the addresses of its threads. */
function reapedByTask(oom: OomState | undefined): Map<string, boolean | undefined> {
  return new Map(
    (oom?.victims ?? []).flatMap(({ threads, skip }) =>
      threads.map(({ address }) => [address, skip] as const),
    ),
  );
}

/** For what each task waits, and who has that. */
function waitsByPid(locks: LocksResult | undefined): Map<number, LockWait> {
  const byAddress = new Map((locks?.locks ?? []).map((lock) => [lock.address, lock]));
  return new Map(
    (locks?.waits ?? []).map(({ pid, lock, kind }) => {
      const found = byAddress.get(lock);
      const name = found?.name ?? `${kind.replaceAll('_', ' ')} ${lock}`;
      const holders = found === undefined ? [] : holdersOf(found);
      const isCertain = holders.every(({ certain }) => certain);
      return [pid, { lock: name, holders: holders.map((each) => each.pid), isCertain }];
    }),
  );
}

function holdersOf({ owner, readers }: KernelLock): LockOwner[] {
  return [...(owner === undefined ? [] : [owner]), ...(readers?.tasks ?? [])];
}

/** Works that wait for a worker, by their function; undefined where no pool could be read. */
function pendingOf(workqueues: WorkqueuesResult | undefined): Map<string, number> | undefined {
  const { pools = [] } = workqueues ?? {};
  if (pools.length === 0) return undefined;
  const pending = new Map<string, number>();
  for (const { func } of pools.flatMap(({ pending: works }) => works)) {
    pending.set(func, (pending.get(func) ?? 0) + 1);
  }
  return pending;
}

/** Zones whose counters and watermarks could be read; undefined where there are none. */
function zonesOf(nodes: readonly NodeState[]): ZoneFacts[] | undefined {
  const zones = nodes.flatMap(({ zones: inNode }) =>
    inNode.flatMap(({ name, watermarks, counters }): ZoneFacts[] => {
      const free = counters.NR_FREE_PAGES;
      if (free === undefined || watermarks === undefined) return [];
      const { stored, cpuDiff } = free;
      const { min } = boostedMarks(watermarks);
      return [{ name, free: stored, min, freeNotAdded: cpuDiff }];
    }),
  );
  return zones.length === 0 ? undefined : zones;
}

/**
 * NR_WRITEBACK was counted by zone up to 4.7, by node since; undefined where it was not read, or
 * without what a CPU has counted: pages may be being written then though the sum is 0.
 */
function writebackOf(nodes: readonly NodeState[]): number | undefined {
  const places = nodes.flatMap((node) => [node, ...node.zones]);
  const counting = places.filter(({ counters }) => counters.NR_WRITEBACK !== undefined);
  if (counting.length === 0 || counting.some(({ unreadCpus }) => unreadCpus.length > 0)) {
    return undefined;
  }
  return counting.reduce((sum, { counters }) => sum + (counters.NR_WRITEBACK?.value ?? 0), 0);
}
