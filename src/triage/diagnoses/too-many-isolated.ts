// D1: all reclaimers wait until fewer pages are isolated, and kswapd, which could put some back,
// waits for what one of them holds.

import { lruScopes } from '../../kernel/mmzone.ts';
import { isKswapdByName } from '../../kernel/task-flags.ts';
import {
  btVerb,
  calls,
  isBlocked,
  isOverdue,
  nameOf,
  namesOf,
  pidsOf,
  type Facts,
  type TaskFacts,
} from '../facts.ts';
import type { Finding } from '../finding.ts';
import {
  atMost,
  butFor,
  chainFrom,
  circleOf,
  doubts,
  endOf,
  leadsToMemory,
  sleepsForPage,
  sleepsInLock,
  sureness,
  unprovedDoubts,
  unprovedSureness,
  unsureOf,
  wayToMemory,
  type Chain,
} from '../lock-waits.ts';
import { mayUseFs, requestMask } from '../request-mask.ts';

const LRU_SCAN = 'shrink_inactive_list';
const THROTTLE = 'congestion_wait';

/** That the loop is on a stack shows that the change is not there. */
const NEXT =
  'a kernel with commit db73ee0d4637 ("mm, vmscan: do not loop on too_many_isolated for ever"), ' +
  'which this one lacks, waits once and goes on';

/**
 * It waits in too_many_isolated()'s loop: congestion_wait() called by shrink_inactive_list()
 * itself. Since 4.14 (commit db73ee0d4637) that function sleeps once, with msleep(), and goes on.
 */
function waitsForIsolated({ calls: names, place }: TaskFacts): boolean {
  const at = names.indexOf(THROTTLE);
  return place === 'slow path' && at >= 0 && names[at + 1] === LRU_SCAN;
}

/**
 * Whether too_many_isolated() (mm/vmscan.c) is known to let a request pass by now: it
 * compares NR_ISOLATED_* with NR_INACTIVE_*, of which who may use both __GFP_IO and __GFP_FS is
 * held to an eighth.
 */
function areFewIsolated({ nodes = [] }: Facts, { task }: TaskFacts): boolean {
  const scopes = lruScopes({ type: 'zones', nodes });
  const usesFs = mayUseFs(requestMask(task));
  if (scopes.length === 0 || usesFs === undefined) return false;
  return scopes.every(({ counters }) =>
    ['FILE', 'ANON'].every((kind) => {
      const isolated = counters[`NR_ISOLATED_${kind}`];
      const inactive = counters[`NR_INACTIVE_${kind}`];
      if (isolated === undefined || inactive === undefined) return false;
      return isolated.value <= (usesFs ? inactive.value >> 3 : inactive.value);
    }),
  );
}

/** Counters that hold somebody in the loop, in words: an eighth is the lower of the two limits. */
function isolatedIn({ nodes = [] }: Facts): string[] {
  return lruScopes({ type: 'zones', nodes }).flatMap(({ name, counters }) =>
    ['FILE', 'ANON'].flatMap((kind) => {
      const isolated = counters[`NR_ISOLATED_${kind}`]?.value;
      const inactive = counters[`NR_INACTIVE_${kind}`]?.value;
      if (isolated === undefined || inactive === undefined) return [];
      if (isolated <= inactive >> 3) return [];
      const limit = isolated > inactive ? '' : `, an eighth of which is the limit with __GFP_FS`;
      return [`${name}: NR_ISOLATED_${kind} ${isolated}, NR_INACTIVE_${kind} ${inactive}${limit}`];
    }),
  );
}

/** Two tasks and more wait so, and kswapd is blocked below its scan; or one has for long. */
export function tooManyIsolated(facts: Facts): Finding | undefined {
  const inLoop = facts.tasks.filter((fact) => isBlocked(fact) && waitsForIsolated(fact));
  const throttled = inLoop.filter((fact) => !areFewIsolated(facts, fact));
  const kswapd = facts.tasks.find(
    (fact) =>
      isKswapdByName(fact.task) && isBlocked(fact) && (sleepsInLock(fact) || sleepsForPage(fact)),
  );
  if (kswapd === undefined || throttled.length < 2) return livelock(inLoop);
  return behindKswapd(facts, { inLoop, throttled, kswapd });
}

/** Who waits in the loop, and the kswapd that is blocked. */
interface Throttling {
  readonly inLoop: readonly TaskFacts[];
  /** Those that the counters do not let go. */
  readonly throttled: readonly TaskFacts[];
  readonly kswapd: TaskFacts;
}

function behindKswapd(facts: Facts, found: Throttling): Finding {
  const { throttled, kswapd } = found;
  const chain = chainFrom(facts, kswapd);
  const isolated = isolatedIn(facts);
  const way = wayOf(facts, found, chain);
  const isKnown = chain.isProved && chain.links.length > 1;
  return {
    diagnosis: 'D1',
    name: 'endless wait for isolated pages (too_many_isolated)',
    sentence:
      `${throttled.length} tasks wait in shrink_inactive_list() until fewer pages are isolated, ` +
      `and ${nameOf(kswapd)}, ${hasIsolated(kswapd) ? 'which has isolated some' : EXEMPT}, ` +
      `${way.words}.`,
    confidence: way.confidence,
    because: way.because,
    evidence: [
      { fact: `${namesOf(throttled)} in congestion_wait()`, verb: btVerb(throttled) },
      { fact: `${nameOf(kswapd)} is blocked below its scan`, verb: btVerb([kswapd]) },
      ...isolated.map((fact) => ({ fact, verb: 'mem' })),
      ...(isKnown ? [{ fact: chain.links.map(nameOf).join(' -> '), verb: 'locks --graph' }] : []),
    ],
    against: way.against,
    missing: [
      ...(isKnown ? [] : ['who holds the lock that kswapd waits for']),
      ...(isolated.length > 0 ? [] : ['whether more pages are isolated than inactive']),
    ],
    next: `${NEXT}; until then, less I/O under GFP_NOFS`,
    culprits: isKnown ? pidsOf(chain.isCycle ? circleOf(chain) : [endOf(chain)]) : [],
  };
}

/** too_many_isolated() holds up nobody who is kswapd. */
const EXEMPT = 'which need not wait there';

/** Its scan took pages off a list, and puts those back that it could not free. */
function hasIsolated(kswapd: TaskFacts): boolean {
  return calls(kswapd, LRU_SCAN);
}

/** For what kswapd waits, and what follows from that. */
interface Way extends Pick<Finding, 'confidence' | 'because' | 'against'> {
  readonly words: string;
}

function wayOf(facts: Facts, found: Throttling, chain: Chain): Way {
  const end = endOf(chain);
  if (!chain.isProved || chain.links.length === 1) {
    return {
      words: 'sleeps in a lock',
      confidence: unprovedSureness(facts, [found.kswapd]),
      because: 'who holds what kswapd waits for could not be proved',
      against: unprovedDoubts(facts, [found.kswapd]),
    };
  }
  if (leadsToMemory(chain)) {
    return found.throttled.includes(end)
      ? closed(facts, found.kswapd, end)
      : asksOutside(facts, found, chain);
  }
  const what = chain.isCycle
    ? `waits in a circle of locks (${circleOf(chain).map(nameOf).join(' -> ')})`
    : `waits for what ${nameOf(end)} has, which does not wait for memory`;
  return {
    words: what,
    confidence: 'possible',
    because: 'it was proved who has what kswapd waits for, and that one asks for no memory',
    against: [`that loop does not hold up ${namesOf(chain.isCycle ? circleOf(chain) : [end])}`],
  };
}

function closed(facts: Facts, kswapd: TaskFacts, end: TaskFacts): Way {
  const lowers = [
    ...(hasIsolated(kswapd) ? [] : [`${nameOf(kswapd)} was not seen to have isolated pages`]),
    // Where the counters were not read, fewer may be isolated by now.
    ...(isolatedIn(facts).length > 0 ? [] : ['no counter shows that too many are isolated']),
  ];
  const sure = sureness(facts, end);
  return {
    words: `waits for what ${nameOf(end)} has, which is one of them`,
    confidence: sure === 'certain' && lowers.length > 0 ? 'likely' : sure,
    because: butFor('the circle is closed, and this loop has no other way out in this kernel', [
      ...unsureOf(facts, end),
      ...lowers,
    ]),
    against: doubts(facts, end),
  };
}

/**
 * Who runs may find fewer isolated, or be one whose limit is higher: without __GFP_FS it is. It
 * gets none of the pages that are isolated all the same.
 */
function asksOutside(facts: Facts, { inLoop }: Throttling, chain: Chain): Way {
  const end = endOf(chain);
  const goesOn = inLoop.includes(end)
    ? `no more pages are isolated than lets the request of ${nameOf(end)} pass`
    : `${nameOf(end)} is not in that loop at this instant`;
  return {
    words: wayToMemory(chain),
    confidence: atMost('likely', sureness(facts, end)),
    because: butFor('it was proved who has what kswapd waits for, and that one asks for memory', [
      goesOn,
    ]),
    against: doubts(facts, end),
  };
}

/**
 * Fewer are isolated or kswapd is not blocked: others go on isolating pages, so that whoever must
 * wait for fewer may wait for ever.
 */
function livelock(throttled: readonly TaskFacts[]): Finding | undefined {
  const overdue = throttled.filter((fact) => isOverdue(fact) === true);
  if (overdue.length === 0) return undefined;
  return {
    diagnosis: 'D1',
    name: 'endless wait for isolated pages (too_many_isolated)',
    sentence:
      `${namesOf(overdue)} ${overdue.length === 1 ? 'waits' : 'wait'} in ` +
      'shrink_inactive_list() until fewer pages are isolated.',
    confidence: 'possible',
    because: 'others may go on isolating pages, or the disk is slow',
    evidence: [{ fact: `${namesOf(overdue)} in congestion_wait()`, verb: btVerb(overdue) }],
    against: [],
    missing: ['whether they have left that loop meanwhile: a second dump shows their seq'],
    next: NEXT,
    culprits: [],
  };
}
