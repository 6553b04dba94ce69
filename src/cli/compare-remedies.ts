// What `stallcore simulate --compare-remedies` does: each scenario with each remedy, as a table.

import type { Table } from '../report/table.ts';
import {
  compareRemedies,
  FLAVOURS,
  REMEDIES,
  SCENARIOS,
  stallingScenarios,
  type Knobs,
  type NamedFlavour,
  type RemedyRun,
} from '../sim/simulate.ts';
import { print, printTable, remark } from './output.ts';
import { simulatedTypes } from './simulated-types.ts';
import { checkMachine, flavourNamed, scenarioNamed } from './simulate.ts';

/** How often it is said how far the runs are, in milliseconds. */
const PROGRESS_MS = 5_000;

/** How the user wants the runs to be. */
export interface ComparisonOptions {
  readonly seed: number;
  /** In seconds. */
  readonly kmallocwd: number;
  readonly knobs: Partial<Knobs>;
  /** Kernels that have what their scenarios need, unless told. */
  readonly flavour: string | undefined;
}

/**
 * Runs the scenarios, all that stall if none is named, and prints the table.
 *
 * @throws UsageError if there is no such scenario or flavour, or no machine can be so
 */
export async function printComparison(
  names: readonly string[],
  { flavour, ...options }: ComparisonOptions,
): Promise<void> {
  const named = names.map(scenarioNamed);
  const scenarios = named.length > 0 ? named : stallingScenarios(SCENARIOS);
  const kernel = kernelNamed(flavour);
  const types = simulatedTypes(kernel.patch ?? 'v3', kernel.flavour?.name);
  for (const scenario of scenarios) checkMachine({ scenario, types, ...options });
  const total = scenarios.length * (REMEDIES.length + 1);
  const runs: RemedyRun[] = [];
  let told = Date.now();
  for (const run of compareRemedies({ scenarios, types, ...options, ...kernel })) {
    runs.push(run);
    if (Date.now() - told < PROGRESS_MS) continue;
    told = Date.now();
    remark(`${runs.length} of ${total} runs (${run.scenario})`);
  }
  await printTable(comparisonTable(runs));
  print(
    `seed ${options.seed}, run on for ${10 * options.kmallocwd} s after the dump; ` +
      '! a task with oom_score_adj -1000 died\n' +
      'RECOVERED after the dump (in part: some sleep still, and nothing keeps them); FAILED ' +
      'requests; HUNG tasks that have not moved since, in a request or without one; LONGEST ' +
      'request; = as without a remedy\n',
  );
}

function kernelNamed(given: string | undefined): Partial<NamedFlavour> {
  const name = flavourNamed(given);
  return name === undefined ? {} : FLAVOURS[name];
}

const COLUMNS: readonly (readonly [title: string, align: 'left' | 'right'])[] = [
  ['SCENARIO', 'left'],
  ['REMEDY', 'left'],
  ['RECOVERED', 'right'],
  ['KILLED', 'right'],
  ['FAILED', 'right'],
  ['HUNG', 'right'],
  ['LONGEST', 'right'],
  ['END', 'left'],
];

/** A row for each run. */
export function comparisonTable(runs: readonly RemedyRun[]): Table {
  return {
    columns: COLUMNS.map(([title, align]) => ({ title, align })),
    rows: runs.map((run) => [
      run.scenario,
      run.remedy ?? '-',
      describeRecovery(run),
      describeKills(run),
      String(run.failedAllocs),
      String(run.hung),
      `${run.longestSeconds.toFixed(1)} s`,
      describeEnd(run) + (isAsWithout(run, runs) ? ' =' : ''),
    ]),
  };
}

/** Whether the remedy made no difference at all. */
function isAsWithout(run: RemedyRun, runs: readonly RemedyRun[]): boolean {
  if (run.remedy === undefined) return false;
  const without = runs.find((each) => {
    return each.scenario === run.scenario && each.remedy === undefined;
  });
  return JSON.stringify({ ...run, remedy: undefined }) === JSON.stringify(without);
}

/** After how long the requests of the dump had moved. */
function describeRecovery({ panic, stalling, recoveredSeconds: seconds, hung }: RemedyRun): string {
  if (panic !== undefined) return 'panic';
  if (seconds === undefined) return hung > 0 ? 'still hung' : 'in part';
  return stalling === 0 ? 'no stall' : `${seconds.toFixed(2)} s`;
}

function describeKills({ oomKills, sigbusKills, protectedKilled }: RemedyRun): string {
  const sigbus = sigbusKills > 0 ? `+${sigbusKills} SIGBUS` : '';
  return `${oomKills}${sigbus}${protectedKilled.length > 0 ? '!' : ''}`;
}

function describeEnd({ panic, readOnly, diagnosis }: RemedyRun): string {
  const words = [panic ?? diagnosis];
  if (readOnly) words.push('read-only');
  return words.join(', ');
}
