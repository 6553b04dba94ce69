// D4: the OOM reaper would free the victim's memory, and cannot take its mmap_lock.

import {
  btVerb,
  calls,
  isAlive,
  isOverdue,
  isRequesting,
  namesOf,
  nameOf,
  pidsOf,
  type Facts,
  type LockWait,
  type TaskFacts,
} from '../facts.ts';
import type { Confidence, Finding } from '../finding.ts';
import {
  atMost,
  butFor,
  chainFrom,
  doubts,
  endOf,
  endsOf,
  leadsToMemory,
  sureness,
  unsureOf,
  wayToMemory,
  type Chain,
} from '../lock-waits.ts';
import { hasReaper, holdsOffOomKiller, victimDoubts, weighed } from '../oom-wait.ts';

/**
 * Called with mmap_lock held for writing (mm/mmap.c, mremap.c, mprotect.c; kernel/fork.c).
 * vm_mmap_pgoff() is none of them: it waits for that lock itself, and faults pages in without it.
 */
const CHANGES_MAP = [
  'do_mmap',
  'do_mmap_pgoff',
  'mmap_region',
  '__do_munmap',
  'do_brk_flags',
  'move_page_tables',
  'move_vma',
  'mprotect_fixup',
  'dup_mmap',
  'vma_link',
];

/** Waits for mmap_lock on the way out, or in a page fault. */
const WANTS_MAP = ['down_read', 'rwsem_down_read_slowpath', 'rwsem_down_read_failed'];

/** Who changes the map of a victim's memory. */
interface MapChange {
  readonly writer: TaskFacts;
  /** Threads of the victim besides it. */
  readonly others: readonly TaskFacts[];
  /** Those of them that want mmap_lock. */
  readonly waiting: readonly TaskFacts[];
  /** One of them was proved to wait for the writer. */
  readonly isProved: boolean;
}

/** A thread of a victim changes the map of its memory and waits; the others cannot exit. */
export function reaperDefeated(facts: Facts): Finding | undefined {
  if (!hasReaper(facts)) return undefined;
  const victims = facts.tasks.filter(holdsOffOomKiller);
  const changes = facts.tasks.flatMap((writer) => changeBy(facts, writer, victims) ?? []);
  const change = changes.find(({ isProved }) => isProved) ?? changes[0];
  return change === undefined ? undefined : findingOf(facts, change);
}

function changeBy(
  facts: Facts,
  writer: TaskFacts,
  victims: readonly TaskFacts[],
): MapChange | undefined {
  if (!isAlive(writer) || !calls(writer, ...CHANGES_MAP) || !waitsForMemory(facts, writer)) {
    return undefined;
  }
  const others = victims.filter((victim) => victim !== writer && sharesMemory(victim, writer));
  if (!holdsOffOomKiller(writer) && others.length === 0) return undefined;
  const waiting = others.filter((victim) => calls(victim, ...WANTS_MAP));
  const holders = waiting.flatMap(({ waitsFor }) =>
    waitsFor !== undefined && isMapLock(waitsFor) && waitsFor.isCertain ? waitsFor.holders : [],
  );
  const { pid = -1 } = writer.task;
  if (holders.length > 0 && !holders.includes(pid)) return undefined;
  const isProved = waiting.some(({ waitsFor }) => waitsFor?.holders.includes(pid) === true);
  return { writer, others, waiting, isProved };
}

/**
 * With mmap_lock held: in a request of its own, or for who waits in one. Who waits for that very
 * lock has it not.
 */
function waitsForMemory(facts: Facts, writer: TaskFacts): boolean {
  if (writer.waitsFor !== undefined && isMapLock(writer.waitsFor)) return false;
  return writer.place !== undefined || leadsToMemory(chainFrom(facts, writer));
}

/** As kernel/locking/names.ts has them. */
function isMapLock({ lock }: LockWait): boolean {
  return /^mmap_(lock|sem) of /.test(lock);
}

function sharesMemory(a: TaskFacts, b: TaskFacts): boolean {
  const { mm, signal } = a.task;
  return (mm !== '0x0' && mm === b.task.mm) || (signal !== undefined && signal === b.task.signal);
}

const SHOWS = 'triage --json';

/** How far the reaper is with the victim's memory; undefined where that is not known. */
function reaperOf(
  { oom, tasks }: Facts,
  writer: TaskFacts,
  others: readonly TaskFacts[],
): 'comes' | 'was there' | undefined {
  const pids = [writer, ...others].map(({ task }) => task.pid);
  const victim = oom?.victims.find(({ threads }) => threads.some(({ pid }) => pids.includes(pid)));
  if (victim?.reapQueued !== true) return undefined;
  if (victim.onReaperList === true) return 'comes';
  const isAtIt = tasks.some((fact) => calls(fact, 'oom_reap_task', 'oom_reap_task_mm'));
  return victim.skip === false && !isAtIt ? 'was there' : undefined;
}

/** The end of its own wait may have memory in the next moment, however long it waits itself. */
function surenessOf(
  facts: Facts,
  chain: Chain,
): { confidence: Confidence; lowers: readonly string[] } {
  const [writer] = chain.links as [TaskFacts];
  const end = endOf(chain);
  if (leadsToMemory(chain) && sureness(facts, end) === 'certain') {
    return { confidence: 'certain', lowers: [] };
  }
  const confidence = sureness(facts, writer);
  const isLate = end !== writer && isRequesting(end) && isOverdue(end) !== true;
  const late = isYoung(end)
    ? `${nameOf(end)} has not waited for long`
    : `for how long ${nameOf(end)} has waited is not known`;
  return {
    confidence: isLate && confidence === 'certain' ? 'likely' : confidence,
    lowers: [...unsureOf(facts, writer), ...(isLate ? [late] : [])],
  };
}

function isYoung(fact: TaskFacts): boolean {
  return isRequesting(fact) && isOverdue(fact) === false;
}

/** For memory, or for a lock on the way there. */
function waitOf(chain: Chain): string {
  const [writer, holder] = chain.links as [TaskFacts, TaskFacts?];
  if (holder === undefined) return 'waits for memory';
  const where = writer.place === undefined ? '' : 'in its request for memory ';
  if (leadsToMemory(chain)) return `${where}${wayToMemory(chain)}`;
  const has = writer.waitsFor?.isCertain === true ? 'has' : 'may have';
  return `${where}waits for ${writer.waitsFor?.lock}, which ${nameOf(holder)} ${has}`;
}

function findingOf(facts: Facts, change: MapChange): Finding {
  const { writer, others, waiting, isProved } = change;
  const rest = victimDoubts(facts, others[0] ?? writer);
  const reaper = reaperOf(facts, writer, others);
  const chain = chainFrom(facts, writer);
  const ends = chain.links.length > 1 ? endsOf(facts, chain) : [];
  const { confidence, lowers } = surenessOf(facts, chain);
  return {
    diagnosis: 'D4',
    name: 'the OOM reaper is kept out by mmap_lock',
    sentence:
      `The OOM victim's thread ${nameOf(writer)} has its mmap_lock for writing and ` +
      `${waitOf(chain)}, so that the OOM reaper cannot free the victim's memory` +
      `${waiting.length === 0 ? '' : ` and ${namesOf(waiting)} cannot exit`}.`,
    confidence: atMost(isProved ? 'certain' : 'likely', weighed(confidence, rest)),
    because: isProved
      ? butFor('those that cannot exit wait for the lock that it has', [...lowers, ...rest.lowers])
      : 'the code that it is in takes mmap_lock for writing; who has it could not be proved',
    evidence: [
      { fact: `${nameOf(writer)} changes its address space`, verb: btVerb([writer]) },
      ...(waiting.length === 0
        ? []
        : [{ fact: `${namesOf(waiting)} wait for mmap_lock`, verb: btVerb(waiting) }]),
      ...(ends.length === 0
        ? []
        : [{ fact: chain.links.map(nameOf).join(' -> '), verb: 'locks --graph' }]),
      ...(reaper === 'was there'
        ? [{ fact: 'the OOM reaper was given its memory, and has not taken it', verb: SHOWS }]
        : []),
    ],
    against: [
      ...doubts(facts, writer),
      ...ends.filter(isYoung).map((end) => `${nameOf(end)} has not waited for long`),
      ...rest.against,
      ...(reaper === 'comes'
        ? ['its memory is on oom_reaper_list: the reaper may take it yet']
        : []),
    ],
    missing: [
      ...rest.missing,
      ...(reaper === 'was there'
        ? []
        : ['whether the reaper has given up: the log says "unable to reap"']),
    ],
    next: `find out why ${nameOf(ends[0] ?? writer)} gets no memory`,
    culprits: pidsOf([...new Set([writer, ...ends])]),
  };
}
