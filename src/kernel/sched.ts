// The run queue of each CPU: struct rq (kernel/sched/sched.h).

import type { Vmcore } from '../target/vmcore.ts';
import type { Vaddr } from '../util/address.ts';
import { cpuSets } from './percpu.ts';

/** Who runs on a CPU. */
export interface RunQueue {
  readonly cpu: number;
  /** `struct task_struct *` of the task that runs, and of the CPU's idle task. */
  readonly curr: Vaddr | undefined;
  readonly idle: Vaddr | undefined;
}

/** The run queues of all possible CPUs that have an idle task, in order of CPU. */
export function runQueues(vmcore: Vmcore): RunQueue[] {
  const { problems } = vmcore;
  const queues: RunQueue[] = [];
  for (const cpu of cpuSets(vmcore).possible) {
    const subject = `runqueue of CPU ${cpu}`;
    const rq = problems.attempt(subject, () => vmcore.perCpu('runqueues', cpu));
    if (rq === undefined) continue;
    const idle = problems.attempt(subject, () => rq.member('idle').pointer());
    // A possible CPU that never came up has a run queue and no idle task.
    if (idle === 0n) continue;
    const curr = problems.attempt(subject, () => rq.member('curr').pointer());
    queues.push({ cpu, curr, idle });
  }
  return queues;
}
