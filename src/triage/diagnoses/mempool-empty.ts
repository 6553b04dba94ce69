// D9: a mempool is empty, and its elements do not come back.

import { isKswapdByName } from '../../kernel/task-flags.ts';
import { count } from '../../util/count.ts';
import {
  btVerb,
  calls,
  isBlocked,
  nameOf,
  namesOf,
  pidsOf,
  type Facts,
  type TaskFacts,
} from '../facts.ts';
import type { Finding } from '../finding.ts';
import { chainFrom, endOf } from '../lock-waits.ts';
import { carriesIo, waitsForElement } from '../mempool-waits.ts';
import { poolEvidence } from '../pool-waits.ts';

/**
 * Waits until the device below has done a request (block/blk-mq-tag.c; block/blk-core.c up to
 * 4.20): its queue is full, so that it is at work, and what it is done with goes back to its pool.
 */
const QUEUE_WAITS = ['blk_mq_get_tag', 'get_request'];

const ONLY_WAY = 'memory can only be freed by the I/O behind them';

/** kswapd is one of those who wait, or waits for what one of them has. */
function holdsUpReclaim(facts: Facts, waiting: readonly TaskFacts[]): boolean {
  return facts.tasks.some((fact) => {
    if (!isKswapdByName(fact.task)) return false;
    const chain = chainFrom(facts, fact);
    return chain.isProved && waiting.includes(endOf(chain));
  });
}

/** Tasks sleep in mempool_alloc() itself, and not in the allocator that it asks first. */
export function mempoolEmpty(facts: Facts): Finding | undefined {
  const waiting = facts.tasks.filter(waitsForElement);
  if (waiting.length === 0) return undefined;
  const carriers = facts.tasks.filter(carriesIo);
  const requests = facts.tasks.filter(({ place }) => place === 'slow path');
  const isWriter = waiting.some(({ calls }) =>
    calls.some((name) => /writepages$|^kjournald2$|^xfsaild$|commit_transaction$/.test(name)),
  );
  const behind = holdsUpReclaim(facts, waiting) ? ONLY_WAY : 'the I/O behind them waits';
  const queued = facts.tasks.filter((fact) => isBlocked(fact) && calls(fact, ...QUEUE_WAITS));
  return {
    diagnosis: 'D9',
    name: 'a mempool is empty (bio, request or crypto pool)',
    sentence:
      `${namesOf(waiting)} ${waiting.length === 1 ? 'waits' : 'wait'} for an element of a ` +
      `mempool that was empty when they asked, and ${behind}.`,
    confidence: requests.length > 0 && isWriter && queued.length === 0 ? 'likely' : 'possible',
    because: isWriter
      ? 'whoever writes pages back is among those that wait'
      : 'a single dump does not show for how long the pool has been empty',
    evidence: [
      // mm/mempool.c: by io_schedule_timeout(), where remove_element() had none.
      {
        fact: `${namesOf(waiting)} in mempool_alloc(), which sleeps where no element was left`,
        verb: btVerb(waiting),
      },
      ...carriers.map((carrier) => ({
        fact: `${nameOf(carrier)} needs an element for the I/O of others`,
        verb: btVerb([carrier]),
      })),
      ...(requests.length === 0
        ? []
        : [
            { fact: `${count(requests.length, 'request')} in the slow path`, verb: 'bt --stalled' },
          ]),
      ...poolEvidence(facts),
    ],
    against:
      queued.length === 0
        ? []
        : [
            `${namesOf(queued)} ${queued.length === 1 ? 'waits' : 'wait'} for a disk that is at ` +
              'work',
          ],
    missing: ['how many elements are left now (curr_nr), and who has the others'],
    next: 'look at the device below: its queue, its driver, who submits bios from inside of it',
    culprits: pidsOf(carriers.length > 0 ? carriers : waiting),
  };
}
