// D11: the OOM killer's notifier wants the lock of a balloon that is being filled.

import {
  btVerb,
  calls,
  isBlocked,
  isRequesting,
  nameOf,
  pidsOf,
  type Facts,
  type TaskFacts,
} from '../facts.ts';
import type { Confidence, Finding } from '../finding.ts';
import {
  atMost,
  butFor,
  chainFrom,
  doubts,
  endOf,
  leadsToMemory,
  sureness,
  unsureOf,
} from '../lock-waits.ts';

/** drivers/virtio/virtio_balloon.c, drivers/hv/hv_balloon.c and the like, from out_of_memory(). */
const DEFLATES = ['leak_balloon', 'virtballoon_oom_notify', 'virtio_balloon_oom_notify'];
/**
 * Came with commit c7cdff0e8647 ("virtio_balloon: fix deadlock on OOM", v4.15), since which pages
 * are taken before the lock.
 */
const ALLOCATES_FIRST = 'balloon_page_alloc';
const INFLATES = ['fill_balloon', ALLOCATES_FIRST, 'update_balloon_size_func'];

/**
 * It asks for memory, or sleeps between two attempts: with the lock held, for fill_balloon() itself
 * calls msleep(200) where it got no page.
 */
function isFilling(fact: TaskFacts): boolean {
  return calls(fact, ...INFLATES) && (isRequesting(fact) || calls(fact, 'msleep'));
}

/** leak_balloon() under out_of_memory() sleeps, and fill_balloon() asks for memory. */
export function balloonDeadlock(facts: Facts): Finding | undefined {
  const killer = facts.tasks.find(
    (fact) => isBlocked(fact) && calls(fact, ...DEFLATES) && calls(fact, 'out_of_memory'),
  );
  const filler = facts.tasks.find(isFilling);
  if (killer === undefined || filler === undefined) return undefined;
  const asks = isRequesting(filler);
  const where = asks ? 'in the allocator' : 'between two attempts';
  const isProved = killer.waitsFor?.holders.includes(filler.task.pid ?? -1) === true;
  const isMended = facts.kernelHas(ALLOCATES_FIRST);
  // In its request it may wait for a lock itself, of somebody who may get on.
  const chain = chainFrom(facts, filler);
  const end = leadsToMemory(chain) ? endOf(chain) : filler;
  if (!isProved && isMended) return undefined;
  return {
    diagnosis: 'D11',
    name: "deadlock in the balloon's OOM notifier",
    sentence:
      `${nameOf(killer)} runs the OOM killer and waits in its notifier for the balloon's lock, ` +
      `which ${nameOf(filler)} ${isProved ? 'has' : 'may have'} while it ` +
      `${asks ? 'waits for' : 'tries to get'} memory to fill the balloon.`,
    confidence: confidenceOf(facts, { filler, end, isProved }),
    because: isProved
      ? butFor('the holder of the lock is the task that fills the balloon', [
          ...(asks ? unsureOf(facts, end) : ['it tries again and again']),
        ])
      : 'both stacks are there; who holds the lock could not be proved',
    evidence: [
      { fact: `${nameOf(killer)}: leak_balloon() under out_of_memory()`, verb: btVerb([killer]) },
      { fact: `${nameOf(filler)}: fill_balloon() ${where}`, verb: btVerb([filler]) },
    ],
    against: asks ? doubts(facts, end) : ['between two attempts it gives the lock up'],
    missing: isProved ? [] : ["who holds the balloon's lock"],
    next:
      'do not inflate the balloon while the guest is short of memory' +
      (isMended
        ? ''
        : '; a guest kernel with commit c7cdff0e8647 ("virtio_balloon: fix deadlock on OOM"), ' +
          'which this one lacks, takes the pages before the lock'),
    culprits: pidsOf([filler]),
  };
}

/** After an attempt that failed fill_balloon() gives the lock up, and may take it again at once. */
function confidenceOf(
  facts: Facts,
  { filler, end, isProved }: { filler: TaskFacts; end: TaskFacts; isProved: boolean },
): Confidence {
  const proved = isRequesting(filler) ? sureness(facts, end) : 'possible';
  return atMost(isProved ? 'certain' : 'likely', proved);
}
