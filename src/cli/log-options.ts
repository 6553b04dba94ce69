// Options that say which records of the log are meant.

import type { LogOptions } from '../kernel/log.ts';
import { oneOf } from './near-name.ts';
import { UsageError } from './usage.ts';

/** The levels of printk() as dmesg(1) names them, KERN_EMERG first. */
const LEVELS = ['emerg', 'alert', 'crit', 'err', 'warn', 'notice', 'info', 'debug'];

/**
 * Levels by name or number, several with a comma between them; `err+` is err and all that is worse.
 *
 * @throws UsageError for what is no level
 */
export function levelsOf(given: string): number[] {
  const levels = given.split(',').flatMap((word) => {
    const name = word.replace(/\+$/, '');
    const level = /^[0-7]$/.test(name)
      ? Number(name)
      : LEVELS.indexOf(oneOf(LEVELS, { verb: 'log', what: 'level', given: name }));
    return word.endsWith('+') ? LEVELS.map((_, at) => at).slice(0, level + 1) : [level];
  });
  return [...new Set(levels)];
}

/** From when on: {@link LogOptions} has these members. */
export type Since = Pick<LogOptions, 'sinceUs' | 'sinceWallUs'>;

/** A day, or a time of day, in UTC as --ctime prints it. */
const DATE = /^(\d{4}-\d\d-\d\d)(?:[T ](\d\d:\d\d(?::\d\d(?:\.\d+)?)?)Z?)?$/;

/**
 * A time stamp in seconds, which below zero counts back from the newest record; or a date in UTC.
 *
 * @throws UsageError for what is neither
 */
export function sinceOf(given: string): Since {
  if (/^-?\d{1,9}(?:\.\d+)?$/.test(given)) return { sinceUs: Math.round(Number(given) * 1e6) };
  const [, day, time = '00:00'] = DATE.exec(given) ?? [];
  const ms = day === undefined ? Number.NaN : Date.parse(`${day}T${time}Z`);
  if (!Number.isNaN(ms)) return { sinceWallUs: ms * 1000 };
  const expected = 'seconds, such as 120.5 or -60, or a time in UTC, such as 2026-11-21T03:31';
  throw new UsageError(`--since ${given}: expected ${expected}`);
}
