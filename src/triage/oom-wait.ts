// For whom the OOM killer waits: while a victim's memory is still to come it chooses nobody else.

import { isAlive, isOverdue, isVictim, namesOf, type Facts, type TaskFacts } from './facts.ts';
import type { Confidence } from './finding.ts';

/**
 * A victim that keeps the OOM killer from choosing another one: more is expected of its memory
 * (oom_evaluate_task(), mm/oom_kill.c). Without MMF_OOM_SKIP, before v4.6, each victim does.
 */
export function holdsOffOomKiller(fact: TaskFacts): boolean {
  return isVictim(fact) && fact.isReaped !== true;
}

/** What there is besides a victim that cannot exit. */
export interface VictimDoubts {
  /** Victims of other processes that hold the OOM killer off too. */
  readonly others: readonly TaskFacts[];
  readonly against: readonly string[];
  readonly missing: readonly string[];
  /** Why nothing is certain of it, in words; empty where {@link areNone}. */
  readonly lowers: readonly string[];
  /** Its memory is not taken, and no other victim is known to be able to exit. */
  readonly areNone: boolean;
}

/** Whether the victim's memory may have been taken already, and who else may give back memory. */
export function victimDoubts(facts: Facts, victim: TaskFacts): VictimDoubts {
  const others = otherVictims(facts, victim);
  // Who has waited for memory itself for longer than the timeout gives back none.
  const able = others.filter((fact) => isOverdue(fact) !== true);
  const isUnknown = victim.isReaped === undefined && hasReaper(facts);
  return {
    others,
    against: about(able),
    lowers: [
      ...(isUnknown ? ['whether its memory was taken is not known'] : []),
      ...(able.length > 0 ? [`${namesOf(able)} may exit`] : []),
    ],
    missing: isUnknown ? ['whether the OOM reaper has taken its memory (MMF_OOM_SKIP)'] : [],
    areNone: !isUnknown && able.length === 0,
  };
}

/** Nothing is certain where a victim's memory may have been taken, or another victim may exit. */
export function weighed(confidence: Confidence, { areNone }: VictimDoubts): Confidence {
  return confidence === 'certain' && !areNone ? 'likely' : confidence;
}

function about(able: readonly TaskFacts[]): string[] {
  if (able.length === 0) return [];
  const were = able.length === 1 ? 'was' : 'were';
  return [`${namesOf(able)} ${were} chosen, too, and may exit and give back memory`];
}

/** One thread of each other process that was chosen and not reaped. */
function otherVictims({ tasks }: Facts, victim: TaskFacts): TaskFacts[] {
  const seen = new Set([processOf(victim)]);
  return tasks.filter((fact) => {
    if (!isAlive(fact) || !holdsOffOomKiller(fact) || seen.has(processOf(fact))) return false;
    seen.add(processOf(fact));
    return true;
  });
}

function processOf({ task: { signal, tgid, address } }: TaskFacts): string | number {
  return signal ?? tgid ?? address;
}

/** Whether this kernel has an OOM reaper (v4.6); the compiler may have made one of the two. */
export function hasReaper({ kernelHas }: Facts): boolean {
  return kernelHas('oom_reaper') || kernelHas('oom_reap_task');
}
