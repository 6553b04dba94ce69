// What crash(8) calls `sys`: which machine, when, for how long, whether it had panicked.

import { Ref } from '../target/ref.ts';
import type { Vmcore } from '../target/vmcore.ts';
import { vaddrAdd } from '../util/address.ts';
import { cpuSets } from './percpu.ts';
import { initialJiffies, readJiffies, type Jiffies } from './jiffies.ts';
import { optional } from '../util/optional.ts';

/** The machine at the instant of the dump; a fact that the dump does not tell is absent. */
export interface SystemState {
  readonly release: string;
  readonly nodename?: string;
  readonly cpusOnline?: number;
  readonly cpusPossible?: number;
  readonly uptimeSeconds?: number;
  /** Wall-clock time as the machine had it, ISO 8601 in UTC, to the second. */
  readonly time?: string;
  /** Over 1, 5 and 15 minutes. */
  readonly loadAverage?: readonly number[];
  /** The CPU that panicked; absent where none had. */
  readonly panicCpu?: number;
  readonly hz?: number;
  readonly hzSource?: string;
}

/**
 * Reads what can be read; what cannot leaves a problem.
 *
 * @param known jiffies and HZ where they were read before, or could not be
 */
export function readSystem(
  vmcore: Vmcore,
  known?: { readonly clock: Jiffies | undefined },
): SystemState {
  const { identity, problems } = vmcore;
  const cpus = cpuSets(vmcore);
  const { clock } = known ?? { clock: problems.attempt('jiffies', () => readJiffies(vmcore)) };
  return {
    release: identity.release.value,
    ...optional('nodename', identity.nodename?.value),
    // A machine without a CPU is a mask that could not be read.
    ...optional('cpusOnline', cpus.online.length || undefined),
    ...optional('cpusPossible', cpus.possible.length || undefined),
    ...(clock?.hz === undefined
      ? {}
      : { hz: clock.hz, hzSource: clock.hzSource, uptimeSeconds: uptime(clock.jiffies, clock.hz) }),
    ...optional(
      'time',
      problems.attempt('wall clock', () => wallClock(vmcore)),
    ),
    ...optional(
      'loadAverage',
      problems.attempt('load average', () => loadAverage(vmcore)),
    ),
    ...optional(
      'panicCpu',
      problems.attempt('panic_cpu', () => panicCpu(vmcore)),
    ),
  };
}

function uptime(jiffies: bigint, hz: number): number {
  return Number(jiffies - initialJiffies(hz)) / hz;
}

/** 1995 to 2100: outside of it a value is no time that a kernel of ours had. */
const SECONDS_MIN = 800_000_000;
const SECONDS_MAX = 4_102_444_800;

/**
 * tk_core.timekeeper.xtime_sec (kernel/time/timekeeping.c). tk_core is a struct without a name: a
 * sequence counter of 4 to 16 bytes, then the timekeeper, aligned to 8.
 */
function wallClock(vmcore: Vmcore): string | undefined {
  const seconds = Number(timekeeper(vmcore)?.member('xtime_sec').integer() ?? 0n);
  if (!isWallClock(seconds)) return undefined;
  return new Date(seconds * 1000).toISOString().replace('.000Z', 'Z');
}

function isWallClock(seconds: number): boolean {
  return seconds >= SECONDS_MIN && seconds <= SECONDS_MAX;
}

/**
 * What to add to CLOCK_MONOTONIC to have the wall clock, in microseconds (timekeeper.offs_real): a
 * time stamp of the log as a time of day, but for what the clock was set and the machine slept
 * since.
 */
export function wallClockOffsetUs(vmcore: Vmcore): number | undefined {
  const keeper = timekeeper(vmcore);
  if (keeper === undefined) return undefined;
  const us = Number(ktimeOf(keeper.member('offs_real')) / 1000n);
  return isWallClock(us / 1e6) ? us : undefined;
}

/**
 * Nanoseconds from 1970 to the boot: offs_real less offs_boot of the timekeeper (v2.6.39). The
 * same for as long as nobody steps the clock.
 */
export function bootWallClockNs(vmcore: Vmcore): bigint | undefined {
  const keeper = timekeeper(vmcore);
  if (keeper?.has('offs_boot') !== true) return undefined;
  const ns = ktimeOf(keeper.member('offs_real')) - ktimeOf(keeper.member('offs_boot'));
  return isWallClock(Number(ns / 1_000_000_000n)) ? ns : undefined;
}

/** ktime_t was a union of 8 bytes before Linux 4.10. */
function ktimeOf(ref: Ref): bigint {
  const bytes = ref.bytes();
  return new DataView(bytes.buffer, bytes.byteOffset).getBigInt64(0, true);
}

function timekeeper(vmcore: Vmcore): Ref | undefined {
  const core = vmcore.symbols.lookup('tk_core');
  const type = vmcore.types.find('struct', 'timekeeper');
  if (core === undefined || type?.kind !== 'struct') return undefined;
  const counter =
    vmcore.types.find('typedef', 'seqcount_raw_spinlock_t') ??
    vmcore.types.find('typedef', 'seqcount_t');
  const size = counter?.kind === 'struct' ? counter.size : 4;
  return new Ref(vmcore, type, vaddrAdd(core, Math.ceil(size / 8) * 8));
}

/** avenrun[3] in fixed point with 11 bits behind it (include/linux/sched/loadavg.h). */
function loadAverage(vmcore: Vmcore): number[] | undefined {
  if (vmcore.symbols.lookup('avenrun') === undefined) return undefined;
  const averages = vmcore.global('avenrun');
  return [0, 1, 2].map((i) => Math.round((averages.at(i).number() / 2048) * 100) / 100);
}

/** panic_cpu (kernel/panic.c, v4.5, commit 1717f2096b54): -1 until a CPU panics. */
function panicCpu(vmcore: Vmcore): number | undefined {
  if (vmcore.symbols.lookup('panic_cpu') === undefined) return undefined;
  const cpu = vmcore.global('panic_cpu').member('counter').number();
  return cpu < 0 ? undefined : cpu;
}
