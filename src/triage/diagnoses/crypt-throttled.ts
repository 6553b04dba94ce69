// D10: dm-crypt's worker, through which swap is written, is throttled by reclaim.

import { btVerb, calls, isRequesting, namesOf, pidsOf, type Facts } from '../facts.ts';
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

/** The worker waits in one of reclaim's throttles. */
export function cryptThrottled(facts: Facts): Finding | undefined {
  const throttled = facts.tasks.filter(
    (fact) => calls(fact, ...CRYPT) && calls(fact, ...THROTTLES),
  );
  if (throttled.length === 0) return undefined;
  const requests = facts.tasks.filter(isRequesting);
  const are = throttled.length === 1 ? 'is' : 'are';
  const isLimit = throttled.some((fact) => calls(fact, LIMIT));
  return {
    diagnosis: 'D10',
    name: 'the dm-crypt worker is throttled by reclaim',
    sentence:
      `${namesOf(throttled)}, through which encrypted pages are written, ${are} throttled inside ` +
      `reclaim, and ${requests.length} requests wait for it: slow, not dead.`,
    confidence: 'likely',
    because: "each page costs the worker one of reclaim's waits; it gets on all the same",
    evidence: [
      { fact: `${namesOf(throttled)}: throttled under mempool_alloc()`, verb: btVerb(throttled) },
      { fact: `${requests.length} requests in flight`, verb: 'bt --stalled' },
      ...poolEvidence(facts),
    ],
    against: [],
    missing: ['how fast it gets on: a second dump shows it'],
    next: isLimit
      ? 'no swap on dm-crypt, or a kernel with commit bf48438354a7 ("mm, vmscan: get rid of ' +
        'throttle_vm_writeout"), which this one lacks'
      : 'no swap on dm-crypt while memory is so short',
    culprits: pidsOf(throttled),
  };
}
