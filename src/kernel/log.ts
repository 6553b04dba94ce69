// The result object of `stallcore log`: the kernel's log, all of it or what is asked for.

import { readKernelLog } from './printk.ts';
import type { LogKind, LogRecord, LostRecords } from './printk-record.ts';
import { wallClockOffsetUs } from './system.ts';
import type { Vmcore } from '../target/vmcore.ts';
import { InvalidError } from '../util/errors.ts';
import { optional } from '../util/optional.ts';

/** The log of a dump. */
export interface LogResult {
  readonly type: 'log';
  readonly kind: LogKind;
  readonly records: readonly LogRecord[];
  /** Records that are not there any more, oldest first; those left out by a filter are not lost. */
  readonly lost: readonly LostRecords[];
  /** Records that a filter has left out. */
  readonly leftOut: number;
  /** Of these, how many for want of a level or a time stamp. */
  readonly unknown: number;
  /** Wall clock less time stamp, in microseconds; absent where the dump does not tell. */
  readonly wallClockOffsetUs?: number;
}

/** Which records are wanted. */
export interface LogOptions {
  /** These alone, 0 KERN_EMERG to 7 KERN_DEBUG. */
  readonly levels?: readonly number[];
  /** From this time stamp on; where negative, that long before the newest. Microseconds. */
  readonly sinceUs?: number;
  /** From this time of day on: microseconds since 1970 in UTC. */
  readonly sinceWallUs?: number;
}

/**
 * Reads the log.
 *
 * @throws VmcoreError if there is none, or its own variables cannot be read, or a time of day is
 *   asked for and the dump does not tell any
 */
export function logResult(vmcore: Vmcore, options: LogOptions = {}): LogResult {
  const { kind, records, lost } = readKernelLog(vmcore);
  const offset = vmcore.problems.attempt('wall clock', () => wallClockOffsetUs(vmcore));
  return {
    type: 'log',
    kind,
    lost,
    ...filtered(records, { ...options, ...sinceStamp(options, offset) }),
    ...optional('wallClockOffsetUs', offset),
  };
}

/** The time of day as a time stamp. */
function sinceStamp(
  { sinceWallUs }: LogOptions,
  offsetUs: number | undefined,
): Pick<LogOptions, 'sinceUs'> {
  if (sinceWallUs === undefined) return {};
  if (offsetUs === undefined) {
    throw new InvalidError('--since: the dump does not tell the time of day; give seconds');
  }
  // A negative one would count from the end.
  return { sinceUs: Math.max(0, sinceWallUs - offsetUs) };
}

function filtered(
  records: readonly LogRecord[],
  { levels, sinceUs }: LogOptions,
): Pick<LogResult, 'records' | 'leftOut' | 'unknown'> {
  const newest = records.findLast(({ timeUs }) => timeUs !== undefined)?.timeUs ?? 0;
  const since = sinceUs !== undefined && sinceUs < 0 ? newest + sinceUs : sinceUs;
  let unknown = 0;
  const kept = records.filter(({ level, timeUs }) => {
    const untold =
      (levels !== undefined && level === undefined) ||
      (since !== undefined && timeUs === undefined);
    if (untold) unknown++;
    return (
      (levels === undefined || (level !== undefined && levels.includes(level))) &&
      (since === undefined || (timeUs !== undefined && timeUs >= since))
    );
  });
  return { records: kept, leftOut: records.length - kept.length, unknown };
}
