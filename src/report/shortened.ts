// A stack in a line: the innermost calls, who asked for memory, and where it all began.

import { allocatorCall } from '../kernel/alloc-callers.ts';

/** Calls of which a line on a screen with the rest has room. */
const CALLS_SHOWN = 7;
/** Of these so many at the inner end. */
const INNERMOST = 3;
const OUTERMOST = 1;

/**
 * The innermost calls, the one that wants memory, and the outermost ones, with `…4…` for those
 * between; all where they are few.
 */
export function shortenedCalls(calls: readonly string[]): string[] {
  if (calls.length <= CALLS_SHOWN) return [...calls];
  const slow = allocatorCall(calls);
  const kept = calls.map(
    (_, at) => at < INNERMOST || at >= calls.length - OUTERMOST || (slow >= 0 && isNear(at, slow)),
  );
  const words: string[] = [];
  let left: string[] = [];
  for (const [at, name] of calls.entries()) {
    if (kept[at] !== true) left.push(name);
    else {
      words.push(...gapOf(left), name);
      left = [];
    }
  }
  return words;
}

/** One name takes no more room than that it is left out. */
function gapOf(left: readonly string[]): readonly string[] {
  return left.length < 2 ? left : [`…${left.length}…`];
}

/** The allocator's outermost call, and who made it. */
function isNear(at: number, slow: number): boolean {
  return at === slow || at === slow + 1;
}
