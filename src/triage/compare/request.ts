// What a task asks for in one dump, and whether that is the request that it had in the other.

import { isOverdue, overdueAge, type TaskFacts } from '../facts.ts';
import { optional } from '../../util/optional.ts';

/** What is known of a task's request in one dump. */
export interface RequestInDump {
  /**
   * - `recorded`: in flight, by the record that the kernel keeps
   * - `by stack`: the task is in the allocator by its stack, and nothing records the request
   * - `none`: it asks for none
   * - `unknown`: record or stack could not be read
   */
  readonly kind: 'recorded' | 'by stack' | 'none' | 'unknown';
  /** How many requests it has begun by its record; the last one is in flight, or over. */
  readonly begun?: number;
  /** As the kernel prints it. */
  readonly seq?: number;
  /** jiffies at the start, in decimal. */
  readonly start?: string;
  /** Of a request without a record the least that it can be. */
  readonly ageSeconds?: number;
  readonly gfpMask?: string;
  readonly gfpNames?: string;
  readonly order?: number;
  readonly mempool?: true;
  /** Older than the timeout; undefined where that is not known. */
  readonly isOverdue?: boolean;
  /** Of a charge to a full memory cgroup, which no version of the patch records. */
  readonly isCharge?: true;
  /** nr_scanned of the pass of reclaim that it is in. */
  readonly scanned?: number;
}

/** The request of a task. */
export function requestOf(fact: TaskFacts): RequestInDump {
  const { record } = fact.task;
  if (record === undefined) return withoutRecord(fact);
  const begun = begunOf(fact);
  const base = { ...optional('begun', begun), ...optional('seq', record.seq) };
  if (record.corruptDepth) return { kind: 'unknown', ...base };
  // A record that is being written belongs to a request that begins.
  if (!record.inFlight && !record.torn) {
    // No version records a charge to a cgroup, nor v7 and later who cannot reclaim.
    return fact.place === undefined ? { kind: 'none', ...base } : { ...byStack(fact), ...base };
  }
  return {
    kind: 'recorded',
    ...base,
    start: record.start,
    ...optional('ageSeconds', record.delaySeconds),
    gfpMask: record.gfpMask,
    ...optional('gfpNames', record.gfpNames),
    ...optional('order', record.order),
    ...(record.mempool ? { mempool: true } : {}),
    isOverdue: record.overdue,
    ...optional('scanned', fact.task.evidence?.reclaim?.nrScanned),
  };
}

/** L3 and L4 count twice; the first half of a torn update is the next request's. */
function begunOf({ task: { record } }: TaskFacts): number | undefined {
  const { sequence, seq, torn } = record ?? {};
  if (sequence === undefined || seq === undefined) return undefined;
  return torn === true ? seq + 1 : seq;
}

function withoutRecord(fact: TaskFacts): RequestInDump {
  const { stack, task } = fact;
  if (fact.place !== undefined) return byStack(fact);
  if (stack === undefined && (task.exitState ?? 0) === 0) return { kind: 'unknown' };
  return { kind: 'none' };
}

function byStack(fact: TaskFacts): RequestInDump {
  const { age, gfpMask, gfpNames, order, reclaim } = fact.task.evidence ?? {};
  return {
    kind: 'by stack',
    ...optional('ageSeconds', age?.value),
    ...optional('gfpMask', gfpMask?.value),
    ...optional('gfpNames', gfpNames),
    ...optional('order', order?.value),
    ...optional('isOverdue', isLate(fact)),
    ...(fact.place === 'memory cgroup' ? { isCharge: true } : {}),
    ...optional('scanned', reclaim?.nrScanned),
  };
}

/** A charge is late by how long its task has been without a CPU: it has no record. */
function isLate(fact: TaskFacts): boolean | undefined {
  if (fact.place !== 'memory cgroup') return isOverdue(fact) === true ? true : undefined;
  const age = fact.task.evidence?.age?.value;
  return age !== undefined && age >= overdueAge(fact) ? true : undefined;
}
