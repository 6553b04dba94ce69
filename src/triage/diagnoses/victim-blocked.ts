// D3: the classic OOM deadlock. The victim waits for a lock whose holder waits for memory, which
// the victim's exit would give back.

import { count } from '../../util/count.ts';
import { doing } from '../checked.ts';
import { btVerb, isBlocked, isInSlowPath, nameOf, namesOf, pidsOf, type Facts } from '../facts.ts';
import type { TaskFacts } from '../facts.ts';
import type { Evidence } from '../evidence.ts';
import type { Finding } from '../finding.ts';
import {
  atMost,
  butFor,
  chainFrom,
  circleOf,
  doubts,
  endOf,
  endsOf,
  leadsToMemory,
  sleepsForPage,
  sleepsInLock,
  sureness,
  unprovedDoubts,
  unprovedSureness,
  unsureOf,
  wayToMemory,
  type Chain,
} from '../lock-waits.ts';
import { holdsOffOomKiller, victimDoubts, weighed, type VictimDoubts } from '../oom-wait.ts';

/**
 * A victim is in uninterruptible sleep for a lock or a page. One whose memory was taken already is
 * none: the OOM killer goes on without it.
 */
export function victimBlocked(facts: Facts): Finding | undefined {
  const blocked = facts.tasks.filter(
    (fact) =>
      holdsOffOomKiller(fact) &&
      isBlocked(fact) &&
      // What it sleeps in below the allocator is reclaim's, unless that was proved to be a lock.
      (fact.place !== 'slow path' || fact.waitsFor !== undefined) &&
      (sleepsInLock(fact) || sleepsForPage(fact)),
  );
  const requests = facts.tasks.filter(isInSlowPath);
  if (blocked.length === 0 || requests.length === 0) return undefined;
  const chains = blocked.map((victim) => chainFrom(facts, victim));
  const toMemory = chains.find(leadsToMemory);
  if (toMemory !== undefined) return byLocks(facts, toMemory, requests);
  const circle = chains.find(({ isCycle }) => isCycle);
  if (circle !== undefined) return byCircle(facts, circle, requests);
  const elsewhere = chains.find(({ links }) => links.length > 1);
  return elsewhere === undefined
    ? byStacks(facts, blocked, requests)
    : byAnother(facts, elsewhere, requests);
}

const NAME = 'the OOM victim waits for a lock whose holder waits for memory';
const NEXT = 'find out why the holder asks for memory under that lock';

function byLocks(facts: Facts, chain: Chain, requests: readonly TaskFacts[]): Finding {
  const [victim] = chain.links as [TaskFacts];
  const end = endOf(chain);
  const rest = victimDoubts(facts, victim);
  const proved = 'each wait and each holder on the way was proved';
  return {
    diagnosis: 'D3',
    name: NAME,
    sentence:
      `The OOM victim ${nameOf(victim)} cannot exit: it ${wayToMemory(chain)}` +
      `${alsoText(facts, chain)}.`,
    confidence: weighed(sureness(facts, end), rest),
    because: `${butFor(proved, [...unsureOf(facts, end), ...rest.lowers])}; ${meanwhile(rest)}`,
    evidence: [
      ...chosenAnd(victim, chain.links),
      { fact: `${nameOf(end)} is in the slow path`, verb: btVerb([victim, end]) },
      { fact: `${count(requests.length, 'request')} in the slow path`, verb: 'bt --stalled' },
    ],
    against: [...doubts(facts, end), ...rest.against],
    missing: rest.missing,
    next: NEXT,
    culprits: pidsOf(endsOf(facts, chain)),
  };
}

/** That a lock of readers has more of them who wait for memory. */
function alsoText(facts: Facts, chain: Chain): string {
  const others = endsOf(facts, chain).length - 1;
  return others < 1
    ? ''
    : `, as ${others === 1 ? 'does another' : `do ${others} others`} that have it`;
}

function chosenAnd(victim: TaskFacts, links: readonly TaskFacts[]): Evidence[] {
  return [
    { fact: `${nameOf(victim)} was chosen by the OOM killer`, verb: 'tasks' },
    { fact: links.map(nameOf).join(' -> '), verb: 'locks --graph' },
  ];
}

function meanwhile({ others }: VictimDoubts): string {
  return others.length === 0
    ? 'while this victim is there the OOM killer chooses no other'
    : `besides it the OOM killer has chosen ${namesOf(others)}`;
}

/** The holders of locks wait for each other: no memory lets them go on. */
function byCircle(facts: Facts, chain: Chain, requests: readonly TaskFacts[]): Finding {
  const [victim] = chain.links as [TaskFacts];
  const circle = circleOf(chain);
  const round = [...circle, ...circle.slice(0, 1)].map(nameOf).join(' -> ');
  return {
    diagnosis: 'D3',
    name: 'the OOM victim waits in a circle of locks',
    sentence:
      `The OOM victim ${nameOf(victim)} cannot exit: it waits for ${victim.waitsFor?.lock}, ` +
      `${circle.includes(victim) ? 'in' : 'behind'} a circle of locks (${round}); ` +
      `${count(requests.length, 'request')} in the slow path.`,
    confidence: chain.isProved ? 'likely' : 'possible',
    because: chain.isProved
      ? 'each wait and each holder was proved, and no memory ends such a circle, but others may ' +
        'give back memory'
      : LAST_READER,
    evidence: [
      ...chosenAnd(victim, [...chain.links, ...circle.slice(0, 1)]),
      { fact: `${namesOf(circle)} wait for each other`, verb: btVerb(circle) },
    ],
    against: victimDoubts(facts, victim).against,
    missing: victimDoubts(facts, victim).missing,
    next: 'find out in which order each of them takes these locks',
    culprits: pidsOf(circle),
  };
}

const LAST_READER = "the kernel's own word on who has a lock may be out of date";

/** The holder is not seen to wait for memory: it may be anything that keeps the victim. */
function byAnother(facts: Facts, chain: Chain, requests: readonly TaskFacts[]): Finding {
  const [victim] = chain.links as [TaskFacts];
  const end = endOf(chain);
  const waits = end.place !== undefined;
  const rest = victimDoubts(facts, victim);
  const isLost = sleepsInLock(end);
  return {
    diagnosis: 'D3',
    name: 'the OOM victim waits for a lock',
    sentence:
      `The OOM victim ${nameOf(victim)} cannot exit: it waits for ${victim.waitsFor?.lock}, ` +
      `and at the end of that chain is ${nameOf(end)}, which ${stateOf(end)}` +
      `${alsoText(facts, chain)}; ` +
      `${requests.length} requests for memory wait.`,
    confidence: waits ? weighed(atMost('likely', sureness(facts, end)), rest) : 'possible',
    because: isLost
      ? `who holds what ${nameOf(end)} waits for could not be proved`
      : butFor(
          chain.isProved ? 'who holds the locks was proved' : LAST_READER,
          waits
            ? [...unsureOf(facts, end), ...rest.lowers]
            : [`${nameOf(end)} does not wait for memory`],
        ),
    evidence: [
      ...chosenAnd(victim, chain.links),
      { fact: `${nameOf(end)}: ${doing(end)}`, verb: btVerb([victim, end]) },
    ],
    against: [
      ...(waits || isLost ? [] : [`${nameOf(end)} does not wait for memory: ${doing(end)}`]),
      ...(waits ? doubts(facts, end) : []),
      ...rest.against,
    ],
    missing: [
      ...(isLost ? [`who holds the lock that ${nameOf(end)} waits for`] : []),
      ...rest.missing,
    ],
    next: `find out why ${nameOf(end)} does not get on`,
    culprits: pidsOf(endsOf(facts, chain)),
  };
}

function stateOf(end: TaskFacts): string {
  if (end.place !== undefined) return 'waits for memory';
  return sleepsInLock(end) ? 'waits for a lock itself' : 'does not wait for memory';
}

function byStacks(
  facts: Facts,
  blocked: readonly TaskFacts[],
  requests: readonly TaskFacts[],
): Finding {
  const rest = victimDoubts(facts, blocked[0] as TaskFacts);
  return {
    diagnosis: 'D3',
    name: 'the OOM victim sleeps in a lock',
    sentence:
      (blocked.length === 1
        ? `The OOM victim ${namesOf(blocked)} sleeps in a lock where SIGKILL does not wake it, `
        : `The OOM victims ${namesOf(blocked)} sleep in locks where SIGKILL does not wake them, `) +
      `while ${requests.length} requests for memory wait.`,
    confidence: unprovedSureness(facts, blocked),
    because: butFor('its stack shows a lock; who holds it could not be proved', rest.lowers),
    evidence: [
      { fact: `${namesOf(blocked)}: uninterruptible, in a lock`, verb: btVerb(blocked) },
      { fact: `${count(requests.length, 'request')} in the slow path`, verb: 'bt --stalled' },
    ],
    against: [...unprovedDoubts(facts, blocked), ...rest.against],
    missing: ['who holds the lock', ...rest.missing],
    next: NEXT,
    culprits: [],
  };
}
