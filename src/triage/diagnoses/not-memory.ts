// D14: nobody waits for memory. What was checked is said, so that the case can be closed, and what
// else tasks wait for, so that the next one can be opened.

import type { Checked } from '../checked.ts';
import { blockedText, checksOf, EMPTY_LOG } from '../checks.ts';
import type { Finding } from '../finding.ts';
import type { Verdict } from '../verdict.ts';

/** What a dump is on which no diagnosis fits and nobody stalls. */
export function notMemory(
  { class: verdictClass, sentence, missing }: Verdict,
  checked: Checked,
  { hasRecords }: { hasRecords: boolean },
): Finding | undefined {
  if (verdictClass !== 'not-stalled') return undefined;
  const { made, unmade } = checksOf(checked);
  const killed = killedForAll(checked);
  const ill = made.filter((check) => !check.isWell);
  const against = [
    ...ill.map(({ fact }) => fact),
    ...(killed > 0
      ? [`memory was short before: the OOM killer has killed ${killed} since boot`]
      : []),
  ];
  const isWhole = unmade.every((what) => what === EMPTY_LOG) && missing.length === 0;
  const isWell = against.length === 0;
  return {
    diagnosis: 'D14',
    name: 'not a memory problem',
    sentence,
    confidence: isWhole && isWell && hasRecords ? 'certain' : 'likely',
    because: hasRecords
      ? `this kernel records since when each request waits${wholeness(missing)}${isWell ? '' : BUT}`
      : 'this kernel does not record requests; no stack, flag or counter shows one at this instant',
    evidence: made.filter((check) => check.isWell).map(({ fact, verb }) => ({ fact, verb })),
    against,
    missing: [
      ...unmade,
      ...(hasRecords ? [] : ['whether somebody waited for memory before this instant']),
    ],
    next: nextOf(checked),
    culprits: [],
  };
}

const BUT = ', but something speaks against it';

function wholeness(missing: readonly string[]): string {
  return missing.length === 0 ? ', and every record was read' : ', but not all was read';
}

function nextOf({ blocked }: Checked): string {
  return blocked.length === 0
    ? 'look for the trouble elsewhere: no task is even in uninterruptible sleep'
    : `look at what tasks do wait for: ${blockedText(blocked)} (stallcore locks VMCORE)`;
}

/** Since boot, less those whom the log has killed for the limit of a memory cgroup. */
function killedForAll({ oom, log }: Checked): number {
  const ofCgroups = log?.events.find(({ kind }) => kind === 'memcg-kill')?.count ?? 0;
  return Math.max(0, (oom?.killCount ?? 0) - ofCgroups);
}
