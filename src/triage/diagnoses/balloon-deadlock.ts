// D11: the OOM killer's notifier wants the lock of a balloon that is being filled.

import { btVerb, calls, isBlocked, isRequesting, nameOf, pidsOf, type Facts } from '../facts.ts';
import type { Finding } from '../finding.ts';
import { sureness } from '../lock-waits.ts';

/** drivers/virtio/virtio_balloon.c, drivers/hv/hv_balloon.c and the like, from out_of_memory(). */
const DEFLATES = ['leak_balloon', 'virtballoon_oom_notify', 'virtio_balloon_oom_notify'];
const INFLATES = ['fill_balloon', 'balloon_page_alloc', 'update_balloon_size_func'];

/** leak_balloon() under out_of_memory() sleeps, and fill_balloon() asks for memory. */
export function balloonDeadlock(facts: Facts): Finding | undefined {
  const killer = facts.tasks.find(
    (fact) => isBlocked(fact) && calls(fact, ...DEFLATES) && calls(fact, 'out_of_memory'),
  );
  const filler = facts.tasks.find((fact) => calls(fact, ...INFLATES) && isRequesting(fact));
  if (killer === undefined || filler === undefined) return undefined;
  const isProved = killer.waitsFor?.holders.includes(filler.task.pid ?? -1) === true;
  return {
    diagnosis: 'D11',
    name: "deadlock in the balloon's OOM notifier",
    sentence:
      `${nameOf(killer)} runs the OOM killer and waits in its notifier for the balloon's lock, ` +
      `which ${nameOf(filler)} has while it waits for memory to fill the balloon.`,
    confidence: isProved ? sureness(filler) : 'likely',
    because: isProved
      ? 'the holder of the lock is the task that fills the balloon'
      : 'both stacks are there; who holds the lock could not be proved',
    evidence: [
      { fact: `${nameOf(killer)}: leak_balloon() under out_of_memory()`, verb: btVerb([killer]) },
      { fact: `${nameOf(filler)}: fill_balloon() in the allocator`, verb: btVerb([filler]) },
    ],
    against: [],
    missing: isProved ? [] : ["who holds the balloon's lock"],
    next: 'do not inflate the balloon while the guest is short of memory; update the guest kernel',
    culprits: pidsOf([filler]),
  };
}
