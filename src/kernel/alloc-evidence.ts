// What a kernel that keeps no record of requests tells of them all the same: for each task in the
// allocator, or reclaiming, what it asked for and for how long at least it has been at it. Each
// fact names its source.
// The start of a request is kept on few kernels (alloc-start.ts).

import type { Vmcore } from '../target/vmcore.ts';
import { hex } from '../util/address.ts';
import { allocFlagReader, type AllocFlagReader, type AllocFlags } from './alloc-flags.ts';
import { allocatorPlace, type AllocatorPlace } from './alloc-frames.ts';
import { optional } from '../util/optional.ts';
import { DelayReader, type TaskDelays } from './delays.ts';
import { derived, recorded, type Fact } from './fact.ts';
import { AllocStartReader } from './alloc-start.ts';
import { AllocContextReader, type AllocContext, type OomState } from './alloc-context.ts';
import { CaptureControlReader, type CompactState } from './capture-control.ts';
import { memcgInOomReader, type MemcgInOom } from './memcg-in-oom.ts';
import { isMask, ORDER_MAX } from './request-sanity.ts';
import { ReclaimStateReader, type ReclaimState } from './reclaim-state.ts';
import { OffCpuReader, type TickTime } from './sched-info.ts';
import { SlowPathVariables, type LearnedValue } from './slowpath-variables.ts';
import { threadSize } from './stack-areas.ts';
import { StackReader, type StackFrame, type Stacks, type TaskStack } from './stack.ts';
import type { Task } from './task.ts';
import { readThrottled, type Throttle, type ThrottleReason } from './throttled.ts';

/** What is known of one task's request. A fact that could not be found is absent. */
export interface AllocationEvidence {
  /** In the slow path of the page allocator, or charging a full memory cgroup, by its frames. */
  readonly place?: Fact<AllocatorPlace>;
  /** The task's stack could not be read: it may be in the allocator all the same. */
  readonly stackUnread?: true;
  /** The mask of the request, `0x…`. */
  readonly gfpMask?: Fact<string>;
  /** log2 of the pages asked for. */
  readonly order?: Fact<number>;
  /** The pass of reclaim that the task is in. */
  readonly reclaim?: ReclaimState;
  /** The compaction that it does for its request. */
  readonly compaction?: CompactState;
  /** Where its request may take pages from. */
  readonly context?: AllocContext;
  /** The call of out_of_memory() that it is in. */
  readonly oom?: OomState;
  /** The charge to a memory cgroup that failed in a page fault, and waits for its OOM killer. */
  readonly memcgOom?: MemcgInOom;
  /** Waits for memory that are over, where the kernel counts them. */
  readonly delays?: Fact<TaskDelays>;
  /** What reclaim makes it wait for, by the wait queue that it is on. */
  readonly throttled?: Fact<ThrottleReason>;
  /** In seconds, for how long the request is under way, or is at least. */
  readonly age?: Fact<number>;
  /** For how long the task is at least without a CPU; of every task that has none. */
  readonly offCpu?: Fact<number>;
  readonly flags?: Fact<AllocFlags>;
  readonly inMemstall?: Fact<boolean>;
}

/** By the address of the task, every task of which there is evidence. */
export type EvidenceByTask = ReadonlyMap<string, AllocationEvidence>;

/** Rebuilds what tasks ask for. */
export function readAllocEvidence(
  vmcore: Vmcore,
  tasks: readonly Task[],
  {
    stacks = new StackReader(vmcore),
    ...time
  }: TickTime & { readonly stacks?: Stacks | undefined },
): EvidenceByTask {
  const readers = {
    reclaim: new ReclaimStateReader(vmcore, threadSize(vmcore)),
    offCpu: new OffCpuReader(vmcore, time),
    flags: allocFlagReader(tasks),
    throttled: readThrottled(vmcore, tasks),
    capture: new CaptureControlReader(vmcore, threadSize(vmcore)),
    contexts: new AllocContextReader(vmcore),
    delays: new DelayReader(vmcore),
    starts: new AllocStartReader(vmcore, time),
    memcgOom: memcgInOomReader(vmcore),
  };
  const variables = new SlowPathVariables(vmcore);
  const slow = new Map<string, readonly StackFrame[]>();
  const found = new Map<string, AllocationEvidence>();
  for (const task of tasks) {
    const stack = stacks.read(task);
    const evidence = evidenceOf(task, stack, readers);
    found.set(task.address, evidence);
    if (stack === undefined || evidence.place?.value !== 'slow path') continue;
    const { gfpMask, order } = evidence;
    if (gfpMask === undefined || order === undefined) slow.set(task.address, stack.frames);
    else variables.learn(stack.frames, { gfpMask: Number(gfpMask.value), order: order.value });
  }
  for (const [address, frames] of slow) {
    found.set(address, { ...learnedOf(variables, frames), ...found.get(address) });
  }
  return found;
}

/** The mask and the order from where those lie that are known. */
function learnedOf(
  variables: SlowPathVariables,
  frames: readonly StackFrame[],
): Pick<AllocationEvidence, 'gfpMask' | 'order'> {
  const gfpMask = variables.read(frames, 'gfpMask');
  const order = variables.read(frames, 'order');
  const source = ({ witnesses }: LearnedValue): string =>
    `frame of __alloc_pages_slowpath(), where ${witnesses} others have it`;
  return {
    ...(gfpMask === undefined || !isMask(gfpMask.value)
      ? {}
      : { gfpMask: derived(hex(gfpMask.value), source(gfpMask)) }),
    ...(order === undefined || order.value > ORDER_MAX
      ? {}
      : { order: derived(order.value, source(order)) }),
  };
}

interface Readers {
  readonly reclaim: ReclaimStateReader;
  readonly offCpu: OffCpuReader;
  readonly flags: AllocFlagReader;
  readonly throttled: ReadonlyMap<string, Throttle>;
  readonly capture: CaptureControlReader;
  readonly contexts: AllocContextReader;
  readonly delays: DelayReader;
  readonly starts: AllocStartReader;
  readonly memcgOom: (task: Task) => MemcgInOom | undefined;
}

function evidenceOf(
  task: Task,
  stack: TaskStack | undefined,
  readers: Readers,
): AllocationEvidence {
  const place = placeOf(stack);
  const reclaim = readers.reclaim.read(task, stack?.frames);
  const offCpu = readers.offCpu.read(task);
  const delays = readers.delays.read(task);
  const passAge = reclaim === undefined ? undefined : delays?.passAge;
  const flags = readers.flags.read(task);
  const compaction = readers.capture.read(task);
  const isSlow = place?.value === 'slow path';
  const context = isSlow ? readers.contexts.context(stack?.frames ?? []) : undefined;
  const oom = isSlow ? readers.contexts.oom(stack?.frames ?? []) : undefined;
  const start = isSlow ? readers.starts.age(stack?.frames ?? []) : undefined;
  const throttle = readers.throttled.get(task.address);
  return {
    ...(place === undefined ? {} : { place }),
    // Nobody who has exited asks for memory; the stack is given back while others still wait for
    // it.
    ...(stack === undefined && (task.exitState ?? 0) === 0 ? { stackUnread: true } : {}),
    ...requestOf({ reclaim, compaction, oom }, flags),
    ...optional('compaction', compaction),
    ...optional('context', context),
    ...optional('oom', oom),
    ...(reclaim === undefined ? {} : { reclaim }),
    ...(throttle === undefined ? {} : { throttled: recorded(throttle.reason, throttle.queue) }),
    ...optional('memcgOom', readers.memcgOom(task)),
    ...(delays === undefined ? {} : { delays: recorded(delays.totals, 'task->delays') }),
    ...optional('age', place === undefined ? undefined : (start ?? ageOf(offCpu, passAge))),
    ...(offCpu === undefined ? {} : { offCpu }),
    ...(flags === undefined ? {} : { flags: recorded(flags, readers.flags.source) }),
    ...(task.inMemstall === undefined
      ? {}
      : { inMemstall: recorded(task.inMemstall, 'task->in_memstall') }),
  };
}

function placeOf(stack: TaskStack | undefined): Fact<AllocatorPlace> | undefined {
  const place = stack === undefined ? undefined : allocatorPlace(stack.frames);
  return place === undefined ? undefined : derived(place, 'functions on its stack');
}

/** A request is as old as its pass of reclaim, and as the time since which its task has not run. */
function ageOf(
  offCpu: Fact<number> | undefined,
  passAge: Fact<number> | undefined,
): Fact<number> | undefined {
  if (passAge !== undefined && passAge.value >= (offCpu?.value ?? 0)) return passAge;
  return offCpu === undefined ? undefined : { ...offCpu, source: `no CPU since ${offCpu.source}` };
}

/** Structs that say what a request asks for. */
interface RequestStructs {
  readonly reclaim: ReclaimState | undefined;
  readonly compaction: CompactState | undefined;
  readonly oom: OomState | undefined;
}

/** What a request asks for, by what it is at; kswapd has no request. */
function requestOf(
  { reclaim, compaction, oom }: RequestStructs,
  flags: AllocFlags | undefined,
): Pick<AllocationEvidence, 'gfpMask' | 'order'> {
  if (flags?.kswapd === true) return {};
  const [found, source] =
    reclaim !== undefined
      ? [
          reclaim,
          reclaim.owner === undefined ? 'scan_control' : `scan_control of ${reclaim.owner}()`,
        ]
      : compaction !== undefined
        ? [compaction, 'compact_control']
        : [oom, 'oom_control'];
  if (found === undefined) return {};
  // try_to_free_mem_cgroup_pages() takes the bits for reclaim from the charge, and nothing more.
  if (reclaim?.targetMemcg !== undefined && reclaim.targetMemcg !== '0x0') return {};
  return { gfpMask: recorded(found.gfpMask, source), order: recorded(found.order, source) };
}
