// npm run campaign -- [--scenario NAME]… [--flavour NAME]… [--kmallocwd N]… [--container NAME]…
//                     [--seeds FROM-TO] [--random FROM-TO] [--pairs FROM-TO] [--jobs N] [--golden]
//
// Runs every scenario on every kernel, with kmallocwd on and off, writes each run to every
// container and reads it back; then the scenario `random` for 1,000 seeds. All of it takes hours.
//
//   --scenario, --flavour, --kmallocwd   only these; may be given more than once. The flavour `own`
//                                        is the kernel that a scenario asks for
//   --container elf                      of the scenarios' runs; every one unless told
//   --seeds 1-20                         of the scenarios; 1-3 unless told
//   --random 1-1000                      of `random`; `0-0` for none. Only these where no --seeds
//                                        and no scenario are given
//   --pairs 1-100                        of `random`, each dumped twice, 1 to 8 s apart, and the
//                                        dumps compared; one in four on a kernel without records.
//                                        Only these where nothing else is given
//   --jobs 4                             processes; as many as there are CPUs unless told
//   --golden                             writes what triage says of each of these seeds of `random`
//                                        to test/golden/triage-random.txt; others stay as they are
//
// A line for each case goes to stderr, the summary to stdout: what the runs were expected to come
// to and what they came to. It exits with 1 if a case failed.

import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';
import { SCENARIOS } from '../../src/sim/scenarios/list.ts';
import { campaign, type CampaignSummary } from './campaign.ts';
import {
  CASE_FLAVOURS,
  CASE_TIMEOUTS,
  CONTAINER_NAMES,
  pairCase,
  randomCase,
  type CampaignCase,
} from './cases.ts';
import { GOLDEN, goldenText, readGolden } from './golden.ts';

const { values } = parseArgs({
  options: {
    scenario: { type: 'string', multiple: true },
    flavour: { type: 'string', multiple: true },
    kmallocwd: { type: 'string', multiple: true },
    container: { type: 'string', multiple: true },
    seeds: { type: 'string' },
    random: { type: 'string' },
    pairs: { type: 'string' },
    jobs: { type: 'string' },
    golden: { type: 'boolean' },
  },
});

/** `1-20`, or `7` alone. */
function seedsOf(text: string): number[] {
  const match = /^(\d+)(?:-(\d+))?$/.exec(text);
  if (match === null) throw new Error(`${text}: expected seeds as 1-20`);
  const [from, to] = [Number(match[1]), Number(match[2] ?? match[1])];
  return Array.from({ length: Math.max(0, to - from + 1) }, (_, i) => from + i).filter(Boolean);
}

/** Those of `all` that were named. */
function chosen<T extends string | number>(all: readonly T[], names?: readonly string[]): T[] {
  for (const name of names ?? []) {
    if (!all.some((each) => String(each) === name)) throw new Error(`there is no ${name}`);
  }
  return all.filter((each) => names?.includes(String(each)) ?? true);
}

function scenarioCases(): CampaignCase[] {
  const others = values.random ?? values.pairs;
  if (others !== undefined && values.seeds === undefined && !values.scenario) return [];
  const seeds = seedsOf(values.seeds ?? '1-3');
  const names = SCENARIOS.map(({ name }) => name);
  const containers = chosen(CONTAINER_NAMES, values.container);
  return chosen(names, values.scenario).flatMap((scenario) =>
    chosen(CASE_FLAVOURS, values.flavour).flatMap((flavour) =>
      chosen(CASE_TIMEOUTS, values.kmallocwd).flatMap((kmallocwd) =>
        seeds.map((seed) => ({ scenario, flavour, kmallocwd, seed, containers })),
      ),
    ),
  );
}

function randomCases(): CampaignCase[] {
  const others = values.scenario ?? values.seeds ?? values.pairs;
  if (values.random === undefined && others !== undefined) return [];
  return seedsOf(values.random ?? '1-1000').map(randomCase);
}

function pairCases(): CampaignCase[] {
  return values.pairs === undefined ? [] : seedsOf(values.pairs).map(pairCase);
}

function rowsOf(matrix: CampaignSummary['triaged']): string[] {
  return [...matrix].sort().map(([row, found]) => {
    const counts = [...found].sort().map(([name, count]) => `${name} ${count}`);
    return `  ${row.padEnd(8)} ${counts.join(', ')}\n`;
  });
}

/** A row for each expectation, with how often it came to what. */
function summaryText({ passed, failures, confusion, triaged }: CampaignSummary): string {
  const failed = failures.map(({ name, what }) => `${name}\n${what}\n\n`);
  const head = `${passed + failures.length} cases: ${passed} passed, ${failures.length} failed\n`;
  return (
    [...failed, head, 'expected, and what the runs came to:\n', ...rowsOf(confusion)].join('') +
    ['what the runs came to, and what triage says of them:\n', ...rowsOf(triaged)].join('')
  );
}

const summary = await campaign([...scenarioCases(), ...randomCases(), ...pairCases()], {
  jobs: Number(values.jobs ?? availableParallelism()),
  onCase: (line) => process.stderr.write(`${line}\n`),
});
process.stdout.write(summaryText(summary));
if (values.golden === true) {
  const known = existsSync(GOLDEN) ? readGolden(readFileSync(GOLDEN, 'utf8')) : [];
  const run = summary.random.map((row) => [row.seed, row] as const);
  writeFileSync(GOLDEN, goldenText([...new Map([...known, ...run]).values()]));
}
process.exitCode = summary.failures.length === 0 ? 0 : 1;
