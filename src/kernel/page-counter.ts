// What a memory cgroup has charged and may charge: struct page_counter (mm/page_counter.c).

import type { Ref } from '../target/ref.ts';
import { optional } from '../util/optional.ts';
import { countOf } from './vmstat.ts';

/** One counter, in pages. */
export interface PageCounterState {
  readonly usagePages: number;
  /** `max`: there is no limit, as cgroup v2 prints it. */
  readonly maxPages: number | 'max';
  /** Above it chargers are throttled; cgroup v2 has it. */
  readonly highPages?: number | 'max';
  /** How often a charge met the limit. */
  readonly failures?: number;
}

/** PAGE_COUNTER_MAX: LONG_MAX / PAGE_SIZE. */
const PAGE_COUNTER_MAX = ((1n << 63n) - 1n) / 4096n;

/**
 * Reads a counter.
 *
 * @param counter `struct page_counter`
 */
export function readPageCounter(counter: Ref): PageCounterState {
  const limit = (path: string): number | 'max' => limitOf(counter.member(path).integer());
  const failures = counter.has('failcnt') ? countOf(counter.member('failcnt')) : undefined;
  return {
    usagePages: countOf(counter.firstMember('usage', 'count')),
    maxPages: limit(counter.has('max') ? 'max' : 'limit'),
    ...optional('highPages', counter.has('high') ? limit('high') : undefined),
    ...optional('failures', failures),
  };
}

/** A limit in pages; none is a number that no machine has. */
export function limitOf(pages: bigint): number | 'max' {
  return pages >= PAGE_COUNTER_MAX ? 'max' : Number(pages);
}
