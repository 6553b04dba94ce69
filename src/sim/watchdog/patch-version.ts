// What the versions of the kmallocwd patch have in common, as choices: where a request is recorded,
// who looks for stalls and when, and how the lines are worded. patch-versions.ts has the table.

/** Names of `--patch`; `v5` is v6 too, which only switched off a message of Linux 4.9. */
export type PatchName =
  | 'none'
  | 'v1'
  | 'v2'
  | 'v3'
  | 'v4'
  | 'v4-draft'
  | '2016-02-09'
  | '2016-02-11'
  | '2016-02-25'
  | '2016-03-02'
  | 'v5'
  | 'v7'
  | 'v8'
  | 'v9'
  | 'rfc'
  | 'rfc-v2';

/** The record's layouts: structs/memalloc-*.json has the members of each. */
export type RecordLayout = 'L1' | 'L2' | 'L3' | 'L4' | 'L4k' | 'L5' | 'L8' | 'LR';

/** Where a request is recorded from its begin to its end. */
export type RecordedPlace =
  /** __alloc_pages() as a whole, before it looks at the free lists. */
  | 'allocator'
  /** __alloc_pages_slowpath() */
  | 'slow path'
  /** mempool_alloc(), as order -1. */
  | 'mempool'
  /** handle_mm_fault() */
  | 'fault';

/**
 * When the thread looks at the tasks.
 *
 * - `counters`: each timeout, if a request that was counted an interval ago is still in flight
 * - `deadline`: as soon as a request is as old as the timeout
 */
export type WakeRule = 'counters' | 'deadline';

/** Who is listed besides OOM victims, dying tasks and those that stall. */
export type ListedToo = 'nobody' | 'exiting' | 'exiting, kswapd';

/** The boot parameter in seconds, or the sysctl in seconds. */
export type PatchKnob = 'kmallocwd' | 'memalloc_task_timeout_secs' | 'memalloc_task_warning_secs';

/** The thread that reports, and how. */
export interface Reporter {
  readonly thread: 'kmallocwd' | 'khungtaskd';
  readonly knob: PatchKnob;
  readonly wakes: WakeRule;
  /** Lists what is half as old as the timeout, not only what has reached it. */
  readonly half: boolean;
  readonly listsToo: ListedToo;
  /** printk formats; see printf.ts. */
  readonly info: string;
  readonly task: string;
  /** The Info line again at the end of the report. */
  readonly infoTwice: boolean;
  /** A trace behind each task's line; else all traces behind all lines, two of each request. */
  readonly traceEach: boolean;
  /** Jiffies that the thread sleeps after each task. */
  readonly pause: number;
}

/** One version. */
export interface PatchVersion {
  readonly name: PatchName;
  /** Undefined: the kernel keeps no record. */
  readonly layout: RecordLayout | undefined;
  /** Requests with one of these bits are recorded. */
  readonly gate: number;
  readonly places: readonly RecordedPlace[];
  /** Undefined: nobody watches, and sched_show_task() prints a line where `task` is set. */
  readonly reporter: Reporter | undefined;
  /** The optional part of a task's line, a printk format, and the size of its buffer. */
  readonly request: { readonly format: string; readonly bufferSize: number } | undefined;
  /** The line in sched_show_task(). */
  readonly shown: string | undefined;
  /** memalloc.known_locations is kept, and printed instead of the trace. */
  readonly knownLocations: boolean;
  /** start_memalloc_timer() is global, for others to call. */
  readonly globalTimer: boolean;
}

/** v3 and v4 with its drafts bump the sequence before and after an update, and print half of it. */
export function countsTwice({ layout }: PatchVersion): boolean {
  return layout === 'L3' || layout === 'L4' || layout === 'L4k';
}
