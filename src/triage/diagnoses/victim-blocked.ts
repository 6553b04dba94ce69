// D3: the classic OOM deadlock. The victim waits for a lock whose holder waits for memory, which
// the victim's exit would give back.

import { count } from '../../util/count.ts';
import { doing } from '../checked.ts';
import { btVerb, isBlocked, isInSlowPath, nameOf, namesOf, pidsOf, type Facts } from '../facts.ts';
import type { TaskFacts } from '../facts.ts';
import type { Finding } from '../finding.ts';
import {
  chainFrom,
  doubts,
  endOf,
  endsOf,
  sleepsForPage,
  sleepsInLock,
  sureness,
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
  const toMemory = chains.find((chain) => endsInAllocator(chain));
  if (toMemory !== undefined) return byLocks(facts, toMemory, requests);
  const elsewhere = chains.find(({ links }) => links.length > 1);
  return elsewhere === undefined
    ? byStacks(blocked, requests)
    : byAnother(facts, elsewhere, requests);
}

function endsInAllocator(chain: Chain): boolean {
  return chain.isProved && isInSlowPath(endOf(chain)) && chain.links.length > 1;
}

const NAME = 'the OOM victim waits for a lock whose holder waits for memory';
const NEXT =
  'find out why the holder asks for memory under that lock; SysRq-f chooses another victim';

function byLocks(facts: Facts, chain: Chain, requests: readonly TaskFacts[]): Finding {
  const [victim] = chain.links as [TaskFacts];
  const end = endOf(chain);
  const rest = victimDoubts(facts, victim);
  const between = chain.links.slice(1, -1);
  const over = between.length === 0 ? '' : ` (over ${namesOf(between)})`;
  return {
    diagnosis: 'D3',
    name: NAME,
    sentence:
      `The OOM victim ${nameOf(victim)} cannot exit: it waits for ${victim.waitsFor?.lock}, ` +
      `which ${nameOf(end)} has${over}, and that waits for memory.`,
    confidence: weighed(sureness(facts, end), rest),
    because: `each wait and each holder on the way was proved; ${meanwhile(rest)}`,
    evidence: [
      { fact: `${nameOf(victim)} was chosen by the OOM killer`, verb: 'tasks' },
      { fact: chain.links.map(nameOf).join(' -> '), verb: 'locks --graph' },
      { fact: `${nameOf(end)} is in the slow path`, verb: btVerb([victim, end]) },
      { fact: `${count(requests.length, 'request')} in the slow path`, verb: 'bt --stalled' },
    ],
    against: [...doubts(facts, end), ...rest.against],
    missing: rest.missing,
    next: NEXT,
    culprits: pidsOf(endsOf(facts, chain)),
  };
}

function meanwhile({ others }: VictimDoubts): string {
  return others.length === 0
    ? 'while this victim is there the OOM killer chooses no other'
    : `besides it the OOM killer has chosen ${namesOf(others)}`;
}

/** The holder is not seen to wait for memory: it may be anything that keeps the victim. */
function byAnother(facts: Facts, chain: Chain, requests: readonly TaskFacts[]): Finding {
  const [victim] = chain.links as [TaskFacts];
  const end = endOf(chain);
  const has = chain.isProved ? 'has' : 'may have';
  const inAllocator = end.place === undefined ? 'does not wait for memory' : 'waits for memory';
  return {
    diagnosis: 'D3',
    name: 'the OOM victim waits for a lock',
    sentence:
      `The OOM victim ${nameOf(victim)} cannot exit: it waits for ${victim.waitsFor?.lock}, ` +
      `and at the end of that chain is ${nameOf(end)}, which ${inAllocator}; ` +
      `${requests.length} requests for memory wait.`,
    confidence: end.place === undefined ? 'possible' : 'likely',
    because: chain.isProved
      ? 'who holds the locks was proved'
      : `the kernel's own word on who ${has} a lock may be out of date`,
    evidence: [
      { fact: `${nameOf(victim)} was chosen by the OOM killer`, verb: 'tasks' },
      { fact: chain.links.map(nameOf).join(' -> '), verb: 'locks --graph' },
      { fact: `${nameOf(end)}: ${doing(end)}`, verb: btVerb([victim, end]) },
    ],
    against:
      end.place === undefined ? [`${nameOf(end)} does not wait for memory: ${doing(end)}`] : [],
    missing: victimDoubts(facts, victim).missing,
    next: `find out why ${nameOf(end)} does not get on`,
    culprits: pidsOf(endsOf(facts, chain)),
  };
}

function byStacks(blocked: readonly TaskFacts[], requests: readonly TaskFacts[]): Finding {
  return {
    diagnosis: 'D3',
    name: NAME,
    sentence:
      (blocked.length === 1
        ? `The OOM victim ${namesOf(blocked)} sleeps in a lock where SIGKILL does not wake it, `
        : `The OOM victims ${namesOf(blocked)} sleep in locks where SIGKILL does not wake them, `) +
      `while ${requests.length} requests for memory wait.`,
    confidence: 'likely',
    because: 'its stack shows a lock; who holds it could not be proved',
    evidence: [
      { fact: `${namesOf(blocked)}: uninterruptible, in a lock`, verb: btVerb(blocked) },
      { fact: `${count(requests.length, 'request')} in the slow path`, verb: 'bt --stalled' },
    ],
    against: [],
    missing: ['who holds the lock'],
    next: NEXT,
    culprits: [],
  };
}
