// What a log says beside the watchdog's lines that belongs on the timeline of a stall.

import { optional } from '../util/optional.ts';
import type { LogLine } from './log-lines.ts';

/**
 * - `oom-killer`: an allocation called out_of_memory() and it chose a victim (mm/oom_kill.c)
 * - `oom-kill`: whom it killed
 * - `memcg-kill`: whom it killed for the limit of a memory cgroup: no sign of the whole machine
 * - `oom-reaper`: that the victim's memory was taken, or could not be
 * - `allocation stall`: warn_alloc() of a request that takes longer than 10 s, Linux 4.9 to 4.14
 * - `allocation failure`: warn_alloc() of a request that failed
 * - `hung task`: a task in D for too long (kernel/hung_task.c)
 * - `workqueue lockup`: a worker pool without progress (kernel/workqueue.c)
 * - `dropped`: that the console or the log has lost lines
 */
export type LogEventKind =
  | 'oom-killer'
  | 'oom-kill'
  | 'memcg-kill'
  | 'oom-reaper'
  | 'allocation stall'
  | 'allocation failure'
  | 'hung task'
  | 'workqueue lockup'
  | 'dropped';

/** One event of a log. */
export interface LogEvent {
  readonly kind: LogEventKind;
  /** Time stamp in microseconds since boot. */
  readonly timeUs?: number;
  /** The line without what stands before it. */
  readonly text: string;
  readonly comm?: string;
  readonly pid?: number;
  /** How long it had lasted, where the line says so; seconds. */
  readonly seconds?: number;
  /** How many lines, of `dropped`. */
  readonly count?: number;
}

const PATTERNS: readonly (readonly [kind: LogEventKind, pattern: RegExp])[] = [
  ['oom-killer', /^(?<comm>.*) invoked oom-killer: (?:gfp_mask|order)=/],
  // 2.6.36 to 4.19 have a line of its own for the choice, and `Killed process` on the next.
  ['memcg-kill', /Memory cgroup out of memory: Kill(?:ed)? process (?<pid>\d+),? \((?<comm>.*?)\)/],
  ['oom-kill', /\bKill(?:ed)? process (?<pid>\d+),? \((?<comm>.*?)\)/],
  [
    'oom-reaper',
    /^oom_reaper: (?:reaped process |unable to reap pid:)(?<pid>\d+) \((?<comm>.*?)\)/,
  ],
  ['allocation stall', /^(?<comm>.*): page allocation stalls for (?<ms>\d+)ms, order:\d+/],
  ['allocation failure', /^(?<comm>.*): page allocation failure: order:\d+/],
  ['hung task', /^INFO: task (?<comm>.*):(?<pid>\d+) blocked .*for more than (?<s>\d+) seconds/],
  ['workqueue lockup', /^BUG: workqueue lockup - pool .* stuck for (?<s>\d+)s!/],
  ['dropped', /\*\* (?<count>\d+) printk messages dropped \*\*/],
];

/** Every pattern has one of these; most lines of a log have none. */
const WORDS = /oom|[Kk]ill|page allocation|INFO: task|workqueue lockup|messages dropped/;

/** LOG_LINE_MAX of the kernel: what is longer is of no kernel. */
const TEXT_LENGTH_MAX = 1024;

/** The event that a line tells of. */
export function parseLogEvent(line: LogLine): LogEvent | undefined {
  const { timeUs } = line;
  const text = line.text.slice(0, TEXT_LENGTH_MAX);
  if (!WORDS.test(text)) return undefined;
  for (const [kind, pattern] of PATTERNS) {
    const groups = pattern.exec(text)?.groups;
    if (groups === undefined) continue;
    const { comm, pid, s, ms, count } = groups;
    const seconds = s ?? (ms === undefined ? undefined : Number(ms) / 1000);
    return {
      kind,
      ...optional('timeUs', timeUs),
      text,
      ...optional('comm', comm),
      ...optional('pid', pid === undefined ? undefined : Number(pid)),
      ...optional('seconds', seconds === undefined ? undefined : Number(seconds)),
      ...optional('count', count === undefined ? undefined : Number(count)),
    };
  }
  return undefined;
}
