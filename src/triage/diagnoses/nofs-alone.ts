// D2 without a lock: every request there is lacks __GFP_FS, so that the OOM killer is invoked for
// none of them, and there is nothing left to reclaim.

import { isKswapdByName } from '../../kernel/task-flags.ts';
import { count } from '../../util/count.ts';
import { canaryEvidence } from '../canary.ts';
import {
  btVerb,
  calls,
  isBlocked,
  isInSlowPath,
  isOverdue,
  isRequesting,
  isVictim,
  nameOf,
  namesOf,
  type Facts,
  type TaskFacts,
} from '../facts.ts';
import type { Confidence, Finding } from '../finding.ts';
import { holdsOffOomKiller } from '../oom-wait.ts';
import { reliefOf, reliefText, type Relief } from '../relief.ts';
import { cannotInvokeOom, requestMask } from '../request-mask.ts';

/** Some have waited for long, and nobody asks who could have somebody killed. */
export function nofsAlone(facts: Facts): Finding | undefined {
  const requests = facts.tasks.filter((fact) => isRequesting(fact) && isInSlowPath(fact));
  const old = requests.filter((fact) => isOverdue(fact) === true);
  if (old.length === 0 || facts.tasks.some((fact) => isVictim(fact) || holdsOffOomKiller(fact))) {
    return undefined;
  }
  const masks = requests.map(mayNotKill);
  if (masks.includes(false) || !masks.includes(true)) return undefined;
  const known = requests.filter((_, at) => masks[at] === true);
  const unknown = requests.filter((_, at) => masks[at] === undefined);
  const kswapd = facts.tasks.find(({ task }) => isKswapdByName(task));
  if (kswapd === undefined) return undefined;
  const isAtWork = kswapd.calls.includes('balance_pgdat');
  return {
    diagnosis: 'D2',
    name: 'only requests without __GFP_FS are left, and for them nobody is killed',
    sentence:
      `${namesOf(old)} ${old.length === 1 ? 'waits' : 'wait'} for memory that nobody frees: the ` +
      `OOM killer is invoked for none of the ${count(known.length, 'request')} in the slow path ` +
      `${unknown.length === 0 ? '' : 'whose masks are known, '}since all lack __GFP_FS.`,
    confidence: confidenceOf({
      isKnown: unknown.length === 0,
      isAtWork,
      relief: reliefOf(facts),
    }),
    because:
      unknown.length === 0
        ? `the masks of all ${requests.length} are known; who asks with __GFP_FS would end it`
        : `the masks of ${requests.length - unknown.length} of ${requests.length} are known`,
    evidence: [
      { fact: `${namesOf(old)}: overdue`, verb: 'memalloc --all' },
      { fact: `${namesOf(known)}: may not kill`, verb: 'memalloc --all' },
      ...(isAtWork ? [] : [{ fact: `${nameOf(kswapd)} does not reclaim`, verb: btVerb([kswapd]) }]),
      ...canaryEvidence(requests),
    ],
    against: [...(isAtWork ? [`${nameOf(kswapd)} is at work`] : []), ...reliefText(facts)],
    missing: unknown.length === 0 ? [] : [`the ${masksText(unknown)}`],
    next: 'find out why they ask without __GFP_FS; a task that asks with it has somebody killed',
    culprits: [],
  };
}

/**
 * The OOM killer is not invoked for it. Where its mask is not known, throttle_direct_reclaim()
 * (mm/vmscan.c) sleeps uninterruptibly for those alone that have __GFP_FS.
 */
function mayNotKill(fact: TaskFacts): boolean | undefined {
  const known = cannotInvokeOom(fact.task, requestMask(fact.task), false);
  const hasFs = isBlocked(fact) && calls(fact, 'throttle_direct_reclaim');
  return known ?? (hasFs ? false : undefined);
}

function masksText(unknown: readonly TaskFacts[]): string {
  return `${unknown.length === 1 ? 'mask' : 'masks'} of ${namesOf(unknown)}`;
}

function confidenceOf(on: {
  readonly isKnown: boolean;
  readonly isAtWork: boolean;
  readonly relief: Relief | undefined;
}): Confidence {
  const isUnserved = on.relief === 'none' || on.relief === 'too little';
  return on.isKnown && !on.isAtWork && isUnserved ? 'likely' : 'possible';
}
