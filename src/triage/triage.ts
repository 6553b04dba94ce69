// Reads what the verdict needs and judges it.

import { foldStacks, shortTask, type SharedStack } from '../kernel/bt.ts';
import type { Jiffies } from '../kernel/jiffies.ts';
import type { MemallocResult } from '../kernel/memalloc-report.ts';
import { readSystem } from '../kernel/system.ts';
import { chainsOf, type WaitChain } from './chains.ts';
import { checkedOf, type Checked } from './checked.ts';
import { diagnose, diagnoseYoung } from './diagnose.ts';
import { notMemory } from './diagnoses/not-memory.ts';
import { isBlocked, isCanary, isVictim, nameOf, type Facts, type TaskFacts } from './facts.ts';
import type { Finding } from './finding.ts';
import { headline } from './headline.ts';
import { gatherFacts, type GatherOptions } from './gather.ts';
import { showsStandstill, withLog } from './log-evidence.ts';
import { withMemory } from './memory-evidence.ts';
import { PROGRESS_UNKNOWN } from './stalled.ts';
import { tooEarly } from './too-early.ts';
import { unreadLog, unreadOf } from './unread.ts';
import { judge, type TriageResult, type Verdict } from './verdict.ts';

/** How to judge. */
export type TriageOptions = GatherOptions;

/** The result object of `stallcore triage`. */
export interface TriageAnswer extends TriageResult {
  /** What fits, the surest first; that it is no memory problem (D14) where nothing else does. */
  readonly findings: readonly Finding[];
  /** Who waits for whom, those that matter most first. */
  readonly chains: readonly WaitChain[];
  /** Stacks of those who must move first, of victims, and of who asks for memory. */
  readonly stacks: readonly SharedStack[];
  /** What was looked at besides single tasks, and is shown by no other verb. */
  readonly checked: Checked;
}

/** A vmcore as kernel/ takes it. */
type Vmcore = Parameters<typeof gatherFacts>[0];

/** The verdict on one dump. */
export function triage(vmcore: Vmcore, options: TriageOptions = {}): TriageAnswer {
  return triageOf(vmcore, gatherFacts(vmcore, options));
}

/** The same where its facts were gathered before. */
export function triageOf(vmcore: Vmcore, facts: Facts): TriageAnswer {
  const { memalloc, oom } = facts;
  const judged = judge(memalloc, readSystem(vmcore, { clock: clockOf(memalloc) }), { oom });
  const missing = [...judged.verdict.missing, ...unreadOf(facts)];
  const stalls = diagnose(facts);
  const checked = checkedOf(facts);
  const plain = { ...judged.verdict, missing };
  const isStall = stalls.some(({ confidence }) => confidence !== 'possible');
  const early = isStall ? undefined : tooEarly(plain, facts, checked);
  const verdict = early ?? plain;
  const found = findingsOf(stalls, { facts, verdict, checked, isEarly: early !== undefined });
  const findings = found.map((finding, at) =>
    at === 0 && finding.diagnosis !== 'D14'
      ? withLog(facts, withMemory(facts, checked, finding))
      : finding,
  );
  const chains = chainsOf(facts, checked);
  const last = early ?? withFinding(withNext(verdict, facts), findings[0]);
  return {
    ...judged,
    verdict: { ...last, missing: [...missingYet(facts, last), ...unreadLog(facts)] },
    findings,
    chains,
    stacks: stacksThatMatter(facts, { finding: findings[0], chains }),
    checked,
  };
}

/** Stalls, or what could become one, or that it is no memory problem. */
function findingsOf(
  stalls: readonly Finding[],
  about: { facts: Facts; verdict: Verdict; checked: Checked; isEarly: boolean },
): readonly Finding[] {
  const { facts, verdict, checked, isEarly } = about;
  if (isEarly) return diagnoseYoung(facts);
  if (stalls.length > 0) return stalls;
  const hasRecords = facts.memalloc.record !== undefined;
  const found = notMemory(verdict, checked, { hasRecords });
  return found === undefined ? [] : [found];
}

/** What to do where nothing is found and the case cannot be closed. */
function withNext(verdict: Verdict, { tasks }: Facts): Verdict {
  if (verdict.class !== 'unknown') return verdict;
  const next =
    tasks.length > 0
      ? 'take a second dump a few seconds later, and compare the two'
      : 'see with stallcore info VMCORE where symbols and types come from, and give those of ' +
        'this very kernel (--vmlinux, or --system-map and --layout); if the dump is cut off, ' +
        'copy it again';
  return { ...verdict, next };
}

/**
 * A finding says more than what records and counters do. One that is only possible is no verdict
 * on a machine on which nobody stalls.
 */
function withFinding(verdict: Verdict, finding: Finding | undefined): Verdict {
  if (finding === undefined) return verdict;
  const { diagnosis, confidence } = finding;
  if (confidence === 'possible' && verdict.class === 'not-stalled') return verdict;
  return { ...verdict, sentence: headline(verdict, finding), diagnosis, confidence };
}

/** Where nothing can go on, or the log shows two reports of it, no second dump is wanted. */
function missingYet(facts: Facts, { missing: all, confidence }: Verdict): string[] {
  const isKnown = confidence === 'certain' || showsStandstill(facts);
  return all.filter((text) => !(isKnown && text.startsWith(PROGRESS_UNKNOWN)));
}

/** The time that the records were held against. */
function clockOf({ jiffies, hz, hzSource }: MemallocResult): Jiffies | undefined {
  return jiffies === undefined ? undefined : { jiffies: BigInt(jiffies), hz, hzSource };
}

/** Who must move first, who is on the way to it or named for it, and who asks for memory. */
function stacksThatMatter(
  { tasks }: Facts,
  { finding, chains }: { finding: Finding | undefined; chains: readonly WaitChain[] },
): SharedStack[] {
  const culprits = new Set(finding?.culprits ?? []);
  const between = new Set(
    chains.filter(({ start }) => start === 'OOM victim').flatMap(({ steps }) => steps.map(pidOf)),
  );
  const ends = new Set(
    chains.filter(({ start }) => start !== 'other').map(({ steps }) => steps.at(-1)?.pid),
  );
  const isTold = (fact: TaskFacts): boolean => {
    const isNamed = finding?.sentence.includes(nameOf(fact)) === true;
    const isEnd = ends.has(fact.task.pid) && !isCanary(fact);
    return isEnd || (isNamed && fact.task.state !== 'S');
  };
  const groups = [[], [], [], [], []] as [Group, Group, Group, Group, Group];
  for (const fact of tasks) {
    const { pid = -1 } = fact.task;
    if (culprits.has(pid)) groups[0].push(fact);
    else if (isVictim(fact) && isBlocked(fact)) groups[1].push(fact);
    else if (between.has(pid)) groups[2].push(fact);
    else if (isTold(fact)) groups[3].push(fact);
    else if (isVictim(fact) || fact.place !== undefined) groups[4].push(fact);
  }
  return groups.flatMap((group) => foldStacks(group.flatMap(sharedStack)));
}

type Group = TaskFacts[];

function pidOf({ pid }: { readonly pid?: number }): number | undefined {
  return pid;
}

function sharedStack({ task, stack, place }: TaskFacts): SharedStack[] {
  if (stack === undefined || stack.freed === true) return [];
  return [
    { stack, tasks: [shortTask(task)], ...(place === undefined ? {} : { allocator: place }) },
  ];
}
