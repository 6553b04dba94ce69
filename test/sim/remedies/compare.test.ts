import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { simulatedTypes } from '../../../src/cli/simulated-types.ts';
import {
  compareRemedies,
  runWithRemedy,
  type CompareOptions,
  stallingScenarios,
  type RemedyRun,
} from '../../../src/sim/remedies/compare.ts';
import { REMEDIES, remedyOptions } from '../../../src/sim/remedies/remedy.ts';
import { SCENARIOS } from '../../../src/sim/scenarios/list.ts';
import { LINUX_4_4 } from '../../../src/sim/flavour/linux-4-4.ts';
import { MEMCG_OOM } from '../../../src/sim/scenarios/memcg-oom.ts';
import { OOM_VICTIM_MUTEX } from '../../../src/sim/scenarios/oom-victim-mutex.ts';
import { hungTasks, simulate } from '../../../src/sim/simulate.ts';
import {
  PREDICTIONS,
  type PredictedRun,
  type Prediction,
} from '../../support/remedy-predictions.ts';

const GOLDEN = new URL('../../golden/remedies.txt', import.meta.url);
const UPDATES_GOLDEN = process.env.UPDATE_GOLDEN === '1';
const TYPES = simulatedTypes('v3');
const OPTIONS = { seed: 1, kmallocwd: 1, knobs: { dumpSeconds: 8 }, types: TYPES };

const HEADER = `What the seeds say, and what the simulated kernel does (seed ${
  OPTIONS.seed
} of each scenario unless told, dumped
after ${OPTIONS.knobs.dumpSeconds} s of uptime, run on for ${
  10 * OPTIONS.kmallocwd
} s). Written by test/sim/remedies/compare.test.ts with
UPDATE_GOLDEN=1. Numbers are left out that another model of the same kernel would not have.
`;

/** Runs that several predictions share are made once. */
class Runs {
  readonly #known = new Map<string, RemedyRun>();

  get({ scenario, remedy, seed = OPTIONS.seed }: PredictedRun): RemedyRun {
    const key = `${scenario.name} ${remedy} ${seed}`;
    const known = this.#known.get(key);
    if (known !== undefined) return known;
    const chosen = REMEDIES.find(({ name }) => name === remedy);
    assert.equal(chosen === undefined, remedy === undefined, remedy);
    const run = runWithRemedy(scenario, chosen, { ...OPTIONS, seed });
    this.#known.set(key, run);
    return run;
  }
}

describe('runWithRemedy', function () {
  this.timeout(180_000);
  const runs = new Runs();
  const entries: string[] = [];
  const golden = readFileSync(GOLDEN, 'utf8').split(/\n(?=seed )/);

  for (const [i, prediction] of PREDICTIONS.entries()) {
    const { seed, sentence } = prediction;
    it(`gives what seed ${seed} says, or something else for a known reason: ${sentence}`, () => {
      entries[i] = entry(prediction, runs);
      if (!UPDATES_GOLDEN) assert.equal(entries[i]?.trimEnd(), golden[i + 1]?.trimEnd());
    });
  }

  it('has a golden entry for each prediction and no other', () => {
    const text = [HEADER, ...entries].join('\n');
    if (UPDATES_GOLDEN) writeFileSync(GOLDEN, text);
    assert.equal(text, readFileSync(GOLDEN, 'utf8'));
  });

  it('is the run that simulate() writes a vmcore of', () => {
    const scenario = OOM_VICTIM_MUTEX;
    for (const remedy of [undefined, REMEDIES.find(({ name }) => name === 'oom_reaper')]) {
      const compared = runWithRemedy(scenario, remedy, OPTIONS);
      const remedied = remedy === undefined ? {} : remedyOptions(remedy);
      const { truth } = simulate({ ...OPTIONS, ...remedied, scenario }).ledger;
      const { requesting, asleep } = hungTasks(truth);
      assert.equal(compared.diagnosis, truth.diagnosis);
      assert.equal(compared.hung, requesting.length + asleep.length);
    }
  });

  it('gives the same run for the same seed', () => {
    const [first, again] = [1, 2].map(() => runWithRemedy(MEMCG_OOM, undefined, OPTIONS));
    assert.deepEqual(first, again);
    assert.deepEqual([first!.hung, first!.stalling, first!.panic], [0, 0, undefined]);
  });
});

describe('CompareOptions', () => {
  it('makes machines of another size, and kernels as they were released', () => {
    const knobs = { ramMiB: 64, cpus: 1, hz: 100, dumpSeconds: 1 } as const;
    const others: readonly Partial<CompareOptions>[] = [
      {},
      { knobs },
      { knobs: { ...knobs, idleTasks: 20 } },
      { knobs, flavour: LINUX_4_4, types: simulatedTypes('v3', '4.4') },
    ];
    const runs = others.map((other) => {
      return runWithRemedy(MEMCG_OOM, undefined, { ...OPTIONS, ...other });
    });
    assert.equal(new Set(runs.map(({ cpuSeconds }) => cpuSeconds)).size, others.length);
  });
});

describe('compareRemedies', () => {
  it('runs a scenario as it is, then with each remedy', () => {
    const remedies = REMEDIES.slice(0, 2);
    const comparison = { ...OPTIONS, scenarios: [MEMCG_OOM], remedies };
    const names = [...compareRemedies(comparison)].map(({ remedy }) => remedy);
    assert.deepEqual(names, [undefined, ...remedies.map(({ name }) => name)]);
  });
});

describe('stallingScenarios', () => {
  it('leaves out where nothing is wrong, and where the seed decides', () => {
    const names = stallingScenarios(SCENARIOS).map(({ name }) => name);
    assert.ok(names.includes('nofs-only') && names.includes('overload'));
    for (const name of ['quiet', 'leak-then-recover', 'random']) assert.ok(!names.includes(name));
  });
});

/** A sentence, what its runs gave, and whether that is what it says. */
function entry({ seed, sentence, runs, holds, relation, why }: Prediction, all: Runs): string {
  const gave = runs.map((run) => all.get(run));
  const isRight = holds(...gave);
  // A reason is only printed where the runs have it.
  if (!isRight) assert.ok(why?.isSo(...gave), `${sentence}: the reason is not what was seen`);
  return [
    `seed ${seed}: "${sentence}"\n`,
    ...gave.map((run, i) => {
      const { seed: drawn } = runs[i]!;
      const name = drawn === undefined ? run.scenario : `${run.scenario} (seed ${drawn})`;
      return `  ${name}, ${run.remedy ?? 'no remedy'}: ${describeRun(run)}\n`;
    }),
    relation === undefined ? '' : `  ${relation(...gave)}\n`,
    isRight ? '  as predicted\n' : '  NOT as predicted\n',
    isRight ? '' : `  ${why?.says ?? ''}\n`,
  ].join('');
}

function describeRun(run: RemedyRun): string {
  const { protectedKilled, protectedHung } = run;
  const facts: readonly (readonly [isSo: boolean, words: string])[] = [
    [true, outcome(run)],
    [run.oomKills === 0, 'nobody was chosen by the OOM killer'],
    [run.overdueVictims > 0, 'a victim was given up'],
    [run.chosenAgain > 0, 'the stuck victim was chosen again'],
    [run.sigbusKills > 0, 'SIGBUS killed'],
    [protectedKilled.length > 0, `killed though protected: ${protectedKilled.join(', ')}`],
    [protectedHung.length > 0, `hung though protected: ${protectedHung.join(', ')}`],
    [run.failedAllocs > 0, 'allocations failed'],
    [run.readOnly, 'the file system is read-only'],
  ];
  return facts.flatMap(([isSo, words]) => (isSo ? [words] : [])).join('; ');
}

function outcome({ panic, recoveredSeconds, stalling, diagnosis }: RemedyRun): string {
  if (panic !== undefined) return `panic: ${panic}`;
  if (recoveredSeconds === undefined) return `still hung (${diagnosis})`;
  return stalling === 0 ? 'no stall' : `slow, and recovered (${diagnosis})`;
}
