// What the kernel's log tells of the time before the dump: reports of the watchdog, calls of the
// OOM killer, stalled and failed allocations, hung tasks. Lines that user space wrote through
// /dev/kmsg are passed over, for anybody can write them.

import { recordLines } from '../kernel/log-lines.ts';
import { memallocTimeline, type MemallocTimeline } from '../kernel/memalloc-timeline.ts';
import type { readMemalloc } from '../kernel/memalloc-report.ts';
import { schedClocks } from '../kernel/clocks.ts';
import { readKernelLog } from '../kernel/printk.ts';
import { optional } from '../util/optional.ts';

/** The log of a dump. Times are microseconds of local_clock(), as in the stamps of its lines. */
export interface LogHistory {
  /** Records of the kernel's own. */
  readonly records: number;
  /** Records that are not there any more: overwritten, or damaged. */
  readonly lost: boolean;
  /** Stamp of the oldest record; absent where records have none. */
  readonly fromUs?: number;
  /** The dump was taken then, or later: the newest stamp, or what a run queue's clock stood at. */
  readonly nowUs?: number;
  readonly timeline: MemallocTimeline;
}

/** @throws VmcoreError if there is no log, or its own variables cannot be read */
export function readHistory(vmcore: Parameters<typeof readMemalloc>[0]): LogHistory {
  const { records, lost } = readKernelLog(vmcore);
  const own = records.filter(({ facility = 0 }) => facility === 0);
  const fromUs = own.find(({ timeUs }) => timeUs !== undefined)?.timeUs;
  const newestUs = own.findLast(({ timeUs }) => timeUs !== undefined)?.timeUs;
  const clock = newestUs === undefined ? undefined : schedClocks(vmcore)?.clock;
  const nowUs = newestUs === undefined ? undefined : Math.max(newestUs, (clock ?? 0) / 1000);
  return {
    records: own.length,
    lost: lost.length > 0,
    ...optional('fromUs', fromUs),
    ...optional('nowUs', nowUs),
    timeline: memallocTimeline(recordLines(own)),
  };
}
