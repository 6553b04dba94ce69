// The wait-for graph: task -> lock -> who has it. From each task the chain leads to one that waits
// for no lock, which must move first, or comes round in a circle.

import type {
  Chain,
  ChainLink,
  KernelLock,
  LockOwner,
  LocksResult,
  SharedChain,
  Wait,
  WaitCycle,
} from './lock.ts';

/** Locks and who waits for them. */
export class WaitGraph {
  readonly #waits: ReadonlyMap<number, Wait>;
  readonly #locks: ReadonlyMap<string, KernelLock>;

  constructor({ locks, waits }: Pick<LocksResult, 'locks' | 'waits'>) {
    this.#waits = new Map(waits.map((wait) => [wait.pid, wait]));
    this.#locks = new Map(locks.map((lock) => [lock.address, lock]));
  }

  /** undefined for a task that waits for no lock. */
  chain(pid: number): Chain | undefined {
    const links: ChainLink[] = [];
    const seen = new Set<number>();
    let certain = true;
    for (let at = pid; ;) {
      const wait = this.#waits.get(at);
      if (wait === undefined) {
        return links.length === 0 ? undefined : { links, last: at, end: 'task', certain };
      }
      if (seen.has(at)) return { links, end: 'cycle', certain };
      seen.add(at);
      links.push({ pid: at, lock: wait.lock });
      const next = this.#nextOwner(wait);
      if (next === undefined) return { links, end: 'owner not known', certain };
      certain &&= next.certain;
      at = next.pid;
    }
  }

  /** Of several owners one that waits comes first: it is farther from the end. */
  #nextOwner({ lock, pid }: Wait): LockOwner | undefined {
    // A task that asks for a lock that it has waits for ever; a writer of a percpu rwsem that waits
    // for readers waits for those.
    const owners = ownersOf(this.#locks.get(lock)).filter((owner) => {
      return owner.pid !== pid || owner.how === 'owner';
    });
    const certain = owners.filter((owner) => owner.certain);
    const known = certain.length > 0 ? certain : owners;
    return known.find((owner) => this.#waits.has(owner.pid)) ?? known[0];
  }

  /** The chains of tasks that nobody waits for, one for those that go on alike. */
  chains(): SharedChain[] {
    const waitedFor = new Set<number>();
    for (const lock of this.#locks.values()) {
      for (const { pid } of ownersOf(lock)) waitedFor.add(pid);
    }
    const shared = new Map<string, { chain: Chain; pids: number[] }>();
    for (const { pid, lock } of this.#waits.values()) {
      if (waitedFor.has(pid)) continue;
      const chain = this.chain(pid);
      if (chain === undefined) continue;
      const known = shared.get(lock);
      if (known === undefined) shared.set(lock, { chain, pids: [pid] });
      else known.pids.push(pid);
    }
    const all = [...shared.values()].map(({ chain, pids }) => ({ ...chain, pids }));
    return all.sort((a, b) => b.links.length - a.links.length || b.pids.length - a.pids.length);
  }

  /** Circles, each once. */
  cycles(): WaitCycle[] {
    const cycles: WaitCycle[] = [];
    const done = new Set<number>();
    for (const start of this.#waits.keys()) {
      const path = new Map<number, ChainLink & { readonly certain: boolean }>();
      let at: number | undefined = start;
      while (at !== undefined && !done.has(at) && !path.has(at)) {
        const wait = this.#waits.get(at);
        const next = wait === undefined ? undefined : this.#nextOwner(wait);
        if (wait === undefined || next === undefined) break;
        path.set(at, { pid: at, lock: wait.lock, certain: next.certain });
        at = next.pid;
      }
      if (at !== undefined && path.has(at)) cycles.push(cycleFrom([...path.values()], at));
      for (const pid of path.keys()) done.add(pid);
    }
    return cycles;
  }
}

/** Those that have a lock or may have it. */
export function ownersOf(lock: KernelLock | undefined): readonly LockOwner[] {
  if (lock === undefined) return [];
  return [...(lock.owner === undefined ? [] : [lock.owner]), ...(lock.readers?.tasks ?? [])];
}

function cycleFrom(
  path: readonly (ChainLink & { readonly certain: boolean })[],
  entry: number,
): WaitCycle {
  const round = path.slice(path.findIndex(({ pid }) => pid === entry));
  const least = Math.min(...round.map(({ pid }) => pid));
  const at = round.findIndex(({ pid }) => pid === least);
  const links = [...round.slice(at), ...round.slice(0, at)];
  return {
    links: links.map(({ pid, lock }) => ({ pid, lock })),
    certain: links.every(({ certain }) => certain),
  };
}

/** The chain from a task to the one that must move first; undefined where it waits for no lock. */
export function chainOf(
  result: Pick<LocksResult, 'locks' | 'waits'>,
  pid: number,
): Chain | undefined {
  return new WaitGraph(result).chain(pid);
}
