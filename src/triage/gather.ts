// Gathers the facts of a dump.

import { allocatorPlace } from '../kernel/alloc-frames.ts';
import { readLocks } from '../kernel/locking.ts';
import type { KernelLock, LockOwner, LocksResult } from '../kernel/locking/lock.ts';
import { readOomState } from '../kernel/oom.ts';
import { readMemalloc } from '../kernel/memalloc-report.ts';
import { readZones } from '../kernel/mmzone.ts';
import { StackReader, type Stacks, type TaskStack } from '../kernel/stack.ts';
import type { Task } from '../kernel/task.ts';
import { readWorkqueues } from '../kernel/workqueue.ts';
import { callsOf, type Facts, type LockWait, type TaskFacts, type ZoneFacts } from './facts.ts';

/** A vmcore as kernel/ takes it; triage reads through kernel/ alone. */
type Vmcore = Parameters<typeof readMemalloc>[0];

/** How requests are judged. */
export type GatherOptions = Pick<NonNullable<Parameters<typeof readMemalloc>[1]>, 'timeoutSeconds'>;

/** Reads all that a verdict rests on. */
export function gatherFacts(vmcore: Vmcore, options: GatherOptions = {}): Facts {
  const { problems } = vmcore;
  const stacks = new StackCache(new StackReader(vmcore));
  const memalloc = readMemalloc(vmcore, { ...options, evidence: 'always', stacks });
  const locks = problems.attempt('locks', () => readLocks(vmcore, memalloc.tasks, stacks));
  const waits = waitsByPid(locks);
  const oom = problems.attempt('OOM killer', () => readOomState(vmcore, memalloc.tasks));
  const tasks = memalloc.tasks.map((task): TaskFacts => {
    const stack = stacks.read(task);
    const frames = stack === undefined || stack.freed === true ? [] : stack.frames;
    const waitsFor = task.pid === undefined ? undefined : waits.get(task.pid);
    return {
      task,
      stack,
      calls: callsOf(stack),
      place: allocatorPlace(frames),
      ...(waitsFor === undefined ? {} : { waitsFor }),
    };
  });
  const byPid = new Map(
    tasks.flatMap((fact) => (fact.task.pid === undefined ? [] : [[fact.task.pid, fact] as const])),
  );
  return {
    memalloc,
    tasks,
    byPid,
    kernelHas: (symbol) => vmcore.symbols.lookup(symbol) !== undefined,
    zones: zonesOf(vmcore),
    pendingWorks: pendingOf(vmcore, memalloc.tasks),
    oom,
    oomLockHolder: oom?.lock?.owner?.pid,
    locks,
  };
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

/** For what each task waits, and who has that. */
function waitsByPid(locks: LocksResult | undefined): Map<number, LockWait> {
  const byAddress = new Map((locks?.locks ?? []).map((lock) => [lock.address, lock]));
  return new Map(
    (locks?.waits ?? []).map(({ pid, lock, kind }) => {
      const found = byAddress.get(lock);
      const name = found?.name ?? `${kind} ${lock}`;
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
function pendingOf(vmcore: Vmcore, tasks: readonly Task[]): Map<string, number> | undefined {
  const pools = vmcore.problems.attempt(
    'workqueues',
    () => readWorkqueues(vmcore, { tasks }).pools,
  );
  if (pools === undefined || pools.length === 0) return undefined;
  const pending = new Map<string, number>();
  for (const { func } of pools.flatMap(({ pending: works }) => works)) {
    pending.set(func, (pending.get(func) ?? 0) + 1);
  }
  return pending;
}

/** Zones whose counters and watermarks could be read; undefined where there are none. */
function zonesOf(vmcore: Vmcore): ZoneFacts[] | undefined {
  const nodes = vmcore.problems.attempt('zones', () => readZones(vmcore).nodes) ?? [];
  const zones = nodes.flatMap(({ zones: inNode }) =>
    inNode.flatMap(({ name, watermarks, counters }): ZoneFacts[] => {
      const free = counters.NR_FREE_PAGES;
      if (free === undefined || watermarks === undefined) return [];
      const { stored, cpuDiff } = free;
      return [{ name, free: stored, min: watermarks.min, freeNotAdded: cpuDiff }];
    }),
  );
  return zones.length === 0 ? undefined : zones;
}
