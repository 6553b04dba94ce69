// D2: those whose requests get on may not invoke the OOM killer, and those that may wait for what
// the others hold.

import { isKswapdByName } from '../../kernel/task-flags.ts';
import {
  btVerb,
  hasRunLately,
  isBlocked,
  isInSlowPath,
  isOverdue,
  isRequesting,
  mayBeOverdue,
  nameOf,
  namesOf,
  pidsOf,
  type Facts,
  type TaskFacts,
} from '../facts.ts';
import { canaryEvidence, withoutCanaries } from '../canary.ts';
import type { Confidence, Finding } from '../finding.ts';
import { chainFrom, doubts, endOf, sleepsForPage, sleepsInLock, sureness } from '../lock-waits.ts';
import { holdsOffOomKiller } from '../oom-wait.ts';
import { poolEvidence } from '../pool-waits.ts';
import { cannotInvokeOom, requestMask } from '../request-mask.ts';

/**
 * kswapd and all overdue requests with __GFP_FS are blocked; the rest only reclaims. Where no
 * request of the rest is overdue they get on, one after the other, and may keep the lock all the
 * same: who writes to a file asks for one page after the other. Then the others must have slept for
 * longer than the timeout already, each in the one lock.
 */
export function nofsOnly(facts: Facts): Finding | undefined {
  const requests = facts.tasks.filter((fact) => isRequesting(fact) && isInSlowPath(fact));
  if (facts.tasks.some(holdsOffOomKiller)) return undefined;
  const stopped = requests.filter((fact) => isStopped(fact) && mayBeOverdue(fact));
  const running = requests.filter((fact) => !isStopped(fact));
  const old = running.filter(mayBeOverdue);
  const free = old.length > 0 ? old : running;
  // What polls a drive gets on as the others do, and would show as much of any other stall.
  const matter = withoutCanaries(free);
  const kswapd = facts.tasks.find(({ task }) => isKswapdByName(task));
  const areAsleep = stopped.every((fact) => hasRunLately(facts, fact) === false);
  if (old.length === 0 && !areAsleep) return undefined;
  if (stopped.length === 0 || free.length === 0 || kswapd === undefined || !isStopped(kswapd)) {
    return undefined;
  }
  const masks = free.map(({ task }) => cannotInvokeOom(task, requestMask(task), false));
  if (masks.includes(false)) return undefined;
  const known = !masks.includes(undefined);
  const chains = [kswapd, ...stopped].map((fact) => chainFrom(facts, fact));
  const holder = chains
    .filter(({ isProved }) => isProved)
    .map(endOf)
    .find((end) => free.includes(end));
  if (holder === undefined && matter.length === 0) return undefined;
  return {
    diagnosis: 'D2',
    name: 'only requests without __GFP_FS get on, and for them nobody is killed',
    sentence:
      `${namesOf(free)} ${free.length === 1 ? 'asks' : 'ask'} for memory without __GFP_FS, ` +
      'for which the OOM killer kills nobody; ' +
      (holder === undefined
        ? `${nameOf(kswapd)} and ${stopped.length} others are blocked.`
        : `${nameOf(kswapd)} and ${stopped.length} others wait for what ${nameOf(holder)} holds.`),
    confidence: confidenceOf(facts, { free, stopped }, { holder, known }),
    because:
      holder !== undefined
        ? 'the holder of what they wait for is one of those for whom nobody is killed'
        : 'who holds what they wait for could not be proved',
    evidence: [
      { fact: `${namesOf(free)}: requests that may not kill`, verb: 'memalloc --all' },
      { fact: `${namesOf(stopped)} blocked inside reclaim`, verb: btVerb(stopped) },
      { fact: `${nameOf(kswapd)} is blocked`, verb: btVerb([kswapd]) },
      ...canaryEvidence(free),
      ...poolEvidence(facts),
    ],
    against: holder === undefined ? [] : doubts(facts, holder),
    missing: known ? [] : ['the masks of the requests that are not blocked'],
    next: 'the file system holds a lock while it asks for memory: its transaction or its journal',
    culprits: holder === undefined ? pidsOf(matter) : pidsOf([holder]),
  };
}

function isStopped(fact: TaskFacts): boolean {
  return isBlocked(fact) && (sleepsInLock(fact) || sleepsForPage(fact));
}

/**
 * Without their ages such requests are what any busy file system has at any instant. Where it is
 * proved who holds up the others, that they have waited for so long says as much: of those that
 * reclaim a kernel without records knows neither age nor mask.
 */
function confidenceOf(
  facts: Facts,
  { free, stopped }: { free: readonly TaskFacts[]; stopped: readonly TaskFacts[] },
  { holder, known }: { holder: TaskFacts | undefined; known: boolean },
): Confidence {
  const isOld = (fact: TaskFacts): boolean => isOverdue(fact) === true;
  if (known && free.some(isOld)) return holder === undefined ? 'likely' : sureness(facts, holder);
  if (holder === undefined || !stopped.some(isOld)) return 'possible';
  return sureness(facts, holder) === 'possible' ? 'possible' : 'likely';
}
