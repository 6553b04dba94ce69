// Who waits for whom: from OOM victims, from kswapd, from works that nobody begins and from
// requests for memory, over the locks that they wait for, to the task that must move first.

import type { KernelLock, LocksResult } from '../kernel/locking/lock.ts';
import { ownersOf, WaitGraph } from '../kernel/locking/wait-graph.ts';
import { isKswapdByName } from '../kernel/task-flags.ts';
import type { PoolStall } from '../kernel/workqueue-stalls.ts';
import { doing, type Checked } from './checked.ts';
import { isCanary, isRequesting, isVictim, nameOf, type Facts, type TaskFacts } from './facts.ts';
import { kthreadWait } from './kthread-wait.ts';
import { sleepsForWriteback } from './lock-waits.ts';

/**
 * Whose chain it is; `request`: of those who want memory, of kswapd and of workers, which give it;
 * `work`: of works that no worker has begun; `other`: of tasks that only wait.
 */
export type ChainStart = 'OOM victim' | 'request' | 'work' | 'other';

/** A chain of waits. */
export interface WaitChain {
  readonly start: ChainStart;
  /** Who or what waits first: tasks that begin alike, or a work item. */
  readonly from: string;
  /** Pids of the tasks among `from`. */
  readonly pids: readonly number[];
  /** These are threads of one process. */
  readonly isOneProcess?: true;
  readonly steps: readonly ChainStep[];
  /** What the last one waits for or does; absent where it is not known who is last. */
  readonly end?: ChainEnd;
}

/** A wait, and who has what is waited for. */
export interface ChainStep {
  /** `mutex oom_lock`, `mmap_lock of java(187)`, `the worker of CPU 0`. */
  readonly waitsFor: string;
  readonly pid?: number;
  readonly name?: string;
  /** It is only likely that this task has it: it may have given it back. */
  readonly isUnsure?: true;
}

/**
 * `memory`: it asks for memory. `memory cgroup`: for memory of a cgroup that is full, while the
 * machine may have plenty. `writeback`: for one of these, and sleeps until a page is written.
 * `cycle`: it waits for one before it. `does`: none of them; `function` is where it is.
 */
export interface ChainEnd {
  readonly kind: 'memory' | 'memory cgroup' | 'writeback' | 'cycle' | 'does';
  readonly function?: string;
}

/** Chains of a dump, those that matter most first. */
export function chainsOf(facts: Facts, checked: Checked): WaitChain[] {
  const walker = new Walker(facts);
  const tasks = facts.tasks.filter(({ task }) => task.pid !== undefined);
  const victims = tasks.filter(isVictim);
  const kswapds = tasks.filter(({ task }) => isKswapdByName(task));
  const requests = tasks.filter((fact) => isRequesting(fact) && !isVictim(fact));
  const works = (checked.pools?.waiting ?? []).flatMap((stall) => walker.ofPool(stall));
  const chains = [
    ...walker.ofTasks('OOM victim', victims),
    ...walker.ofTasks('request', [...kswapds, ...tasks.filter(runsWork), ...requests]),
    ...works,
  ];
  const told = new Set(chains.flatMap(({ pids }) => pids));
  const links = new Set(chains.flatMap(({ steps }) => steps.flatMap(({ pid }) => pid ?? [])));
  const others = tasks.filter(({ task: { pid = -1 } }) => !told.has(pid) && !links.has(pid));
  return withoutSameCircles([...chains, ...walker.ofTasks('other', others)]);
}

/** The same circle from each of those in it is one; a victim's chain is told all the same. */
function withoutSameCircles(chains: readonly WaitChain[]): WaitChain[] {
  const told = new Set(
    chains.filter((chain) => !startsInCircle(chain)).flatMap((chain) => circleKey(chain) ?? []),
  );
  return chains.filter((chain) => {
    const key = circleKey(chain);
    if (key === undefined || !startsInCircle(chain)) return true;
    const isNew = !told.has(key);
    told.add(key);
    return isNew || chain.start === 'OOM victim';
  });
}

/** The last step of a circle leads back to its first task: to one before it or to `from`. */
function circleStart({ steps }: WaitChain): number {
  const last = steps.at(-1)?.pid;
  return steps.findIndex(({ pid }) => pid === last);
}

function startsInCircle(chain: WaitChain): boolean {
  return chain.end?.kind === 'cycle' && circleStart(chain) === chain.steps.length - 1;
}

/** The pids of a circle, wherever it is entered; undefined where there is none. */
function circleKey(chain: WaitChain): string | undefined {
  if (chain.end?.kind !== 'cycle') return undefined;
  const at = startsInCircle(chain) ? 0 : circleStart(chain) + 1;
  const pids = chain.steps.slice(at).map(({ pid = -1 }) => pid);
  return pids.sort((a, b) => a - b).join();
}

function runsWork({ calls, place }: TaskFacts): boolean {
  return calls.includes('process_one_work') && place === undefined;
}

/** Locks are no more than tasks; more steps are a mistake of ours. */
const STEPS_MAX = 10_000;

class Walker {
  readonly #facts: Facts;
  readonly #graph: WaitGraph;
  readonly #locks: ReadonlyMap<string, KernelLock>;

  constructor(facts: Facts) {
    this.#facts = facts;
    const locks: Pick<LocksResult, 'locks' | 'waits'> = facts.locks ?? { locks: [], waits: [] };
    this.#graph = new WaitGraph(locks);
    this.#locks = new Map(locks.locks.map((lock) => [lock.address, lock]));
  }

  /** One chain for those that wait for the same; none for those that wait for nobody. */
  ofTasks(start: ChainStart, tasks: readonly TaskFacts[]): WaitChain[] {
    const alike = new Map<string, { steps: ChainStep[]; tasks: TaskFacts[] }>();
    for (const fact of tasks) {
      const steps = this.#steps(fact.task.pid ?? -1);
      if (steps.length === 0) continue;
      const key = steps.map(({ waitsFor, pid }) => `${waitsFor} ${pid}`).join('\n');
      const known = alike.get(key);
      if (known === undefined) alike.set(key, { steps, tasks: [fact] });
      else known.tasks.push(fact);
    }
    return [...alike.values()].map(({ steps, tasks: group }) => ({
      start,
      from: namesTold(group),
      pids: group.flatMap(({ task: { pid } }) => pid ?? []),
      ...(isOneProcess(group) ? { isOneProcess: true as const } : {}),
      steps,
      ...this.#end(steps),
    }));
  }

  /**
   * Works that nobody begins: their worker waits for memory or a lock, or has not moved for longer
   * than the kernel bears. One that merely has much to do is left out.
   */
  ofPool({ pool, behind, reason, manager, isLockup }: PoolStall): WaitChain[] {
    if (reason === 'worker is woken') return [];
    const blocker = reason === 'worker is made' ? manager : behind[0];
    const pid = blocker?.worker.task?.pid;
    const fact = pid === undefined ? undefined : this.#facts.byPid.get(pid);
    if (pid === undefined || fact === undefined) return [];
    const beyond = this.#steps(pid);
    if (isLockup !== true && beyond.length === 0 && fact.place === undefined) return [];
    const where = pool.cpu === undefined ? 'an unbound pool' : `CPU ${pool.cpu}`;
    const waitsFor = `${reason === 'worker is made' ? 'another worker' : 'the worker'} of ${where}`;
    const steps = [{ waitsFor, ...this.#named(pid) }, ...beyond];
    const from = worksTold(pool.pending.map(({ func }) => func));
    return [{ start: 'work', from, pids: [], steps, ...this.#end(steps) }];
  }

  #steps(start: number): ChainStep[] {
    const steps: ChainStep[] = [];
    const seen = new Set([start]);
    for (let at = start; steps.length < STEPS_MAX;) {
      const step = this.#step(at);
      if (step === undefined) return steps;
      steps.push(step);
      if (step.pid === undefined || seen.has(step.pid)) return steps;
      seen.add(step.pid);
      at = step.pid;
    }
    return steps;
  }

  #step(pid: number): ChainStep | undefined {
    const [link, next] = this.#graph.chain(pid)?.links ?? [];
    if (link === undefined) return this.#flush(pid);
    const lock = this.#locks.get(link.lock);
    const waitsFor = lock === undefined ? link.lock : lockWords(lock);
    const owner = next?.pid ?? this.#graph.chain(pid)?.last;
    if (owner === undefined) return { waitsFor };
    const isUnsure = ownersOf(lock).some((each) => each.pid === owner && !each.certain);
    return { waitsFor, ...this.#named(owner), ...(isUnsure ? { isUnsure } : {}) };
  }

  /** Who flushes a work waits for its worker, who wants a kernel thread for kthreadd: no locks. */
  #flush(pid: number): ChainStep | undefined {
    const fact = this.#facts.byPid.get(pid);
    const waitsFor = fact?.waitsFor ?? (fact && kthreadWait(this.#facts, fact));
    if (waitsFor === undefined) return undefined;
    const [worker] = waitsFor.holders;
    return {
      waitsFor: waitsFor.lock,
      ...(worker === undefined ? {} : this.#named(worker)),
      ...(waitsFor.isCertain ? {} : { isUnsure: true as const }),
    };
  }

  #named(pid: number): Pick<ChainStep, 'pid' | 'name'> {
    const fact = this.#facts.byPid.get(pid);
    if (fact === undefined) return { pid, name: `?(${pid})` };
    // It stands in nearly every stall and causes hardly any: see canary.ts.
    return { pid, name: `${nameOf(fact)}${isCanary(fact) ? ', which polls a drive' : ''}` };
  }

  #end(steps: readonly ChainStep[]): { end?: ChainEnd } {
    const last = steps.at(-1)?.pid;
    if (last === undefined) return {};
    const fact = this.#facts.byPid.get(last);
    if (this.#step(last) !== undefined) return { end: { kind: 'cycle' } };
    if (fact === undefined) return {};
    return { end: wantOf(fact) ?? { kind: 'does', function: doing(fact) } };
  }
}

function wantOf(fact: TaskFacts): ChainEnd | undefined {
  if (!isRequesting(fact) && fact.place === undefined) return undefined;
  if (sleepsForWriteback(fact)) return { kind: 'writeback' };
  return { kind: fact.place === 'memory cgroup' ? fact.place : 'memory' };
}

/** `mutex oom_lock`, `mmap_lock of java(187)`, `page 0x… PG_locked`. */
export function lockWords({ kind, address, name, bit }: KernelLock): string {
  const which = bit === undefined ? '' : ` ${bit.name ?? `bit ${bit.number}`}`;
  const isSelfEvident = name?.includes(' of ') === true;
  const what = isSelfEvident ? name : `${kind.replaceAll('_', ' ')} ${name ?? address}`;
  return `${what}${which}`;
}

const NAMES_SHOWN = 3;

/** `works vmstat_update, wb_workfn and 2 more` */
function worksTold(functions: readonly string[]): string {
  const names = [...new Set(functions)];
  const more = functions.length - NAMES_SHOWN;
  const shown = names.slice(0, NAMES_SHOWN).join(', ');
  const word = functions.length === 1 ? 'work' : 'works';
  return `${word} ${shown}${more > 0 && names.length > NAMES_SHOWN ? ` and more` : ''}`;
}

/** A victim whose memory was taken keeps nobody from getting memory: it merely cannot exit. */
function nameTold(fact: TaskFacts): string {
  return isVictim(fact) && fact.isReaped === true ? `${nameOf(fact)} (reaped)` : nameOf(fact);
}

function isOneProcess(group: readonly TaskFacts[]): boolean {
  const tgids = new Set(group.map(({ task: { tgid } }) => tgid));
  return group.length > 1 && tgids.size === 1 && !tgids.has(undefined);
}

function namesTold(group: readonly TaskFacts[]): string {
  const [first] = group;
  if (first !== undefined && isVictim(first) && isOneProcess(group)) {
    return `${nameTold(first)} and ${group.length - 1} more of its threads`;
  }
  const shown = group.slice(0, NAMES_SHOWN).map(nameTold).join(', ');
  const more = group.length - NAMES_SHOWN;
  return more > 0 ? `${shown} and ${more} more` : shown;
}
