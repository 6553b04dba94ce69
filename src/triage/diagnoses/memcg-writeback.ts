// D12: reclaim for a memory cgroup waits for writeback that its own caller has not submitted.

import {
  btVerb,
  callsWithin,
  hasRunLately,
  isBlocked,
  namesOf,
  pidsOf,
  type Facts,
} from '../facts.ts';
import type { Finding } from '../finding.ts';

const PAGE_WAITS = [
  'folio_wait_writeback',
  'wait_on_page_writeback',
  'wait_on_page_bit',
  'folio_wait_bit',
];
const SCANS = ['shrink_page_list', 'shrink_folio_list'];
const MEMCG_RECLAIM = ['try_to_free_mem_cgroup_pages'];

/** The wait for a page under writeback, in reclaim for a cgroup, below a file system's writer. */
export function memcgWriteback(facts: Facts): Finding | undefined {
  const waiting = facts.tasks.filter(
    (fact) =>
      isBlocked(fact) &&
      callsWithin(fact, PAGE_WAITS, SCANS) &&
      callsWithin(fact, SCANS, MEMCG_RECLAIM),
  );
  // It is no request, so that no record says since when it waits; the scheduler does.
  if (waiting.every((fact) => hasRunLately(facts, fact) === true)) return undefined;
  const writers = waiting.filter(({ calls }) => calls.some((name) => /writepages?$/.test(name)));
  return {
    diagnosis: 'D12',
    name: 'memory cgroup reclaim waits for writeback of its own making',
    sentence:
      `${namesOf(waiting)} ${waiting.length === 1 ? 'waits' : 'wait'} in reclaim for a memory ` +
      'cgroup for a page under writeback' +
      (writers.length > 0
        ? ', which the same task has begun to write and not yet submitted.'
        : '.'),
    confidence: writers.length > 0 ? 'likely' : 'possible',
    because:
      writers.length > 0
        ? 'a writer of pages is further out on the same stack'
        : 'the disk may simply be slow',
    evidence: [
      { fact: `${namesOf(waiting)}: writeback under cgroup reclaim`, verb: btVerb(waiting) },
    ],
    against: [],
    missing: ['whether the page is in a bio that was not submitted'],
    next:
      'raise the limit of the cgroup; commit ecf5fc6e9654 ("mm, vmscan: Do not wait for page ' +
      'writeback for GFP_NOFS allocations") does not wait so where the request has no __GFP_FS',
    culprits: pidsOf(waiting),
  };
}
