// D5: a task that is exiting asks for memory, and the OOM killer waits for its exit.

import { btVerb, calls, isRequesting, isVictim, namesOf, pidsOf, type Facts } from '../facts.ts';
import type { Finding } from '../finding.ts';
import { isExiting } from '../../kernel/task-flags.ts';

/**
 * What an exiting task with memory of its own is in do_exit(): before 4.9 the OOM killer chose
 * nobody while there was one (oom_scan_process_thread(), gone with that release).
 */
export function exitingTask(facts: Facts): Finding | undefined {
  const exiting = facts.tasks.filter(
    (fact) => isRequesting(fact) && isExiting(fact.task) === true && calls(fact, 'do_exit'),
  );
  const withMemory = exiting.filter(({ task }) => task.mm !== '0x0' && task.mm !== undefined);
  if (withMemory.length === 0) return undefined;
  const victims = facts.tasks.filter(isVictim);
  const waits = facts.kernelHas('oom_scan_process_thread');
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
      ...(waits ? [{ fact: 'this kernel has oom_scan_process_thread()', verb: 'info' }] : []),
    ],
    against: victims.length === 0 ? [] : [`the OOM killer has chosen ${namesOf(victims)}`],
    missing: [],
    next: 'kernels since 4.9 do not wait for such tasks; look at what is registered for task exit',
    culprits: pidsOf(withMemory),
  };
}
