// A task's record as the ledger has it: the members that the version's layout has, and what follows
// from them.

import type { Kernel } from '../core/kernel.ts';
import type { Task } from '../kernel/task.ts';
import { ORDER_MEMPOOL } from './memalloc-timer.ts';
import type { PatchVersion, RecordLayout } from './patch-version.ts';
import { isStalling, reportAge, seqOf } from './stall-report.ts';

/** One record. What a layout has no member for is absent. */
export interface LedgerRecord {
  /** As in memory. */
  readonly sequence?: number;
  /** As it is printed. */
  readonly seq?: number;
  readonly depth: number;
  readonly start: string;
  /** Of a request in flight; one that is over has only a start. */
  readonly delay?: string;
  /** Absent of a request to mempool_alloc(). */
  readonly order?: number;
  readonly mempool: boolean;
  readonly gfpMask: string;
  /** From the parent over fork(): no request of this task. */
  readonly inherited: boolean;
  /** It is listed by the version's rule. */
  readonly stalling: boolean;
  readonly dumped?: number;
  readonly reportType?: number;
  readonly report?: boolean;
  readonly knownLocation?: number;
  readonly idx?: number;
  /** An interval has begun since the request did. */
  readonly survivedInterval?: boolean;
}

/** @returns undefined where the kernel has no record of the task */
export function ledgerRecord(k: Kernel, task: Task, timeout: number): LedgerRecord | undefined {
  const { version } = k.memalloc;
  if (version.layout === undefined) return undefined;
  if (version.layout === 'L1') return listedRecord(k, task, timeout);
  const { sequence, valid, start, gfp, order } = task.memalloc;
  const isEmpty = start === 0 && gfp === 0;
  return {
    ...(version.layout === 'L2' ? {} : { sequence, seq: seqOf(version, sequence) }),
    ...requestFields(k, { depth: valid, start, gfp, order }),
    inherited: version.layout !== 'L2' && sequence === 0 && valid === 0 && !isEmpty,
    stalling: isStalling(version, task.memalloc, k.jiffies - reportAge(k, timeout)),
    ...scratchFields(k, task),
  };
}

/** v1: the outermost request of the task that is on the list. */
function listedRecord(k: Kernel, task: Task, timeout: number): LedgerRecord | undefined {
  const { list, activeIndex } = k.memalloc;
  const requests = list.filter((request) => request.task === task);
  const [first] = requests;
  if (first === undefined) return undefined;
  const { start, gfp, order, index, dumped } = first;
  return {
    ...requestFields(k, { depth: requests.length, start, gfp, order }),
    inherited: false,
    stalling: k.jiffies - start >= timeout,
    dumped,
    idx: index,
    survivedInterval: index !== activeIndex,
  };
}

interface Request {
  readonly depth: number;
  readonly start: number;
  readonly gfp: number;
  readonly order: number;
}

function requestFields(
  { jiffies }: Kernel,
  { depth, start, gfp, order }: Request,
): Pick<LedgerRecord, 'depth' | 'start' | 'delay' | 'order' | 'mempool' | 'gfpMask'> {
  const mempool = order === ORDER_MEMPOOL;
  return {
    depth,
    start: String(start),
    ...(depth > 0 ? { delay: String(jiffies - start) } : {}),
    ...(mempool ? {} : { order }),
    mempool,
    gfpMask: `0x${gfp.toString(16)}`,
  };
}

const WITH_TYPE: readonly (RecordLayout | undefined)[] = ['L4', 'L4k', 'L5'];
const WITH_IDX: readonly (RecordLayout | undefined)[] = ['L5', 'L8'];

function scratchFields({ memalloc }: Kernel, task: Task): Partial<LedgerRecord> {
  const { layout }: PatchVersion = memalloc.version;
  const { dumped, type, knownLocations, idx, valid } = task.memalloc;
  const inFlight = valid > 0;
  return {
    ...(layout === 'L2' || layout === 'L3' ? { dumped } : {}),
    ...(WITH_TYPE.includes(layout) ? { reportType: type } : {}),
    ...(layout === 'L8' ? { report: type !== 0 } : {}),
    ...(layout === 'L4k' ? { knownLocation: knownLocations } : {}),
    ...(WITH_IDX.includes(layout) ? { idx } : {}),
    ...(WITH_IDX.includes(layout) && inFlight
      ? { survivedInterval: idx !== memalloc.activeIndex }
      : {}),
  };
}
