// D4: the OOM reaper would free the victim's memory, and cannot take its mmap_lock.

import { btVerb, calls, isAlive, namesOf, nameOf, pidsOf, type Facts } from '../facts.ts';
import type { TaskFacts } from '../facts.ts';
import type { Finding } from '../finding.ts';
import { doubts, sureness } from '../lock-waits.ts';
import { hasReaper, holdsOffOomKiller, victimDoubts, weighed } from '../oom-wait.ts';

/** Who has mmap_lock for writing while it asks for memory (mm/mmap.c, mremap.c, mprotect.c). */
const CHANGES_MAP = [
  'vm_mmap_pgoff',
  'do_mmap',
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

/** A thread of a victim changes the map of its memory and waits; the others cannot exit. */
export function reaperDefeated(facts: Facts): Finding | undefined {
  if (!hasReaper(facts)) return undefined;
  const victims = facts.tasks.filter(holdsOffOomKiller);
  for (const writer of facts.tasks) {
    if (!isAlive(writer) || !calls(writer, ...CHANGES_MAP) || !waits(writer)) continue;
    const others = victims.filter((victim) => victim !== writer && sharesMemory(victim, writer));
    const isOwn = holdsOffOomKiller(writer);
    if (!isOwn && others.length === 0) continue;
    return finding(facts, writer, others);
  }
  return undefined;
}

function waits({ task, place }: TaskFacts): boolean {
  return place !== undefined || task.state === 'D';
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

function finding(facts: Facts, writer: TaskFacts, others: readonly TaskFacts[]): Finding {
  const waiting = others.filter((victim) => calls(victim, ...WANTS_MAP));
  const rest = victimDoubts(facts, others[0] ?? writer);
  const reaper = reaperOf(facts, writer, others);
  const { pid = -1 } = writer.task;
  const isProved = waiting.some(({ waitsFor }) => waitsFor?.holders.includes(pid) === true);
  return {
    diagnosis: 'D4',
    name: 'the OOM reaper is kept out by mmap_lock',
    sentence:
      `The OOM victim's thread ${nameOf(writer)} has its mmap_lock for writing and waits for ` +
      `memory, so that the OOM reaper cannot free the victim's memory` +
      `${waiting.length === 0 ? '' : ` and ${namesOf(waiting)} cannot exit`}.`,
    confidence: isProved ? weighed(sureness(facts, writer), rest) : 'likely',
    because: isProved
      ? 'those that cannot exit wait for the lock that it has'
      : 'the code that it is in takes mmap_lock for writing',
    evidence: [
      { fact: `${nameOf(writer)} changes its address space`, verb: btVerb([writer]) },
      ...(waiting.length === 0
        ? []
        : [{ fact: `${namesOf(waiting)} wait for mmap_lock`, verb: btVerb(waiting) }]),
      ...(reaper === 'was there'
        ? [{ fact: 'the OOM reaper was given its memory, and has not taken it', verb: SHOWS }]
        : []),
    ],
    against: [
      ...doubts(facts, writer),
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
    next: 'SysRq-f chooses another victim; find out why the thread gets no memory',
    culprits: pidsOf([writer]),
  };
}
