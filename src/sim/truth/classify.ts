// What a finished run is called. The rules look at who never moved again and at the circle that
// they wait in, which nobody who reads a dump can know; the first that applies is the diagnosis.

import type { Kernel } from '../core/kernel.ts';
import { DmCrypt } from '../drivers/dm-crypt.ts';
import { RECEIVE_RING } from '../drivers/e1000.ts';
import type { Task } from '../kernel/task.ts';
import { WAITS_FOR_MEMORY } from '../locking/wait-target.ts';
import {
  ALLOC_MIN_RESERVE,
  ALLOC_NON_BLOCK,
  ALLOC_OOM,
  ALLOC_WMARK_MIN,
  zone_watermark_ok,
} from '../mm/alloc-flags.ts';
import { COUNTERS } from '../mm/vmstat.ts';
import type { Diagnosis } from '../scenario.ts';
import {
  awaitedExits,
  CONSOLE,
  CPU,
  ISOLATED,
  mayKill,
  MEMORY,
  victimTasks,
  type WaitsFor,
} from './wait-graph.ts';

/** What running on has shown. */
export interface Found {
  readonly kernel: Kernel;
  /** Requests in flight that never finished. */
  readonly stuck: readonly Task[];
  /** Those that were stalling at the dump. */
  readonly stalling: readonly Task[];
  /** When the oldest request that was in flight at the dump began, in microseconds since boot. */
  readonly oldest: number;
  readonly cycle: readonly WaitsFor[];
}

/** What the lowest watermark is for: whoever takes a page below it looks at none. */
const LOWEST = ALLOC_WMARK_MIN | ALLOC_MIN_RESERVE | ALLOC_NON_BLOCK | ALLOC_OOM;

type Rule = readonly [diagnosis: Diagnosis, applies: (found: Found) => boolean];

const RULES: readonly Rule[] = [
  // Charges are no requests: what hangs there does not stall, as far as records tell.
  ['D12', cgroupWaitsForWriteback],
  ['D14', ({ stuck, stalling }) => stuck.length === 0 && stalling.length === 0],
  ['D10', (found) => (gotOn(found) || found.cycle.length === 0) && swapWorkerIsThrottled(found)],
  ['D13', gotOn],
  ['D7', ioWaitsForReserves],
  ['D9', ({ cycle }) => cycle.some(({ kind }) => kind === 'mempool')],
  ['D8', (found) => waitsFor(found, CPU) || oomKillerPrints(found)],
  ['D11', oomKillerWaitsForLock],
  ['D4', reaperWaitsForMmapLock],
  ['D3', victimWaitsForLock],
  ['D5', exitWaitsForMemory],
  ['D1', ({ cycle }) => cycle.some(({ kind }) => kind === ISOLATED)],
  ['D6', (found) => waitsFor(found, COUNTERS)],
  ['D2', (found) => waitsFor(found, MEMORY) && found.cycle.some(({ what }) => what !== MEMORY)],
  ['D2', nobodyMayKill],
];

/** `unknown` where tasks are stuck and nothing is known to hold them. */
export function classify(found: Found): Diagnosis | 'unknown' {
  const rule = RULES.find(([, applies]) => applies(found));
  return rule?.[0] ?? 'unknown';
}

/**
 * Nobody is stuck: more time was all that it took, or is all that it will take for who stands in
 * the queue of a disk, which serves one after the other and loses nobody.
 */
function gotOn({ kernel, stuck, cycle }: Found): boolean {
  if (stuck.length === 0) return true;
  return cycle.length === 0 && stuck.every((task) => kernel.fs.disk.wait.tasks.includes(task));
}

/**
 * Swap goes through workers that reclaim throttled for most of the time that the oldest request had
 * waited, and for longer than they waited for all else: taken from the workers' own book.
 */
function swapWorkerIsThrottled({ kernel, oldest }: Found): boolean {
  const { dumpTime } = kernel;
  const device = kernel.swap?.device;
  if (!(device instanceof DmCrypt)) return false;
  const { total, throttled } = device.waits.between(kernel, oldest, dumpTime);
  return throttled > (dumpTime - oldest) / 2 && throttled > total - throttled;
}

function waitsFor({ cycle }: Found, wanted: string): boolean {
  return cycle.some(({ what }) => what === wanted);
}

/**
 * The I/O that would free memory waits for memory, which those who do it have used up themselves:
 * nobody who is held to a watermark could have taken that much, however low it is for him. And
 * no victim of the OOM killer has something to do with it.
 */
function ioWaitsForReserves({ kernel, cycle }: Found): boolean {
  const victims = new Set(victimTasks(kernel).map(({ pid }) => pid));
  if (cycle.some(({ pid }) => victims.has(pid))) return false;
  const isGone = kernel.node.zones.every((zone) => {
    return !zone_watermark_ok(zone, { order: 0 }, { flags: LOWEST, free: zone.freePages });
  });
  return isGone && cycle.some(({ kind }) => kind === RECEIVE_RING);
}

/** The OOM killer's own caller prints for all others, and they add to it without an end. */
function oomKillerPrints({ kernel, cycle }: Found): boolean {
  const { owner } = kernel.oomLock;
  return cycle.some(({ pid, what }) => what === CONSOLE && pid === owner?.pid);
}

/** The OOM killer's own caller sleeps for something: notifiers do, whoever kills does not. */
function oomKillerWaitsForLock({ kernel, cycle }: Found): boolean {
  const { owner } = kernel.oomLock;
  return owner?.blockedOn !== undefined && cycle.some(({ pid }) => pid === owner.pid);
}

/** There is a reaper, and a victim's thread that is part of the circle keeps it from its work. */
function reaperWaitsForMmapLock({ kernel, cycle }: Found): boolean {
  if (!kernel.options.oomReaper) return false;
  const writers = victimTasks(kernel).filter((task) => task.mm?.mmapLock.writer === task);
  return cycle.some(({ pid }) => writers.some((writer) => writer.pid === pid));
}

/** Nobody is killed because of a task that is exiting, and that waits for memory. */
function exitWaitsForMemory({ kernel, cycle }: Found): boolean {
  const exiting = new Set(awaitedExits(kernel).map(({ pid }) => pid));
  return cycle.some(({ pid }) => exiting.has(pid));
}

function victimWaitsForLock({ kernel, cycle }: Found): boolean {
  const victims = new Set(victimTasks(kernel).map(({ pid }) => pid));
  return cycle.some(({ pid, what }) => victims.has(pid) && what !== MEMORY);
}

/** Somebody in a cgroup waits for writeback that the circle itself keeps from being done. */
function cgroupWaitsForWriteback({ kernel, cycle }: Found): boolean {
  if (cycle.some(({ what }) => what === MEMORY || what === CPU)) return false;
  const inCgroup = new Set(
    [...kernel.threads()]
      .filter(({ process }) => process.memcg !== undefined)
      .map(({ pid }) => pid),
  );
  return cycle.some(({ pid, kind }) => kind === 'PG_writeback' && inCgroup.has(pid));
}

/**
 * No lock holds up those who ask, and there is nothing to reclaim: the OOM killer would end it, and
 * this kernel invokes it for none of their requests.
 */
function nobodyMayKill({ kernel, stuck, cycle }: Found): boolean {
  const isFree = ({ blockedOn }: Task): boolean =>
    blockedOn === undefined || blockedOn.kind === WAITS_FOR_MEMORY;
  if (cycle.length > 0 || victimTasks(kernel).length > 0) return false;
  return stuck.every((task) => task.request.depth > 0 && isFree(task) && !mayKill(kernel, task));
}
