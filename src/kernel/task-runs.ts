// What a task has done since it was made, as far as the kernel counts it: how long it had a CPU and
// when last, page faults that ended, system calls that read or wrote. Of two dumps these tell
// whether it ran between them, and whether it came out of what it was in.

import { numberOf, RecordReader } from '../target/record.ts';
import type { Vmcore } from '../target/vmcore.ts';
import { vaddr } from '../util/address.ts';
import { optional } from '../util/optional.ts';
import type { Task } from './task.ts';

/** Counters of one task; what its kernel does not count is absent. Times are nanoseconds. */
export interface TaskRuns {
  /** Time on a CPU: se.sum_exec_runtime. Brought up to date at ticks and switches. */
  readonly execNs?: number;
  /** rq->clock when it got a CPU last: sched_info.last_arrival. */
  readonly lastArrivalNs?: number;
  /** rq->clock since when it waits for a CPU; of a task that does. */
  readonly lastQueuedNs?: number;
  /** min_flt + maj_flt: mm_account_fault() counts a fault when it has ended well. */
  readonly faults?: number;
  /** ioac.syscr + syscw: each is counted at its end (CONFIG_TASK_XACCT). */
  readonly calls?: number;
}

const PATHS = {
  exec: 'se.sum_exec_runtime',
  lastArrival: 'sched_info.last_arrival',
  lastQueued: 'sched_info.last_queued',
  minorFaults: 'min_flt',
  majorFaults: 'maj_flt',
  reads: 'ioac.syscr',
  writes: 'ioac.syscw',
} as const;

/** Reads the counters of tasks. */
export class TaskRunsReader {
  readonly #vmcore: Vmcore;
  readonly #record: RecordReader<keyof typeof PATHS>;

  /** @throws LookupError if the kernel's types have no task_struct */
  constructor(vmcore: Vmcore) {
    this.#vmcore = vmcore;
    this.#record = new RecordReader(vmcore, vmcore.struct('task_struct'), PATHS);
  }

  read(task: Task): TaskRuns {
    const { problems } = this.#vmcore;
    const values = this.#record.read(vaddr(BigInt(task.address)), {
      problems,
      subject: () => `task_struct ${task.address}`,
    });
    return {
      ...optional('execNs', numberOf(values.exec)),
      ...optional('lastArrivalNs', timeOf(numberOf(values.lastArrival))),
      ...optional('lastQueuedNs', timeOf(numberOf(values.lastQueued))),
      ...optional('faults', sum(numberOf(values.minorFaults), numberOf(values.majorFaults))),
      ...optional('calls', sum(numberOf(values.reads), numberOf(values.writes))),
    };
  }
}

/** 0 is no time: sched_info was off, or the task never had a CPU, or waits for none. */
function timeOf(ns: number | undefined): number | undefined {
  return ns === 0 ? undefined : ns;
}

function sum(a: number | undefined, b: number | undefined): number | undefined {
  return a === undefined || b === undefined ? undefined : a + b;
}
