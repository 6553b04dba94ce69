// For how long at least a task has been without a CPU: what the scheduler (struct sched_info,
// struct sched_entity) and khungtaskd keep of it. A task that is in the allocator and has not run
// since some time has been in the allocator since then.

import { numberOf, RecordReader } from '../target/record.ts';
import type { Vmcore } from '../target/vmcore.ts';
import { vaddr } from '../util/address.ts';
import { schedClocks, type SchedClocks } from './clocks.ts';
import { bound, type Fact } from './fact.ts';
import type { Task } from './task.ts';
import { TASK_UNINTERRUPTIBLE } from './task-state.ts';

const PATHS = {
  /** rq->clock_task when the task's time on a CPU was last counted; in ns. */
  execStart: 'se.exec_start',
  /** rq->clock when it was put on a run queue, 0 while it runs or sleeps; in ns. */
  lastQueued: 'sched_info.last_queued',
  /** khungtaskd's copy of nvcsw + nivcsw, and jiffies when it changed (4.19). */
  switchCount: 'last_switch_count',
  switchTime: 'last_switch_time',
} as const;

/** SCHED_NORMAL, SCHED_BATCH, SCHED_IDLE: the classes whose time is counted by exec_start. */
const FAIR_POLICIES: ReadonlySet<number> = new Set([0, 3, 5]);

const NS_PER_S = 1e9;

/** The tick counter, as far as it is known. */
export interface TickTime {
  readonly jiffies?: bigint | undefined;
  readonly hz?: number | undefined;
}

/** Says for how long tasks have been without a CPU. */
export class OffCpuReader {
  readonly #vmcore: Vmcore;
  readonly #record: RecordReader<keyof typeof PATHS>;
  readonly #clocks: SchedClocks | undefined;
  readonly #time: TickTime;

  /** @throws LookupError if the kernel's types have no task_struct */
  constructor(vmcore: Vmcore, time: TickTime) {
    this.#vmcore = vmcore;
    this.#record = new RecordReader(vmcore, vmcore.struct('task_struct'), PATHS);
    this.#clocks = schedClocks(vmcore);
    this.#time = time;
  }

  /** The longest of what is proved, in seconds; undefined for a task that runs. */
  read(task: Task): Fact<number> | undefined {
    if (task.onCpu !== false) return undefined;
    const { problems } = this.#vmcore;
    const values = this.#record.read(vaddr(BigInt(task.address)), {
      problems,
      subject: () => `task_struct ${task.address}`,
    });
    const facts = [
      this.#since(
        FAIR_POLICIES.has(task.policy ?? -1) ? numberOf(values.execStart) : undefined,
        this.#clocks?.clockTask,
        'se.exec_start',
      ),
      this.#since(numberOf(values.lastQueued), this.#clocks?.clock, 'sched_info.last_queued'),
      this.#unswitched(task, {
        count: numberOf(values.switchCount),
        time: typeof values.switchTime === 'bigint' ? values.switchTime : undefined,
      }),
    ].filter((fact) => fact !== undefined);
    return facts.sort((a, b) => b.value - a.value)[0];
  }

  #since(
    then: number | undefined,
    now: number | undefined,
    source: string,
  ): Fact<number> | undefined {
    // 0 is no time: the task has not run, was moved to another CPU, or is on no run queue.
    if (then === undefined || then === 0 || now === undefined || now <= then) return undefined;
    return bound((now - then) / NS_PER_S, source);
  }

  /**
   * khungtaskd found the task in the sleep in which it still is: check_hung_task() (kernel/
   * hung_task.c) looks at those in TASK_UNINTERRUPTIBLE, and the count rises with each switch.
   */
  #unswitched(
    { nvcsw, nivcsw, stateBits }: Task,
    last: { count: number | undefined; time: bigint | undefined },
  ): Fact<number> | undefined {
    const { jiffies, hz } = this.#time;
    if (nvcsw === undefined || nivcsw === undefined || stateBits !== TASK_UNINTERRUPTIBLE) {
      return undefined;
    }
    if (jiffies === undefined || hz === undefined || last.time === undefined) return undefined;
    const count = nvcsw + nivcsw;
    if (count === 0 || count !== last.count || last.time === 0n) return undefined;
    // An unsigned long, as jiffies is: jiffies_64 on the kernels that this reads.
    const age = BigInt.asIntN(64, jiffies - last.time);
    return age <= 0n ? undefined : bound(Number(age) / hz, 'last_switch_time');
  }
}
