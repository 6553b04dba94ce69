// Reads what the verdict needs and judges it.

import { foldStacks, shortTask, type SharedStack } from '../kernel/bt.ts';
import type { Jiffies } from '../kernel/jiffies.ts';
import type { MemallocResult } from '../kernel/memalloc-report.ts';
import { readSystem } from '../kernel/system.ts';
import { diagnose } from './diagnose.ts';
import { isVictim, type Facts, type TaskFacts } from './facts.ts';
import type { Finding } from './finding.ts';
import { gatherFacts, type GatherOptions } from './gather.ts';
import { judge, type TriageResult, type Verdict } from './verdict.ts';

/** How to judge. */
export type TriageOptions = GatherOptions;

/** The result object of `stallcore triage`. */
export interface TriageAnswer extends TriageResult {
  /** What fits, the surest first. */
  readonly findings: readonly Finding[];
  /** Stacks of those who must move first, of victims, and of who asks for memory. */
  readonly stacks: readonly SharedStack[];
}

/** The verdict on one dump. */
export function triage(
  vmcore: Parameters<typeof gatherFacts>[0],
  options: TriageOptions = {},
): TriageAnswer {
  const facts = gatherFacts(vmcore, options);
  const { memalloc } = facts;
  const judged = judge(memalloc, readSystem(vmcore, { clock: clockOf(memalloc) }));
  const findings = diagnose(facts);
  return {
    ...judged,
    verdict: withFinding(judged.verdict, findings[0]),
    findings,
    stacks: stacksThatMatter(facts, findings[0]),
  };
}

/** What is likely says more than what records and counters do, which then say since when. */
function withFinding(verdict: Verdict, finding: Finding | undefined): Verdict {
  if (finding === undefined || finding.confidence === 'possible') return verdict;
  const { sentence } = verdict;
  return { ...verdict, sentence: finding.sentence, since: sentence };
}

/** The time that the records were held against. */
function clockOf({ jiffies, hz, hzSource }: MemallocResult): Jiffies | undefined {
  return jiffies === undefined ? undefined : { jiffies: BigInt(jiffies), hz, hzSource };
}

function stacksThatMatter(facts: Facts, finding: Finding | undefined): SharedStack[] {
  const culprits = new Set(finding?.culprits ?? []);
  const isCulprit = ({ task }: TaskFacts): boolean => culprits.has(task.pid ?? -1);
  const first = facts.tasks.filter(isCulprit);
  const victims = facts.tasks.filter((fact) => !isCulprit(fact) && isVictim(fact));
  const others = facts.tasks.filter(
    (fact) => !isCulprit(fact) && !isVictim(fact) && fact.place !== undefined,
  );
  return [first, victims, others].flatMap((group) => foldStacks(group.flatMap(sharedStack)));
}

function sharedStack({ task, stack, place }: TaskFacts): SharedStack[] {
  if (stack === undefined || stack.freed === true) return [];
  return [
    { stack, tasks: [shortTask(task)], ...(place === undefined ? {} : { allocator: place }) },
  ];
}
