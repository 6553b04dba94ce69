// The record that the kmallocwd patch keeps in each task: task_struct.memalloc, in the layouts
// that its versions had. The patch was never merged; its mails to linux-mm (2015 to 2017) and the
// seed documents of this project are the sources.

import { byteOffsetOf, findMember, type StructType } from '../types/ctype.ts';
import { numberOf, RecordReader, type RecordValues } from '../target/record.ts';
import type { Vmcore } from '../target/vmcore.ts';
import { hex, vaddr, type Vaddr } from '../util/address.ts';
import { listEntries } from './list.ts';
import type { Task } from './task.ts';

/** The layouts; each by its members, never by a version. */
export type MemallocLayoutId = 'L1' | 'L2' | 'L3' | 'L4' | 'L4k' | 'L5' | 'L8' | 'LR';

/** Which layout a dump has and how that was found. */
export interface MemallocLayout {
  readonly id: MemallocLayoutId;
  readonly source: string;
  /** `struct memalloc_info` (`struct memalloc` of L1). */
  readonly struct: StructType;
}

/** One task's record. Values of a field that the layout lacks are absent. */
export interface MemallocRecord {
  /** `struct task_struct *` */
  readonly task: string;
  /** Nesting: 0 idle (the rest is the last request), 1 in flight, 2 and more recursive. */
  readonly depth: number;
  /** The counter as it is in memory. */
  readonly sequence?: number;
  /** What the kernel prints as seq=: `sequence >> 1` for L3 and L4. */
  readonly seq?: number;
  /** An update was in progress: L3 and L4 count twice, an odd sequence lies between. */
  readonly torn: boolean;
  /** jiffies at the start of the outermost request, in decimal. */
  readonly start: string;
  /** jiffies since then, in decimal; absent where the jiffies of the dump are not known. */
  readonly delay?: string;
  /** log2 of the pages asked for; absent where the request is one of mempool_alloc(). */
  readonly order?: number;
  /** Order is -1: a mempool request (add-on of 2017-04-27, v9, RFC). */
  readonly mempool: boolean;
  /** The allocation mask, `0x…`. */
  readonly gfpMask: string;
  /** The child got the record from its parent over fork: no request of this task. */
  readonly inherited: boolean;
  /** More nesting than there can be: the counter ran below 0 or was overwritten. */
  readonly corruptDepth: boolean;
  /** Traces already printed for this request (L1 to L3). */
  readonly dumped?: number;
  /** The reporter's scratch bits (L4, L5); not 0 means that a report was under way. */
  readonly reportType?: number;
  /** The reporter's scratch bit (L8). */
  readonly report?: boolean;
  /** 1: in the too_many_isolated() loop, 2: waiting for oom_lock (L4k). */
  readonly knownLocation?: number;
  /** Which of the two counters of requests in flight this one is in (L1, L5, L8). */
  readonly idx?: number;
  /**
   * The watchdog began a new interval since the request started, so it would look for stalls. Of a
   * request in flight with an `idx`, where the kernel's index of the active counter can be read.
   */
  readonly survivedInterval?: boolean;
}

/** Four levels: a request, reclaim below it, a mempool or notifier, an interrupt. */
const DEPTH_MAX = 4;
const ORDER_MEMPOOL = 0xffffffff;
const LIST_SUBJECT = 'memalloc_list';

const PATHS = {
  depth: ['in_flight', 'valid'],
  sequence: 'sequence',
  start: 'start',
  order: 'order',
  gfp: 'gfp',
  dumped: 'dumped',
  type: 'type',
  report: 'report',
  knownLocations: 'known_locations',
  idx: ['idx', 'index'],
  task: 'task',
} as const;

type Values = RecordValues<keyof typeof PATHS>;

/** Which of the layouts this kernel has; undefined where it has no such record. */
export function findMemallocLayout(vmcore: Vmcore): MemallocLayout | undefined {
  const taskStruct = vmcore.types.find('struct', 'task_struct');
  const member =
    taskStruct?.kind === 'struct' ? findMember(taskStruct, 'memalloc')?.type : undefined;
  if (member?.kind === 'struct') {
    const id = layoutOf(member);
    const source = `members of task_struct.memalloc in ${vmcore.types.origin}`;
    return id === undefined ? undefined : { id, source, struct: member };
  }
  const onStack = vmcore.types.find('struct', 'memalloc');
  if (vmcore.symbols.lookup('memalloc_list') === undefined || onStack?.kind !== 'struct') {
    return undefined;
  }
  const source = `symbol memalloc_list, struct memalloc in ${vmcore.types.origin}`;
  return { id: 'L1', source, struct: onStack };
}

function layoutOf(struct: StructType): MemallocLayoutId | undefined {
  const has = (name: string): boolean => findMember(struct, name) !== undefined;
  if (has('in_flight')) return has('report') ? 'L8' : 'LR';
  if (!has('valid')) return undefined;
  if (!has('sequence')) return 'L2';
  if (has('idx')) return 'L5';
  if (has('known_locations')) return 'L4k';
  return has('type') ? 'L4' : 'L3';
}

/** L3, L4 and L4k bump the sequence before and after an update and print half of it. */
function countsTwice(id: MemallocLayoutId): boolean {
  return id === 'L3' || id === 'L4' || id === 'L4k';
}

/**
 * The records of the given tasks, in their order; for L1 the entries of `memalloc_list`, in its
 * order, of which a task may have several ({@link outermostRequests}). A record that cannot be read
 * is a problem and missing from the result.
 *
 * @param jiffies the tick counter at the instant of the dump
 */
export function readMemallocRecords(
  vmcore: Vmcore,
  layout: MemallocLayout,
  about: { tasks: readonly Task[]; jiffies: bigint | undefined },
): MemallocRecord[] {
  const places =
    layout.id === 'L1' ? listedPlaces(vmcore, layout) : taskPlaces(vmcore, about.tasks);
  const activeIndex = activeCounter(vmcore);
  const reader = new RecordReader(vmcore, layout.struct, PATHS);
  const records: MemallocRecord[] = [];
  for (const { task, address } of places) {
    const values = reader.read(address, {
      problems: vmcore.problems,
      subject: () => `memalloc of task ${task ?? hex(address)}`,
    });
    const owner = task ?? (typeof values.task === 'bigint' ? hex(values.task) : undefined);
    const record =
      owner === undefined
        ? undefined
        : decode(values, { layout, owner, activeIndex, jiffies: about.jiffies });
    if (record !== undefined) records.push(record);
  }
  return records;
}

/**
 * A request of layout L1 that runs inside another of its task has an entry of its own. What the
 * later layouts say of such a pair: the outer request, and how deep the task is in it.
 */
export function outermostRequests(records: readonly MemallocRecord[]): MemallocRecord[] {
  const outermost = new Map<string, MemallocRecord>();
  for (const record of records) {
    const { task } = record;
    const outer = outermost.get(task);
    const depth = (outer?.depth ?? 0) + 1;
    outermost.set(task, { ...(outer ?? record), depth, corruptDepth: depth > DEPTH_MAX });
  }
  return [...outermost.values()];
}

/** memalloc_active_index of v5 and later; v1 called it memalloc_counter_active_index. */
function activeCounter(vmcore: Vmcore): number | undefined {
  const names = ['memalloc_active_index', 'memalloc_counter_active_index'];
  const name = names.find((each) => vmcore.symbols.lookup(each) !== undefined);
  if (name === undefined) return undefined;
  return vmcore.problems.attempt(name, () => vmcore.global(name).number());
}

interface Place {
  readonly address: Vaddr;
  /** Unknown for an entry of memalloc_list, which names its task itself. */
  readonly task: string | undefined;
}

function taskPlaces(vmcore: Vmcore, tasks: readonly Task[]): Place[] {
  const place = findMember(vmcore.struct('task_struct'), 'memalloc');
  const offset = BigInt(place === undefined ? 0 : byteOffsetOf(place));
  return tasks.map(({ address }) => ({ task: address, address: vaddr(BigInt(address) + offset) }));
}

function* listedPlaces(vmcore: Vmcore, layout: MemallocLayout): Generator<Place> {
  const { problems } = vmcore;
  const head = problems.attempt(LIST_SUBJECT, () => vmcore.global('memalloc_list'));
  if (head === undefined) return;
  const entry = { type: layout.struct, member: 'list' };
  for (const ref of listEntries(head, entry, { problems, subject: LIST_SUBJECT })) {
    yield { address: ref.address, task: undefined };
  }
}

function decode(
  values: Values,
  about: {
    layout: MemallocLayout;
    owner: string;
    activeIndex: number | undefined;
    jiffies: bigint | undefined;
  },
): MemallocRecord | undefined {
  const { id } = about.layout;
  // An entry of memalloc_list is in flight for as long as it is on the list.
  const depth = id === 'L1' ? 1 : numberOf(values.depth);
  const start = values.start;
  const order = numberOf(values.order);
  const gfp = numberOf(values.gfp);
  if (
    depth === undefined ||
    typeof start !== 'bigint' ||
    order === undefined ||
    gfp === undefined
  ) {
    return undefined;
  }
  const sequence = numberOf(values.sequence);
  const empty = start === 0n && order === 0 && gfp === 0;
  return {
    task: about.owner,
    depth,
    ...sequenceFields(id, sequence),
    torn: countsTwice(id) && ((sequence ?? 0) & 1) === 1,
    start: start.toString(),
    ...(about.jiffies === undefined
      ? {}
      : { delay: BigInt.asUintN(64, about.jiffies - start).toString() }),
    ...(order === ORDER_MEMPOOL ? { mempool: true } : { mempool: false, order }),
    gfpMask: hex(gfp >>> 0),
    // copy_process() resets nothing but the sequence, so a child starts with its parent's request.
    inherited: sequence === 0 && depth === 0 && !empty,
    corruptDepth: depth > DEPTH_MAX,
    ...scratchFields(values),
    ...counterFields(numberOf(values.idx), depth > 0 ? about.activeIndex : undefined),
  };
}

function counterFields(
  idx: number | undefined,
  activeIndex: number | undefined,
): Partial<MemallocRecord> {
  if (idx === undefined) return {};
  return { idx, ...(activeIndex === undefined ? {} : { survivedInterval: idx !== activeIndex }) };
}

function sequenceFields(
  id: MemallocLayoutId,
  sequence: number | undefined,
): { sequence?: number; seq?: number } {
  if (sequence === undefined) return {};
  return { sequence, seq: countsTwice(id) ? sequence >>> 1 : sequence };
}

function scratchFields(values: Values): Partial<MemallocRecord> {
  const dumped = numberOf(values.dumped);
  const reportType = numberOf(values.type);
  const report = numberOf(values.report);
  const knownLocation = numberOf(values.knownLocations);
  return {
    ...(dumped === undefined ? {} : { dumped }),
    ...(reportType === undefined ? {} : { reportType }),
    ...(report === undefined ? {} : { report: report !== 0 }),
    ...(knownLocation === undefined ? {} : { knownLocation }),
  };
}
