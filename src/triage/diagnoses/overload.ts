// D13: requests wait long, and nothing that a dump shows keeps them from being served.

import { count } from '../../util/count.ts';
import type { Diagnosis } from '../../util/diagnosis.ts';
import { btVerb, isOverdue, mayBeOverdue, nameOf, namesOf, type Facts } from '../facts.ts';
import type { Evidence } from '../evidence.ts';
import type { Finding } from '../finding.ts';

/** Diagnoses of what writes pages back: that they are being written is what these would show. */
const OF_WRITEBACK: readonly Diagnosis[] = ['D7', 'D9', 'D10', 'D12'];

/**
 * Requests are overdue, or in flight on a kernel that does not record since when.
 *
 * @param others what else fits
 */
export function overload(facts: Facts, others: readonly Finding[]): Finding | undefined {
  const waiting = facts.tasks.filter(mayBeOverdue);
  if (waiting.length === 0) return undefined;
  const late = waiting.filter((fact) => isOverdue(fact) === true);
  const known = late.length > 0;
  const overdue = known ? late : waiting;
  const { writeback = 0 } = facts;
  const isServed = known && writeback > 0 && others.every(leavesRoom);
  return {
    diagnosis: 'D13',
    name: 'overload: memory comes late',
    sentence: sentenceOf(overdue.length, { known, isServed }),
    confidence: isServed ? 'likely' : 'possible',
    because: isServed
      ? `${count(writeback, 'page')} are being written, and can be freed when the disk is done`
      : 'no lock, victim or worker was found that all of them wait for',
    evidence: [
      { fact: `${namesOf(overdue)} in the slow path`, verb: btVerb(overdue) },
      ...(writeback > 0
        ? [{ fact: `${count(writeback, 'page')} under writeback`, verb: 'triage --json' }]
        : []),
      ...lateKiller(facts),
    ],
    against: others.map(({ name }) => `possible, too: ${name}`),
    missing: [
      'whether the requests get on: a second dump shows it',
      ...(known ? [] : ['since when they wait: this kernel does not record it']),
    ],
    next: 'take a second dump a few seconds later, and compare switches and counters',
    culprits: [],
  };
}

/** Who would kill somebody, and waits for a CPU that it shares. */
function lateKiller({ tasks, oomLockHolder }: Facts): Evidence[] {
  const killer = tasks.find(({ task: { pid } }) => pid !== undefined && pid === oomLockHolder);
  const { state, onCpu, evidence } = killer?.task ?? {};
  const seconds = evidence?.offCpu?.value;
  if (killer === undefined || state !== 'R' || onCpu === true || seconds === undefined) return [];
  const late = `has had no CPU for ${seconds.toFixed(1)} s, which others share with it`;
  return [{ fact: `${nameOf(killer)} holds oom_lock and ${late}`, verb: btVerb([killer]) }];
}

/** It does not say that pages under writeback come to nothing. */
function leavesRoom({ diagnosis, confidence }: Finding): boolean {
  return confidence === 'possible' && !OF_WRITEBACK.includes(diagnosis);
}

function sentenceOf(
  overdue: number,
  { known, isServed }: { known: boolean; isServed: boolean },
): string {
  if (!known) {
    return (
      `${count(overdue, 'task')} ${overdue === 1 ? 'is' : 'are'} in the allocator's slow path, ` +
      'and nothing is found that ' +
      'keeps them from being served: memory is short.'
    );
  }
  const have = overdue === 1 ? 'has' : 'have';
  const since = `${count(overdue, 'request')} ${have} waited for longer than the timeout, and`;
  return isServed
    ? `${since} the disk is still at work on pages that can be freed then: the machine is ` +
        'overloaded, or its disk is slow.'
    : `${since} nothing is found that keeps them from being served: the machine is overloaded, ` +
        'or slow.';
}
