// D12: reclaim for a memory cgroup waits for writeback that its own caller has not submitted.

import {
  btVerb,
  callsWithin,
  hasRunLately,
  isBlocked,
  namesOf,
  pidsOf,
  type Facts,
  type TaskFacts,
} from '../facts.ts';
import type { Finding } from '../finding.ts';
import { mayUseFs } from '../request-mask.ts';

const PAGE_WAITS = [
  'folio_wait_writeback',
  'wait_on_page_writeback',
  'wait_on_page_bit',
  'folio_wait_bit',
];
const SCANS = ['shrink_page_list', 'shrink_folio_list'];
const MEMCG_RECLAIM = ['try_to_free_mem_cgroup_pages'];

/** Who is inside one of these is writing pages (mm/filemap.c, mm/page-writeback.c, fs/ext4). */
const WRITERS =
  /writepages?$|^write_cache_pages$|^mpage_map_and_submit_extent$|^file_write_and_wait_range$/;

/** The wait for a page under writeback, in reclaim for a cgroup, below a file system's writer. */
export function memcgWriteback(facts: Facts): Finding | undefined {
  // It is no request, so that no record says since when it waits; the scheduler does.
  const waiting = facts.tasks.filter(
    (fact) =>
      isBlocked(fact) &&
      callsWithin(fact, PAGE_WAITS, SCANS) &&
      callsWithin(fact, SCANS, MEMCG_RECLAIM) &&
      hasRunLately(facts, fact) !== true,
  );
  if (waiting.length === 0) return undefined;
  const writers = waiting.filter(({ calls }) => calls.some((name) => WRITERS.test(name)));
  const isLong = writers.some((fact) => hasRunLately(facts, fact) === false);
  const hasPages = facts.writeback !== 0;
  return {
    diagnosis: 'D12',
    name: 'memory cgroup reclaim waits for writeback, perhaps of its own making',
    sentence:
      `${namesOf(waiting)} ${waiting.length === 1 ? 'waits' : 'wait'} in reclaim for a memory ` +
      `cgroup for a page under writeback${writesText(waiting, writers)}.`,
    confidence: isLong && hasPages ? 'likely' : 'possible',
    because: becauseOf(writers, isLong),
    evidence: [
      { fact: `${namesOf(waiting)}: writeback under cgroup reclaim`, verb: btVerb(waiting) },
    ],
    against: hasPages ? [] : ['no page is being written (NR_WRITEBACK is 0)'],
    missing: ['whether the page is in a bio that was not submitted'],
    next: nextStep(writers),
    culprits: pidsOf(writers.length > 0 ? writers : waiting),
  };
}

function writesText(waiting: readonly TaskFacts[], writers: readonly TaskFacts[]): string {
  if (writers.length === 0) return '';
  const isOne = writers.length === 1;
  const they = isOne ? 'it' : 'they';
  const who = waiting.length === writers.length ? they : namesOf(writers);
  const are = isOne ? 'is' : 'are';
  return `, while ${who} ${are} writing pages, and may have yet to submit this one`;
}

function becauseOf(writers: readonly TaskFacts[], isLong: boolean): string {
  if (writers.length === 0) return 'the disk may simply be slow';
  const writer = 'a writer of pages is further out on the same stack';
  return isLong
    ? `${writer}, and has slept for longer than the timeout`
    : `${writer}; for how long it has slept is not known`;
}

/**
 * Since that commit (mm/vmscan.c has it in Linux 6.1) only those wait so that may enter file
 * systems, and for pages of swap those that may do I/O. The charge is no request that is recorded.
 */
function nextStep(writers: readonly TaskFacts[]): string {
  const masks = writers.map(({ task }) => mayUseFs({ gfpNames: task.evidence?.gfpNames }));
  const raise = 'raise the limit of the cgroup';
  if (masks.includes(false)) {
    return (
      `${raise}; where the page is a file's, this kernel lacks commit ecf5fc6e9654 ("mm, vmscan: ` +
      'Do not wait for page writeback for GFP_NOFS allocations"): it waits without __GFP_FS'
    );
  }
  return masks.includes(true)
    ? `${raise}; find out why a writer of pages asks for memory with __GFP_FS`
    : `${raise}; find out whether it asks with __GFP_FS, and what holds up the disk`;
}
