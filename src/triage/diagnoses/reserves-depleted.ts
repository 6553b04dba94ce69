// D7: the memory reserves are gone before the OOM killer was asked.

import { btVerb, isRequesting, namesOf, pidsOf, type Facts } from '../facts.ts';
import type { Finding } from '../finding.ts';
import { canaryEvidence, withoutCanaries } from '../canary.ts';
import { waitsForElement } from '../mempool-waits.ts';
import { holdsOffOomKiller } from '../oom-wait.ts';
import { poolEvidence } from '../pool-waits.ts';

/** What is left of `min` where those have taken pages who need not keep to watermarks. */
const LEFT = 1 / 8;

/** Nothing is free in any zone, requests wait, and nobody was chosen. */
export function reservesDepleted(facts: Facts): Finding | undefined {
  const { zones = [] } = facts;
  const used = zones.filter(({ min }) => min > 0);
  if (used.length === 0 || !used.every(({ free, min }) => free < min * LEFT)) return undefined;
  const requests = facts.tasks.filter(isRequesting);
  if (requests.length === 0 || facts.tasks.some(holdsOffOomKiller)) return undefined;
  const left = used.map(({ name, free, min }) => `${name} ${free} of min ${min}`).join(', ');
  const throttled = requests.filter(({ calls }) => calls.includes('throttle_direct_reclaim'));
  const waiting = facts.tasks.filter(waitsForElement);
  const workers = requests.filter(({ task }) => task.kthread === true);
  return {
    diagnosis: 'D7',
    name: 'the memory reserves are depleted',
    sentence:
      `Not even the reserves have free pages (${left}), and the OOM killer has chosen nobody: ` +
      `${requests.length} requests wait for I/O that has no memory.`,
    confidence: throttled.length > 0 ? 'likely' : 'possible',
    because:
      throttled.length > 0
        ? 'requests are throttled until reserves come back (throttle_direct_reclaim)'
        : 'a single dump does not show whether pages come back',
    evidence: [
      ...used.map(({ name, free, min }) => ({
        fact: `zone ${name}: ${free} pages free, min is ${min}`,
        verb: 'triage --json',
      })),
      { fact: `${namesOf(requests)} in the slow path`, verb: btVerb(requests) },
      ...(waiting.length === 0
        ? []
        : [{ fact: `${namesOf(waiting)} in mempool_alloc()`, verb: btVerb(waiting) }]),
      ...canaryEvidence(requests),
      ...poolEvidence(facts),
    ],
    against: [],
    missing: ['who took the reserves'],
    next:
      'raise min_free_kbytes; look at what allocates with PF_MEMALLOC or __GFP_MEMALLOC ' +
      'in the I/O path',
    culprits: pidsOf(waiting.length > 0 ? waiting : withoutCanaries(workers)),
  };
}
