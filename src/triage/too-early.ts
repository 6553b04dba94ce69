// Requests in flight that are younger than the timeout, on a machine that is short of memory: it
// may be about to stall, or about to get on. One dump does not tell, and nobody is to close the
// case.

import { CHOSEN } from '../kernel/memalloc-timeout.ts';
import { count } from '../util/count.ts';
import type { Checked } from './checked.ts';
import { checksOf } from './checks.ts';
import { timeoutOf } from './evidence.ts';
import { isRequesting, type Facts } from './facts.ts';
import type { Verdict } from './verdict.ts';
import { oldestOf } from './words.ts';

/** The verdict in place of "not a memory problem"; undefined where that may be said. */
export function tooEarly(verdict: Verdict, facts: Facts, checked: Checked): Verdict | undefined {
  if (verdict.class !== 'not-stalled') return undefined;
  const asking = facts.tasks.filter(isRequesting).map(({ task }) => task);
  const ill = checksOf(checked).made.filter(({ isWell }) => !isWell);
  // What the log tells of the time before counts with others, and is no reason alone.
  const isIll = ill.some(({ isHistory }) => isHistory !== true);
  if (asking.length === 0 || !isIll) return undefined;
  const aged = asking.filter(({ record }) => record?.inFlight === true);
  const are = asking.length === 1 ? 'is' : 'are';
  const longest = aged.length === 0 ? '' : `, longest ${oldestOf(aged)}`;
  const { record, rebuilt } = facts.memalloc;
  const isChosen = (record ?? rebuilt)?.timeoutSeconds?.source === CHOSEN;
  const none = `none for over ${timeoutOf(facts.memalloc)}`;
  return {
    ...verdict,
    class: 'unknown',
    sentence:
      `Too early to tell: ${count(asking.length, 'task')} ${are} in the allocator's slow path` +
      `${longest}, ${none}; but ${count(ill.length, 'check')} of memory failed.`,
    missing: [...verdict.missing, 'whether these requests get on: a second dump shows it'],
    next:
      'take a second dump a minute later' +
      (isChosen ? '' : ', or judge by a shorter time with --timeout SECONDS'),
  };
}
