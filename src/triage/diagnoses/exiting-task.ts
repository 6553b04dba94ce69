// D5: a task that is exiting asks for memory, and the OOM killer waits for its exit.

import { btVerb, calls, isRequesting, isVictim, namesOf, pidsOf, type Facts } from '../facts.ts';
import type { Finding } from '../finding.ts';
import { isExiting } from '../../kernel/task-flags.ts';
import { hasReaper } from '../oom-wait.ts';

/**
 * While an exiting task had memory of its own the OOM killer chose nobody, until commit
 * 6a618957ad17 ("mm: oom_kill: don't ignore oom score on exiting tasks"). That came with v4.6, as
 * did the OOM reaper: a kernel that has the one has the other.
 */
export function exitingTask(facts: Facts): Finding | undefined {
  if (hasReaper(facts)) return undefined;
  const exiting = facts.tasks.filter(
    (fact) => isRequesting(fact) && isExiting(fact.task) === true && calls(fact, 'do_exit'),
  );
  const withMemory = exiting.filter(({ task }) => task.mm !== '0x0' && task.mm !== undefined);
  if (withMemory.length === 0) return undefined;
  const victims = facts.tasks.filter(isVictim);
  return {
    diagnosis: 'D5',
    name: 'the OOM killer waits for a task that is exiting and asks for memory',
    sentence:
      `${namesOf(withMemory)} ${withMemory.length === 1 ? 'is' : 'are'} in do_exit() with memory ` +
      'still to give back, and wait for memory there, so that the OOM killer chooses nobody else.',
    confidence: victims.length === 0 ? 'likely' : 'possible',
    because:
      victims.length === 0
        ? 'nobody else was chosen, though requests wait that may invoke the OOM killer'
        : 'there are other victims too',
    evidence: [
      { fact: `${namesOf(withMemory)}: the allocator under do_exit()`, verb: btVerb(withMemory) },
      {
        fact: 'this kernel has no OOM reaper; it waits for tasks that exit',
        verb: 'triage --json',
      },
    ],
    against: victims.length === 0 ? [] : [`the OOM killer has chosen ${namesOf(victims)}`],
    missing: [],
    next:
      'look at what asks for memory in do_exit(); commit 6a618957ad17 ("mm: oom_kill: don\'t ' +
      'ignore oom score on exiting tasks"), which this kernel lacks, does not wait for such tasks',
    culprits: pidsOf(withMemory),
  };
}
