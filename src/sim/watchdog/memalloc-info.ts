// What the patch keeps: the record in each task, and its variables. The simulation's own book of
// requests is apart from both: the truth about a run needs it where the kernel has no patch.

import type { Task } from '../kernel/task.ts';
import type { PatchVersion } from './patch-version.ts';

/** struct memalloc_info; a version has those of the members that its layout has. */
export interface MemallocInfo {
  sequence: number;
  /** Nesting depth; `in_flight` since v8. */
  valid: number;
  /** Traces printed for this request. */
  dumped: number;
  /** Why the thread is about to report the task: bits of REPORT_*. `report` since v8. */
  type: number;
  /** In which of the two counters the request is counted. */
  idx: 0 | 1;
  /** LOCATION_* */
  knownLocations: number;
  /** jiffies */
  start: number;
  order: number;
  gfp: number;
}

/** Bits of memalloc_info.type. */
export const REPORT_VICTIM = 0x1;
export const REPORT_DYING = 0x2;
export const REPORT_STALLING = 0x4;
export const REPORT_EXITING = 0x8;
export const REPORT_ALWAYS = 0x80;

/** Values of memalloc_info.known_locations. */
export const LOCATION_TOO_MANY_ISOLATED = 1;
export const LOCATION_OOM_LOCK = 2;

/** A record of a task that never asked. */
export function noMemallocInfo(): MemallocInfo {
  return {
    sequence: 0,
    valid: 0,
    dumped: 0,
    type: 0,
    idx: 0,
    knownLocations: 0,
    start: 0,
    order: 0,
    gfp: 0,
  };
}

/** struct memalloc of v1: one request, on the stack of __alloc_pages_slowpath(). */
export interface ListedRequest {
  readonly task: Task;
  /** How many requests of the task it is nested in, itself included; the kernel does not know. */
  readonly depth: number;
  /** jiffies */
  readonly start: number;
  readonly order: number;
  readonly gfp: number;
  /** In which of the two counters the request is counted. */
  readonly index: 0 | 1;
  dumped: number;
}

/** Requests in flight by the counter that they are in. */
export type InFlight = [number, number];

/** The variables of the patch. */
export class MemallocState {
  readonly version: PatchVersion;
  /** Which counter new requests are counted in. */
  activeIndex: 0 | 1 = 0;
  /** By CPU; of a request that ends on another CPU than it began one goes below 0. */
  readonly inFlight: readonly InFlight[];
  /** memalloc_list of v1. */
  readonly list: ListedRequest[] = [];
  /** The record that is_stalling_task() looked at last. */
  inspected: MemallocInfo = noMemallocInfo();

  constructor(version: PatchVersion, cpuCount: number) {
    this.version = version;
    this.inFlight = Array.from({ length: cpuCount }, (): InFlight => [0, 0]);
  }

  /** memalloc_maybe_stalling(): something has been in flight for longer than an interval. */
  get hasOldRequests(): boolean {
    const index = this.activeIndex ^ 1;
    return this.inFlight.reduce((sum, counts) => sum + (counts[index] ?? 0), 0) !== 0;
  }

  /** The next interval begins. */
  flip(): void {
    this.activeIndex = this.activeIndex === 0 ? 1 : 0;
  }
}

/** How the simulation itself remembers what a task asks for. */
export interface RequestBook {
  depth: number;
  /** Requests so far; nested ones do not count. */
  count: number;
  /** jiffies at the begin of the outermost request. */
  start: number;
  /** Of the outermost one: its mask, in the bits of mm/gfp.ts; undefined before the first. */
  gfp?: number;
  /** Of the outermost one; 0 before the first. */
  order: number;
}

/** Whether a request is in flight and not younger than `expire`. */
export function isOverdue({ depth, start }: RequestBook, expire: number): boolean {
  return depth > 0 && start <= expire;
}
