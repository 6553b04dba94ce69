// D13: requests wait long, and nothing that a dump shows keeps them from being served.

import { btVerb, isOverdue, isRequesting, namesOf, type Facts } from '../facts.ts';
import type { Finding } from '../finding.ts';

/** Requests are overdue, or in flight on a kernel that does not record since when. */
export function overload(facts: Facts): Finding | undefined {
  const requests = facts.tasks.filter(isRequesting);
  const overdue = requests.filter((fact) => isOverdue(fact) !== false);
  if (overdue.length === 0) return undefined;
  const known = overdue.some((fact) => isOverdue(fact) === true);
  return {
    diagnosis: 'D13',
    name: 'overload: memory comes late',
    sentence: known
      ? `${overdue.length} requests have waited for longer than the timeout, and nothing is ` +
        'found that keeps them from being served: the machine is overloaded, or slow.'
      : `${overdue.length} tasks are in the allocator’s slow path, and nothing is found that ` +
        'keeps them from being served: memory is short.',
    confidence: 'possible',
    because: 'no lock, victim or worker was found that all of them wait for',
    evidence: [{ fact: `${namesOf(overdue)} in the slow path`, verb: btVerb(overdue) }],
    against: [],
    missing: [
      'whether the requests get on: a second dump shows it',
      ...(known ? [] : ['since when they wait: this kernel does not record it']),
    ],
    next: 'take a second dump a few seconds later, and compare switches and counters',
    culprits: [],
  };
}
