// The record of a task's allocation request, kept whether or not anybody watches (but for v1). What
// is recorded from where to where is the version's choice (patch-versions.ts).

import type { Kernel } from '../core/kernel.ts';
import { keepOnStack } from '../core/code.ts';
import { __GFP_RECLAIM } from '../mm/gfp.ts';
import type { InFlight } from './memalloc-info.ts';
import { countsTwice, type RecordedPlace } from './patch-version.ts';

/** What is asked for. */
interface Request {
  readonly gfp: number;
  readonly order: number;
}

/** The order of a request to mempool_alloc(); the member is an unsigned int. */
export const ORDER_MEMPOOL = -1;

/** A request begins: at the slow path unless told. Nested ones only count. */
export function start_memalloc_timer(
  k: Kernel,
  { gfp, order }: Request,
  place: RecordedPlace = 'slow path',
): void {
  if (place === 'slow path') bookRequest(k, { gfp, order });
  if (!isRecorded(k, gfp, place)) return;
  const { memalloc, cpu } = k.current;
  if (memalloc.valid === 0) {
    memalloc.sequence++;
    memalloc.start = k.jiffies;
    memalloc.gfp = k.words.gfp(gfp);
    memalloc.order = order;
    memalloc.dumped = 0;
    countInFlight(k, cpu);
    // Seqlock style: odd while the record changes.
    if (countsTwice(k.memalloc.version)) memalloc.sequence++;
  }
  memalloc.valid++;
}

/** It ends, with pages or without. */
export function stop_memalloc_timer(
  k: Kernel,
  gfp: number,
  place: RecordedPlace = 'slow path',
): void {
  if (place === 'slow path') closeRequest(k, gfp);
  if (!isRecorded(k, gfp, place)) return;
  const { memalloc, cpu } = k.current;
  memalloc.valid--;
  const counts = k.memalloc.inFlight[cpu];
  if (memalloc.valid === 0 && hasCounters(k) && counts !== undefined) {
    counts[memalloc.idx]--;
  }
}

function isRecorded({ memalloc }: Kernel, gfp: number, place: RecordedPlace): boolean {
  const { gate, places } = memalloc.version;
  return (gfp & gate) !== 0 && places.includes(place);
}

function hasCounters({ memalloc }: Kernel): boolean {
  return memalloc.version.reporter?.wakes === 'counters';
}

function countInFlight(k: Kernel, cpu: number): void {
  if (!hasCounters(k)) return;
  const { activeIndex, inFlight } = k.memalloc;
  k.current.memalloc.idx = activeIndex;
  const counts = inFlight[cpu];
  if (counts !== undefined) counts[activeIndex]++;
}

/**
 * v1: the slow path is about to reclaim, for the first time or again. Its record is on the stack
 * and on a list, and only if anybody watches.
 */
export function listRequest(k: Kernel, { gfp, order }: Request): void {
  const { version, activeIndex, list } = k.memalloc;
  if (version.layout !== 'L1' || k.kmallocwdTimeout === 0n) return;
  const task = k.current;
  const { depth } = task.request;
  if (list.some((each) => each.task === task && each.depth === depth)) return;
  const start = k.jiffies;
  const mask = k.words.gfp(gfp);
  const request = { task, depth, start, order, gfp: mask, index: activeIndex, dumped: 0 };
  keepOnStack(k, { type: 'memalloc', request });
  list.push(request);
  sharedCounter(k)[activeIndex]++;
}

/** v1: the slow path returns. */
function unlistRequest(k: Kernel): void {
  const { list } = k.memalloc;
  const { depth } = k.current.request;
  const at = list.findIndex((each) => each.task === k.current && each.depth === depth);
  const [request] = at < 0 ? [] : list.splice(at, 1);
  if (request !== undefined) sharedCounter(k)[request.index]--;
}

/** v1 has one counter for all CPUs; it is kept where the later versions have the first CPU's. */
function sharedCounter({ memalloc }: Kernel): InFlight {
  return memalloc.inFlight[0]!;
}

/** 2016-03-02: where the task is about to wait; LOCATION_*, or 0 when it has waited. */
export function set_memalloc_location(k: Kernel, location: number): void {
  if (k.memalloc.version.knownLocations) k.current.memalloc.knownLocations = location;
}

/** The simulation's own book, whatever the kernel records. */
function bookRequest(k: Kernel, { gfp, order }: Request): void {
  if ((gfp & __GFP_RECLAIM) === 0) return;
  const { request } = k.current;
  if (request.depth === 0) {
    request.start = k.jiffies;
    request.gfp = gfp;
    request.order = order;
    request.count++;
  }
  request.depth++;
}

function closeRequest(k: Kernel, gfp: number): void {
  if ((gfp & __GFP_RECLAIM) === 0) return;
  unlistRequest(k);
  k.current.request.depth--;
}
