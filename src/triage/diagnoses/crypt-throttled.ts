// D10: dm-crypt's worker, through which swap is written, is throttled by reclaim.

import { count } from '../../util/count.ts';
import {
  btVerb,
  calls,
  isOverdue,
  isRequesting,
  namesOf,
  pidsOf,
  type Facts,
  type TaskFacts,
} from '../facts.ts';
import type { Evidence } from '../evidence.ts';
import type { Finding } from '../finding.ts';
import { poolEvidence } from '../pool-waits.ts';

const CRYPT = [
  'kcryptd_crypt',
  'kcryptd_crypt_write_convert',
  'crypt_alloc_buffer',
  'crypt_convert',
];
/** Taken out by commit bf48438354a7 (v4.9). */
const LIMIT = 'throttle_vm_writeout';
/** reclaim_throttle(), which took their place in v5.16, does not hold kernel threads up. */
const THROTTLES = [LIMIT, 'congestion_wait', 'wait_iff_congested'];

/**
 * The worker waits in one of reclaim's throttles. That makes all slow, of which requests of every
 * age come; that most are overdue is what a machine looks like on which nothing gets on.
 */
export function cryptThrottled(facts: Facts): Finding | undefined {
  const throttled = facts.tasks.filter(
    (fact) => calls(fact, ...CRYPT) && calls(fact, ...THROTTLES),
  );
  if (throttled.length === 0) return undefined;
  const requests = facts.tasks.filter((fact) => isRequesting(fact) && !throttled.includes(fact));
  const late = requests.filter((fact) => isOverdue(fact) === true);
  const isSlow = late.length > 0 && late.length * 2 < requests.length && !throttled.some(isLate);
  const are = throttled.length === 1 ? 'is' : 'are';
  const ask = requests.length === 1 ? 'asks' : 'ask';
  const isLimit = throttled.some((fact) => calls(fact, LIMIT));
  return {
    diagnosis: 'D10',
    name: 'the dm-crypt worker is throttled by reclaim',
    sentence:
      `${namesOf(throttled)}, through which encrypted pages are written, ${are} throttled inside ` +
      `reclaim, while ${count(requests.length, 'other')} ${ask} for memory` +
      (isSlow ? '.' : ': slow or dead, a second dump tells.'),
    confidence: isSlow ? 'likely' : 'possible',
    because: becauseOf(requests, late),
    evidence: [
      { fact: `${namesOf(throttled)}: throttled under mempool_alloc()`, verb: btVerb(throttled) },
      { fact: `${count(requests.length, 'other request')} in flight`, verb: 'bt --stalled' },
      ...writtenEvidence(facts),
      ...poolEvidence(facts),
    ],
    against: againstIt(facts, throttled.filter(isLate)),
    missing: ['whether and how fast it gets on: a second dump shows its switches'],
    next: isLimit
      ? 'no swap on dm-crypt, or a kernel with commit bf48438354a7 ("mm, vmscan: get rid of ' +
        'throttle_vm_writeout"), which this one lacks'
      : 'no swap on dm-crypt while memory is so short',
    culprits: pidsOf(throttled),
  };
}

function isLate(fact: TaskFacts): boolean {
  return isOverdue(fact) === true;
}

function becauseOf(requests: readonly TaskFacts[], late: readonly TaskFacts[]): string {
  const wait = "each page costs the worker one of reclaim's waits";
  if (late.length === 0) return `${wait}; no request is known to be older than the timeout`;
  const of = `${late.length} of ${count(requests.length, 'request')}`;
  const are = late.length === 1 ? 'is' : 'are';
  return late.length * 2 < requests.length
    ? `${wait}, and only ${of} ${are} older than the timeout, as where all is slow`
    : `${wait}; but ${of} ${are} older than the timeout, as where nothing gets on`;
}

function writtenEvidence({ writeback = 0 }: Facts): Evidence[] {
  if (writeback === 0) return [];
  return [{ fact: `${count(writeback, 'page')} under writeback`, verb: 'mem' }];
}

function againstIt({ writeback }: Facts, late: readonly TaskFacts[]): string[] {
  const have = late.length === 1 ? 'has' : 'have';
  return [
    ...(late.length === 0
      ? []
      : [`${namesOf(late)} ${have} waited for longer than the timeout: rather dead than slow`]),
    ...(writeback === 0 ? ['no page is being written: it has nothing to be throttled for'] : []),
  ];
}
