// What the kernel's clocks stood at, as far as a dump tells: a run queue keeps what its CPU read
// last (struct rq, kernel/sched/sched.h), so that no clock can have stood lower than the highest
// of them.

import type { Vmcore } from '../target/vmcore.ts';
import { cpuSets } from './percpu.ts';

/** Nanoseconds; numbers are exact up to 104 days and within 2 ns up to 208. */
export interface SchedClocks {
  /**
   * The highest `rq->clock`: sched_clock(), which is also what local_clock() is read from. The
   * instant of the dump is not before it.
   */
  readonly clock: number;
  /**
   * A value that `rq->clock_task` of no CPU is below at the instant of the dump, of those that have
   * as yet been read. It leaves out the time that interrupts and the hypervisor took.
   */
  readonly clockTask: number;
}

/** The clocks; undefined where no run queue could be read. */
export function schedClocks(vmcore: Vmcore): SchedClocks | undefined {
  const { problems } = vmcore;
  let clock = 0;
  // A task may have had its last time on any CPU, so the CPU that has lost most counts.
  let lostMax = 0;
  for (const cpu of cpuSets(vmcore).possible) {
    const read = problems.attempt(`runqueue of CPU ${cpu}`, () => {
      const rq = vmcore.perCpu('runqueues', cpu);
      const own = Number(rq.member('clock').integer());
      return { own, task: rq.has('clock_task') ? Number(rq.member('clock_task').integer()) : own };
    });
    if (read === undefined || read.own === 0) continue;
    clock = Math.max(clock, read.own);
    lostMax = Math.max(lostMax, read.own - read.task);
  }
  return clock === 0 ? undefined : { clock, clockTask: clock - lostMax };
}
