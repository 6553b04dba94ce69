// D6: a work item loops in the allocator and keeps its CPU's other work from running, among it the
// one that brings the counters up to date that the allocator goes by.

import {
  btVerb,
  calls,
  isCanary,
  isOverdue,
  mayBeOverdue,
  nameOf,
  overdueAge,
  pidsOf,
  type Facts,
  type TaskFacts,
} from '../facts.ts';
import { withoutCanaries } from '../canary.ts';
import type { Finding } from '../finding.ts';
import { hungPools, poolEvidence, type HungPool } from '../pool-waits.ts';

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

/**
 * Such works that the worker keeps from being begun: for as long as makes a request overdue, where
 * the kernel keeps since when its pool has begun none.
 */
function pendingBehind(facts: Facts, looper: TaskFacts): string[] {
  const { workqueues, pendingWorks = new Map<string, number>() } = facts;
  const behind = hungBehind(facts, looper).flatMap(({ stall: { pool } }) => pool.pending);
  const waiting =
    workqueues === undefined ? [...pendingWorks.keys()] : behind.map(({ func }) => func);
  return NEEDED.filter((name) => waiting.includes(name));
}

/**
 * That count starts anew with a work that comes to an empty pool: vmstat_update() comes a second
 * after it last ran, rounded up to a full one, so that it may lag behind the looper's own request.
 */
const QUEUED_LATER_SECONDS = 2;

function hungBehind(facts: Facts, looper: TaskFacts): HungPool[] {
  const later = isOverdue(looper) === true ? QUEUED_LATER_SECONDS : 0;
  const leastSeconds = overdueAge(looper) - later;
  return hungPools(facts, leastSeconds).filter(({ stall: { behind } }) =>
    behind.some(({ worker }) => worker.task?.pid === looper.task.pid),
  );
}

/** The pool's own count of when it last began a work says so. */
function isKnownToHang(facts: Facts, looper: TaskFacts): boolean {
  return hungBehind(facts, looper).some(({ seconds }) => seconds !== undefined);
}

/** A kworker's request is old, it does not sleep, and such work is pending or counters are off. */
export function staleCounters(facts: Facts): Finding | undefined {
  const loopers = facts.tasks.filter(
    (fact) =>
      mayBeOverdue(fact) &&
      calls(fact, 'process_one_work') &&
      (fact.task.state === 'R' || fact.task.onCpu === true),
  );
  const off = (facts.zones ?? []).filter(
    ({ free, min, freeNotAdded }) => free <= min && free + freeNotAdded > min,
  );
  const looper = withoutCanaries(loopers)[0] ?? loopers[0];
  // Counters that are off look like progress, and then nobody comes to the OOM killer.
  if (looper === undefined || facts.tasks.some((fact) => calls(fact, 'out_of_memory')))
    return undefined;
  const pending = pendingBehind(facts, looper);
  if (pending.length === 0 && off.length === 0) return undefined;
  // What polls a drive waits in every stall: it is to blame only where counters or its pool's clock
  // prove it, or works have waited behind it for as long as its own overdue request.
  const isProved = off.length > 0 || isKnownToHang(facts, looper) || isOverdue(looper) === true;
  if (isCanary(looper) && !isProved) return undefined;
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
        : 'no counter is seen to be off; what waits may be of no consequence',
    evidence: [
      { fact: `${nameOf(looper)} runs a work item in the slow path`, verb: btVerb([looper]) },
      ...pending.map((name) => ({ fact: `${name} is pending`, verb: 'locks --graph' })),
      ...poolEvidence(facts),
      ...off.map(({ name, free, min, freeNotAdded }) => ({
        fact: `zone ${name}: free ${free}, min ${min}, not yet added ${freeNotAdded}`,
        verb: 'mem',
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
