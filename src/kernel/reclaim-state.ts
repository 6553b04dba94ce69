// What a task that reclaims memory does it for: struct scan_control (mm/vmscan.c) on its own stack.
//
// task->reclaim_state is set for the time of a pass of reclaim. The struct reclaim_state that it
// points to is a member of the scan_control in 5.3 and later (and in the 4.18 of RHEL 8), a
// variable of __perform_reclaim() or kswapd() before. There the scan_control is looked for in the
// frame of the function that has it.

import { numberOf, RecordReader, type RecordValues } from '../target/record.ts';
import type { Vmcore } from '../target/vmcore.ts';
import { byteOffsetOf, findMember, type StructType } from '../types/ctype.ts';
import { hex, vaddr, vaddrAdd, type Vaddr } from '../util/address.ts';
import { optional } from '../util/optional.ts';
import { functionName } from './function-name.ts';
import { meaningfulFrame } from './locking/wait-functions.ts';
import { isMask, isOnStack, ORDER_MAX } from './request-sanity.ts';
import { findLocal, ownerOf } from './stack-locals.ts';
import type { StackFrame } from './stack.ts';
import type { Task } from './task.ts';

/** A scan_control. Members that this kernel's struct lacks are absent. */
export interface ReclaimState {
  /** `struct scan_control *` */
  readonly address: string;
  /** The function whose variable it is, where the stack tells. */
  readonly owner?: string;
  /** How it was found, in words. */
  readonly source: string;
  /** `0x…`; what the request asks for, less what the task's scope forbids. */
  readonly gfpMask: string;
  /** log2 of the pages that are wanted. */
  readonly order: number;
  /** From DEF_PRIORITY, 12, down: 1/2^priority of the lists is scanned in a pass. */
  readonly priority: number;
  /** The highest zone that is scanned, an index of `node_zones` (4.8). */
  readonly reclaimIdx?: number;
  /** Pages. */
  readonly nrToReclaim: number;
  readonly nrScanned: number;
  readonly nrReclaimed: number;
  /** What the last scan of a list met, in pages (4.17). */
  readonly nr?: Readonly<Record<string, number>>;
  /** `struct mem_cgroup *` that is over its limit; `0x0` where the machine is short of memory. */
  readonly targetMemcg?: string;
}

const PATHS = {
  gfpMask: 'gfp_mask',
  order: 'order',
  priority: 'priority',
  reclaimIdx: 'reclaim_idx',
  nrToReclaim: 'nr_to_reclaim',
  nrScanned: 'nr_scanned',
  nrReclaimed: 'nr_reclaimed',
  targetMemcg: 'target_mem_cgroup',
  dirty: 'nr.dirty',
  unqueuedDirty: 'nr.unqueued_dirty',
  congested: 'nr.congested',
  writeback: 'nr.writeback',
  immediate: 'nr.immediate',
  fileTaken: 'nr.file_taken',
  taken: 'nr.taken',
} as const;

const COUNTS = [
  'dirty',
  'unqueuedDirty',
  'congested',
  'writeback',
  'immediate',
  'fileTaken',
  'taken',
] as const;

type Values = RecordValues<keyof typeof PATHS>;

/** Functions that have a scan_control, by what they reclaim for. */
const OWNERS: ReadonlySet<string> = new Set([
  'try_to_free_pages',
  'try_to_free_mem_cgroup_pages',
  '__node_reclaim',
  '__zone_reclaim',
  'node_reclaim',
  'zone_reclaim',
  'balance_pgdat',
  'kswapd',
]);

/** DEF_PRIORITY (mm/vmscan.c); the last pass leaves -1. */
const PRIORITY_MAX = 12;
/** ZONE_DMA … ZONE_DEVICE. */
const ZONES_MAX = 6;
/** SWAP_CLUSTER_MAX, what direct reclaim is after. */
const SWAP_CLUSTER_MAX = 32;

/** Reads the scan_controls of tasks. */
export class ReclaimStateReader {
  readonly #vmcore: Vmcore;
  readonly #stackSize: number;
  readonly #struct: StructType | undefined;
  readonly #record: RecordReader<keyof typeof PATHS> | undefined;
  /** Of reclaim_state in it, in bytes; undefined where it is no member. */
  readonly #offset: number | undefined;
  readonly #task: RecordReader<'reclaimState'>;

  /**
   * @param stackSize bytes of a task's stack
   * @throws LookupError if the kernel's types have no task_struct
   */
  constructor(vmcore: Vmcore, stackSize: number) {
    this.#vmcore = vmcore;
    this.#stackSize = stackSize;
    const found = vmcore.types.find('struct', 'scan_control');
    this.#struct = found?.kind === 'struct' ? found : undefined;
    const taskStruct = vmcore.struct('task_struct');
    this.#task = new RecordReader(vmcore, taskStruct, { reclaimState: 'reclaim_state' });
    if (this.#struct === undefined) return;
    this.#record = new RecordReader(vmcore, this.#struct, PATHS);
    const member = findMember(this.#struct, 'reclaim_state');
    if (member !== undefined) this.#offset = byteOffsetOf(member);
  }

  /** The pointer itself: not 0 for the time of a pass of reclaim. */
  pointer(task: Task): Vaddr | undefined {
    const { problems } = this.#vmcore;
    const values = this.#task.read(vaddr(BigInt(task.address)), {
      problems,
      subject: () => `task_struct ${task.address}`,
    });
    return typeof values.reclaimState === 'bigint' ? vaddr(values.reclaimState) : undefined;
  }

  /**
   * The scan_control of a task that is in a pass of reclaim; undefined where it is in none, or it
   * cannot be proved where it lies. A pointer that leads elsewhere is a problem.
   */
  read(task: Task, frames: readonly StackFrame[] | undefined): ReclaimState | undefined {
    const pointer = this.pointer(task);
    if (pointer === undefined || pointer === 0n || this.#struct === undefined) return undefined;
    const { size } = this.#struct;
    if (this.#offset === undefined) {
      return sleepsForGood(task, frames ?? []) ? undefined : this.#search(frames ?? [], size);
    }
    const address = vaddrAdd(pointer, -this.#offset);
    const subject = `reclaim_state of task ${task.pid ?? task.address}`;
    if (!isOnStack(task, { address, size, stackSize: this.#stackSize })) {
      const what = `${hex(pointer)} is not on the task's own stack`;
      this.#vmcore.problems.addMessage(subject, what);
      return undefined;
    }
    const values = this.#values(address, subject);
    if (values === undefined || !isSane(values)) {
      const what = `no scan_control at ${hex(address)}: its members make no sense`;
      if (values !== undefined) this.#vmcore.problems.addMessage(subject, what);
      return undefined;
    }
    const owner = ownerOf(frames ?? [], { address, size });
    return { ...decode(values, address), ...optional('owner', owner), source: 'reclaim_state' };
  }

  #search(frames: readonly StackFrame[], size: number): ReclaimState | undefined {
    const found = findLocal(frames, {
      functions: OWNERS,
      size,
      read: (address) => {
        const values = this.#values(address, `scan_control at ${hex(address)}`);
        return values !== undefined && isSane(values) && isExact(values) ? values : undefined;
      },
    });
    if (found === undefined) return undefined;
    const { value, address, owner } = found;
    return { ...decode(value, address), owner, source: `frame of ${owner}()` };
  }

  #values(address: Vaddr, subject: string): Values | undefined {
    const values = this.#record?.read(address, {
      problems: this.#vmcore.problems,
      subject: () => subject,
    });
    return values?.gfpMask === undefined || values.priority === undefined ? undefined : values;
  }
}

/**
 * Whether a kswapd waits to be woken. Until 5.3 (see above) its reclaim_state was set for good, and
 * where the compiler made balance_pgdat() a part of kswapd(), the last scan_control stays on the
 * stack. Reclaim itself sleeps deeper, in functions of its own.
 */
export function sleepsForGood({ state }: Task, frames: readonly StackFrame[]): boolean {
  if (state !== 'S') return false;
  const { name = '' } = meaningfulFrame(frames) ?? {};
  return /^kswapd(_try_to_sleep)?$/.test(functionName(name));
}

/** What every scan_control holds for as long as somebody works with it. */
function isSane(values: Values): boolean {
  const gfp = numberOf(values.gfpMask) ?? 0;
  const within = (value: Values[keyof Values], [from, to]: [number, number]): boolean => {
    const number = numberOf(value);
    return number === undefined || (number >= from && number <= to);
  };
  return (
    isMask(gfp) &&
    within(values.order, [-1, ORDER_MAX]) &&
    within(values.priority, [-1, PRIORITY_MAX]) &&
    within(values.reclaimIdx, [0, ZONES_MAX]) &&
    isKernelPointer(values.targetMemcg)
  );
}

/**
 * What only direct reclaim's scan_control holds, where nothing points to it: 56 bytes of a stack
 * are hardly like that by chance, and more than once in a frame they are not believed.
 */
function isExact(values: Values): boolean {
  const wanted = numberOf(values.nrToReclaim) ?? 0;
  return wanted >= SWAP_CLUSTER_MAX && wanted < 2 ** 40 && numberOf(values.nrScanned) !== undefined;
}

/** NULL, or in the kernel's half. */
function isKernelPointer(value: Values[keyof Values]): boolean {
  return typeof value !== 'bigint' || value === 0n || value >> 47n === (1n << 17n) - 1n;
}

function decode(values: Values, address: Vaddr): Omit<ReclaimState, 'source'> {
  const counts = COUNTS.flatMap((name) => {
    const count = numberOf(values[name]);
    return count === undefined ? [] : [[name, count] as const];
  });
  const { targetMemcg: memcg } = values;
  return {
    address: hex(address),
    gfpMask: hex(numberOf(values.gfpMask) ?? 0),
    order: numberOf(values.order) ?? 0,
    priority: numberOf(values.priority) ?? 0,
    ...optional('reclaimIdx', numberOf(values.reclaimIdx)),
    nrToReclaim: numberOf(values.nrToReclaim) ?? 0,
    nrScanned: numberOf(values.nrScanned) ?? 0,
    nrReclaimed: numberOf(values.nrReclaimed) ?? 0,
    ...(counts.length === 0 ? {} : { nr: Object.fromEntries(counts) }),
    ...optional('targetMemcg', typeof memcg === 'bigint' ? hex(memcg) : undefined),
  };
}
