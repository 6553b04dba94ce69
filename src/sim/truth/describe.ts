// The truth about a run in words: the class of the stall as those who work on memory management
// speak of it, who was stuck, and who would have to move before anybody else can.

import type { Ledger } from '../ledger.ts';
import { hungTasks } from './hung.ts';
import type { Truth } from './truth.ts';
import type { WaitsFor } from './wait-graph.ts';

/** Each class in a line. */
const CLASSES: Readonly<Record<Truth['diagnosis'], string>> = {
  D1: 'livelock in too_many_isolated(): whoever reclaims waits for pages that kswapd has isolated',
  D2: 'the requests left to run lack __GFP_FS, and such may not invoke the OOM killer',
  D3: 'the OOM victim waits for a lock, and the holder of the lock for memory',
  D4: "the OOM reaper is defeated: the victim's mmap_lock is held for writing",
  D5: 'a task that is exiting waits for memory, and the OOM killer for its exit',
  D6: 'a kworker waits for memory and holds up vmstat_update(): stale counters look like progress',
  D7: 'the reserves are gone, and the I/O that would free memory needs some of them',
  D8: 'the holder of oom_lock is runnable, and gets no CPU or comes to no end of printing',
  D9: 'a mempool is empty, and what would refill it waits for it',
  D10: 'swap on dm-crypt is throttled by reclaim, and slow',
  D11: "the OOM killer's own caller waits for a lock, in a notifier",
  D12: 'reclaim for a memory cgroup waits for writeback that its own caller has not submitted',
  D13: 'overload: memory comes late, and it comes',
  D14: 'no stall: nobody was kept waiting for memory',
  panic: 'the kernel stopped the machine before the dump',
  unknown: 'tasks are stuck, and nothing is known to hold them',
};

/** How many tasks are named. */
const NAMES_MAX = 5;

/** Waits that end with somebody's unlocking; whoever waits for such is not the first to move. */
const LOCK_KINDS: ReadonlySet<string> = new Set(['mutex', 'rw_semaphore', 'semaphore', 'work']);

/** The truth, a line each: the class, who was stuck, who waits for whom, who must move first. */
export function describeTruth(ledger: Pick<Ledger, 'truth' | 'tasks' | 'panic'>): string[] {
  const { truth, tasks, panic } = ledger;
  const { diagnosis, cycle } = truth;
  const { requesting, asleep } = hungTasks(truth);
  const comms = new Map(tasks.map(({ pid, comm }) => [pid, comm]));
  const name = (pid: number): string => `${comms.get(pid) ?? ''}(${pid})`;
  return [
    `${diagnosis}: ${CLASSES[diagnosis]}${panic === undefined ? '' : ` (${panic})`}`,
    ...(requesting.length === 0 ? [] : [`  hung in a request: ${nameSome(requesting, name)}`]),
    ...(asleep.length === 0 ? [] : [`  hung without one: ${nameSome(asleep, name)}`]),
    ...cycle.map(
      (link) => `  ${name(link.pid)} waits for ${link.what}, ${whoseToGive(link, name)}`,
    ),
    ...(cycle.length === 0 ? [] : [`  to move first: ${describeFirst(cycle, name)}`]),
  ];
}

type NameTask = (pid: number) => string;

function nameSome(pids: readonly number[], name: NameTask): string {
  const more = pids.length - NAMES_MAX;
  const names = pids.slice(0, more === 1 ? NAMES_MAX + 1 : NAMES_MAX).map(name);
  return `${names.join(', ')}${more > 1 ? ` and ${more} more` : ''}`;
}

function whoseToGive({ pid, onPid }: WaitsFor, name: NameTask): string {
  return pid === onPid ? 'which is its own to give' : `which is ${name(onPid)}'s to give`;
}

/** Whoever has what others of the circle wait for, and waits for what nobody can unlock itself. */
function describeFirst(cycle: readonly WaitsFor[], name: NameTask): string {
  const first =
    cycle.find(({ kind }) => kind === 'memory') ?? cycle.find(({ kind }) => !LOCK_KINDS.has(kind));
  if (first === undefined) return 'any of them, for each waits for a lock of another';
  const held = cycle.filter(({ pid, onPid }) => onPid === first.pid && pid !== first.pid);
  const has = held.length === 0 ? '' : `has ${held.map(({ what }) => what).join(' and ')} and `;
  return `${name(first.pid)}, which ${has}needs ${first.what}`;
}
