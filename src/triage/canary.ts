// The worker that looks whether a medium was put into a drive. It asks for memory every two
// seconds, so that it is among the first that wait when there is none, and stands in nearly every
// report of a stall; that it waits is no cause of anything but works that wait behind it (D6).

import { isCanary, type Facts, type TaskFacts } from './facts.ts';
import type { Evidence } from './evidence.ts';
import type { Finding } from './finding.ts';

/** Those that are none. */
export function withoutCanaries(facts: readonly TaskFacts[]): TaskFacts[] {
  return facts.filter((fact) => !isCanary(fact));
}

/** Says of those among the tasks what they are. */
export function canaryEvidence(facts: readonly TaskFacts[]): Evidence[] {
  return facts.filter(isCanary).map(({ task: { comm, pid } }) => ({
    fact: `${comm}(${pid}) polls a drive (disk_events_workfn): it shows the stall, and causes none`,
    verb: pid === undefined ? 'bt --stalled' : `bt ${pid}`,
  }));
}

/**
 * Takes them off the culprits of what was found, where there are others. What has none but them
 * and is only possible gives way to anything else that fits.
 */
export function withoutCanaryCulprits({ byPid }: Facts, findings: readonly Finding[]): Finding[] {
  const isOne = (pid: number): boolean => {
    const fact = byPid.get(pid);
    return fact !== undefined && isCanary(fact);
  };
  const blamesOthers = (finding: Finding): boolean =>
    finding.confidence !== 'possible' ||
    finding.culprits.length === 0 ||
    !finding.culprits.every(isOne);
  const kept = findings.some(blamesOthers) ? findings.filter(blamesOthers) : findings;
  return kept.map((finding) => {
    const culprits = finding.culprits.filter((pid) => !isOne(pid));
    return culprits.length === 0 ? finding : { ...finding, culprits };
  });
}
