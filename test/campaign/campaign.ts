// Runs cases and counts what they come to.

import { caseName, type CampaignCase } from './cases.ts';
import type { GoldenRow } from './golden.ts';
import { CasePool } from './pool.ts';
import type { CaseResult } from './run-case.ts';

/** A case that did not come to what it must, or whose vmcore and ledger differ. */
export interface CaseFailure {
  readonly name: string;
  readonly what: string;
}

/** What a campaign has shown. */
export interface CampaignSummary {
  readonly passed: number;
  readonly failures: readonly CaseFailure[];
  /** By what was expected, how often each diagnosis was found. */
  readonly confusion: ReadonlyMap<string, ReadonlyMap<string, number>>;
  /** By what a run came to, how often triage said what of its dump. */
  readonly triaged: ReadonlyMap<string, ReadonlyMap<string, number>>;
  /** What each run of the scenario `random` came to. */
  readonly random: readonly GoldenRow[];
}

/** Runs all cases, `jobs` at a time; tells of each as it ends. */
export async function campaign(
  cases: readonly CampaignCase[],
  { jobs, onCase }: { jobs: number; onCase: (line: string) => void },
): Promise<CampaignSummary> {
  const pool = new CasePool(jobs);
  const failures: CaseFailure[] = [];
  const confusion = new Map<string, Map<string, number>>();
  const triagedAs = new Map<string, Map<string, number>>();
  const random: GoldenRow[] = [];
  let done = 0;
  const runOne = async (each: CampaignCase): Promise<void> => {
    const name = caseName(each);
    try {
      const result = await pool.run(each);
      const { expected, found, ms, problem, triaged, unsure } = result;
      countOne(confusion, expected, found);
      if (triaged !== undefined) countOne(triagedAs, found, triaged);
      random.push(...goldenRow(each, result));
      if (problem !== undefined) throw new Error(problem);
      const doubt = unsure === undefined ? '' : `; unsure and not so: ${unsure}`;
      onCase(`${++done}/${cases.length} ${found} in ${(ms / 1000).toFixed(1)} s: ${name}${doubt}`);
    } catch (error) {
      const what = error instanceof Error ? error.message : String(error);
      failures.push({ name, what });
      onCase(`${++done}/${cases.length} FAILED: ${name}\n${what}`);
    }
  };
  try {
    await Promise.all(cases.map(runOne));
  } finally {
    pool.stop();
  }
  const passed = cases.length - failures.length;
  return { passed, failures, confusion, triaged: triagedAs, random };
}

/** Nothing of other scenarios, and of a case of which triage said nothing. */
export function goldenRow(
  { scenario, seed }: CampaignCase,
  { found: truth, triaged, confidence = '-', overdue = 0 }: CaseResult,
): GoldenRow[] {
  if (scenario !== 'random' || triaged === undefined) return [];
  return [{ seed, truth, triaged, confidence, overdue }];
}

function countOne(matrix: Map<string, Map<string, number>>, row: string, column: string): void {
  const counts = matrix.get(row) ?? new Map<string, number>();
  matrix.set(row, counts.set(column, (counts.get(column) ?? 0) + 1));
}
