// D5: a task that is exiting asks for memory, and the OOM killer waits for its exit.

import {
  btVerb,
  calls,
  isOverdue,
  isRequesting,
  isVictim,
  namesOf,
  pidsOf,
  type Facts,
  type TaskFacts,
} from '../facts.ts';
import type { Finding } from '../finding.ts';
import { isExiting } from '../../kernel/task-flags.ts';
import { count } from '../../util/count.ts';
import { hasReaper } from '../oom-wait.ts';
import { cannotInvokeOom, requestMask } from '../request-mask.ts';
import { nobodyKilled } from '../stalled.ts';

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
  const asking = askingOnes(facts, withMemory);
  const against = againstIt(facts, asking);
  const isOne = withMemory.length === 1;
  const isOld = withMemory.some((fact) => isOverdue(fact) === true);
  return {
    diagnosis: 'D5',
    name: 'the OOM killer waits for a task that is exiting and asks for memory',
    sentence:
      `${namesOf(withMemory)} ${isOne ? 'is' : 'are'} in do_exit() with memory still to give ` +
      `back, and ${isOne ? 'waits' : 'wait'} for memory there` +
      (canBeAsked(asking) ? ', so that the OOM killer chooses nobody else.' : '.'),
    confidence: isOld && asking.may.length > 0 && against.length === 0 ? 'likely' : 'possible',
    because: becauseOf(facts, { ...asking, isOld }),
    evidence: [
      { fact: `${namesOf(withMemory)}: the allocator under do_exit()`, verb: btVerb(withMemory) },
      {
        fact: 'this kernel has no OOM reaper; it waits for tasks that exit',
        verb: "symbols '*oom_reap*'",
      },
    ],
    against,
    missing: [
      ...(withMemory.every((fact) => isOverdue(fact) === undefined)
        ? ['since when they ask: this kernel does not record it']
        : []),
      ...(asking.may.length === 0 && asking.unknown.length > 0
        ? ['whether another request may invoke the OOM killer']
        : []),
    ],
    next:
      'look at what asks for memory in do_exit(); commit 6a618957ad17 ("mm: oom_kill: don\'t ' +
      'ignore oom score on exiting tasks"), which this kernel lacks, does not wait for such tasks',
    culprits: pidsOf(withMemory),
  };
}

/** The other requests: of which it is known that they may invoke the OOM killer, or not known. */
interface AskingOnes {
  readonly may: readonly TaskFacts[];
  readonly unknown: readonly TaskFacts[];
}

/** Some other request may ask the OOM killer to choose, as far as is known. */
function canBeAsked({ may, unknown }: AskingOnes): boolean {
  return may.length + unknown.length > 0;
}

function askingOnes({ tasks }: Facts, exiting: readonly TaskFacts[]): AskingOnes {
  const others = tasks.filter((fact) => isRequesting(fact) && !exiting.includes(fact));
  const which = (answer: boolean | undefined): TaskFacts[] =>
    others.filter(({ task }) => cannotInvokeOom(task, requestMask(task), false) === answer);
  return { may: which(false), unknown: which(undefined) };
}

function becauseOf(
  facts: Facts,
  { may, unknown, isOld }: AskingOnes & { readonly isOld: boolean },
): string {
  const victims = facts.tasks.filter(isVictim);
  if (victims.length > 0) return 'there are other victims too';
  if (may.length === 0) {
    return unknown.length === 0
      ? 'none of the other requests may invoke the OOM killer'
      : 'whether any other request may invoke the OOM killer is not known';
  }
  const others = `${count(may.length, 'other request')} may invoke the OOM killer`;
  if (!isOld) return `${others}; but no exiting task is known to have asked for long`;
  return `${others}, ${nobodyKilled(facts.oom)}, and an exiting one has long asked in vain`;
}

function againstIt(facts: Facts, { may, unknown }: AskingOnes): string[] {
  const victims = facts.tasks.filter(isVictim);
  return [
    ...(victims.length === 0 ? [] : [`the OOM killer has chosen ${namesOf(victims)}`]),
    ...(canBeAsked({ may, unknown })
      ? []
      : ['none of the other requests may invoke the OOM killer: nobody asks it to choose']),
  ];
}
