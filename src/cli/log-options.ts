// Options that say which records of the log are meant.

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

/**
 * A time stamp in seconds as microseconds; below zero it counts back from the newest record.
 *
 * @throws UsageError for what is no number
 */
export function sinceOf(given: string): number {
  if (/^-?\d{1,9}(?:\.\d+)?$/.test(given)) return Math.round(Number(given) * 1e6);
  throw new UsageError(`--since ${given}: expected seconds, such as 120.5 or -60`);
}
