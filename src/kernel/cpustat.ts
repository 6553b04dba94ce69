// Time of each CPU by what it was spent on: kernel_cpustat (include/linux/kernel_stat.h).
//
// Idle time and time that waited for I/O are left out: a CPU without a tick does not count them
// there, and /proc/stat takes them from elsewhere (get_idle_time() of fs/proc/stat.c).

import type { Vmcore } from '../target/vmcore.ts';
import { optional } from '../util/optional.ts';
import { cpuSets } from './percpu.ts';

/** Seconds since boot that one CPU was busy. What this kernel does not count is absent. */
export interface CpuTimes {
  readonly cpu: number;
  readonly user?: number;
  readonly nice?: number;
  readonly system?: number;
  readonly softirq?: number;
  readonly irq?: number;
  /** Taken by the hypervisor. */
  readonly steal?: number;
}

type TimeName = Exclude<keyof CpuTimes, 'cpu'>;

/** By enum cpu_usage_stat. */
const ITEMS: Readonly<Record<TimeName, string>> = {
  user: 'CPUTIME_USER',
  nice: 'CPUTIME_NICE',
  system: 'CPUTIME_SYSTEM',
  softirq: 'CPUTIME_SOFTIRQ',
  irq: 'CPUTIME_IRQ',
  steal: 'CPUTIME_STEAL',
};

const NS_PER_S = 1e9;

/**
 * Reads the times of the online CPUs; undefined where this kernel's types do not tell of them.
 *
 * @param clock the tick counter, by which it is found out what is counted
 */
export function readCpuTimes(
  vmcore: Vmcore,
  clock: { readonly uptimeJiffies: number; readonly hz: number },
): CpuTimes[] | undefined {
  if (vmcore.symbols.lookup('kernel_cpustat') === undefined) return undefined;
  const indices = Object.entries(ITEMS).flatMap(([name, item]): [TimeName, number][] => {
    const index = vmcore.types.findEnumerator(item);
    return index === undefined ? [] : [[name as TimeName, Number(index)]];
  });
  if (indices.length === 0 || vmcore.types.find('struct', 'kernel_cpustat') === undefined) {
    return undefined;
  }
  const counts = cpuSets(vmcore).online.flatMap((cpu) => {
    const read = vmcore.problems.attempt(`kernel_cpustat of CPU ${cpu}`, () => {
      const stat = vmcore.perCpu('kernel_cpustat', cpu).member('cpustat');
      return indices.map(([name, index]) => [name, Number(stat.at(index).integer())] as const);
    });
    return read === undefined ? [] : [{ cpu, read }];
  });
  const unit = unitOf(
    counts.map(({ read }) => read.map(([, value]) => value)),
    clock,
  );
  return counts.map(({ cpu, read }) =>
    read.reduce<CpuTimes>((all, [name, value]) => ({ ...all, ...optional(name, value / unit) }), {
      cpu,
    }),
  );
}

/**
 * How many of what is counted make a second: nanoseconds since Linux 4.11, as
 * task->utime, and jiffies before on x86. No CPU was busy for more jiffies than have passed, and
 * one that was for fewer nanoseconds than that has not booted.
 */
function unitOf(
  counts: readonly (readonly number[])[],
  { uptimeJiffies, hz }: { uptimeJiffies: number; hz: number },
): number {
  const most = Math.max(0, ...counts.map((each) => each.reduce((sum, value) => sum + value, 0)));
  return most <= uptimeJiffies ? hz : NS_PER_S;
}
