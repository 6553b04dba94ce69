// D6: a work item loops in the allocator and keeps its CPU's other work from running, among it the
// one that brings the counters up to date that the allocator goes by.

import { btVerb, calls, mayBeOverdue, nameOf, pidsOf, type Facts } from '../facts.ts';
import type { Finding } from '../finding.ts';

/**
 * Work that the allocator depends on (mm/vmstat.c, mm/page_alloc.c, mm/vmpressure.c);
 * vmstat_shepherd() is what queues vmstat_update() where that has come to rest.
 */
const NEEDED = [
  'vmstat_update',
  'vmstat_shepherd',
  'drain_local_pages_wq',
  'vmpressure_work_fn',
  'lru_add_drain_per_cpu',
];

/** A kworker's request is old, it does not sleep, and such work is pending or counters are off. */
export function staleCounters(facts: Facts): Finding | undefined {
  const loopers = facts.tasks.filter(
    (fact) =>
      mayBeOverdue(fact) &&
      calls(fact, 'process_one_work') &&
      (fact.task.state === 'R' || fact.task.onCpu === true),
  );
  const [looper] = loopers;
  // Counters that are off look like progress, and then nobody comes to the OOM killer.
  if (looper === undefined || facts.tasks.some((fact) => calls(fact, 'out_of_memory')))
    return undefined;
  const pending = NEEDED.filter((name) => (facts.pendingWorks?.get(name) ?? 0) > 0);
  const off = (facts.zones ?? []).filter(
    ({ free, min, freeNotAdded }) => free < min && free + freeNotAdded >= min,
  );
  if (pending.length === 0 && off.length === 0) return undefined;
  const zones = off.map(({ name }) => name).join(' and ');
  return {
    diagnosis: 'D6',
    name: 'a work item loops in the allocator and keeps counters from being updated',
    sentence:
      `${nameOf(looper)} loops in the allocator without sleeping; ` +
      (pending.length > 0
        ? `${pending.join(' and ')} ${pending.length === 1 ? 'waits' : 'wait'} behind it`
        : 'counters of free pages are not added up') +
      (off.length > 0 ? `, and more is free in ${zones} than its counter says.` : '.'),
    confidence: off.length > 0 && pending.length > 0 ? 'likely' : 'possible',
    because:
      off.length > 0
        ? 'with what CPUs have counted there is more free than the watermark'
        : 'what is pending may be so for a moment only',
    evidence: [
      { fact: `${nameOf(looper)} runs a work item in the slow path`, verb: btVerb([looper]) },
      ...pending.map((name) => ({ fact: `${name} is pending`, verb: 'triage --json' })),
      ...off.map(({ name, free, min, freeNotAdded }) => ({
        fact: `zone ${name}: free ${free} < min ${min}, not yet added ${freeNotAdded}`,
        verb: 'triage --json',
      })),
    ],
    against: [],
    missing: [],
    next:
      'find out what the work item asks for; a kernel with commit 564e81a57f97 lets a worker ' +
      'sleep between two attempts, so that the works behind it get their turn',
    culprits: pidsOf([looper]),
  };
}
