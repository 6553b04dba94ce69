// A pairwise cover of all that a run of the simulation may be: every two of scenario, kernel,
// kmallocwd=N, containers and seed meet in a run at least, and each run must read from each of its
// containers as its ledger says. `npm run campaign` runs all of them.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { SCENARIOS } from '../../src/sim/scenarios/list.ts';
import {
  CASE_FLAVOURS,
  CASE_TIMEOUTS,
  caseName,
  CONTAINER_NAMES,
  randomCase,
  type CampaignCase,
  type ContainerName,
} from '../campaign/cases.ts';
import { goldenRow } from '../campaign/campaign.ts';
import { GOLDEN, readGolden } from '../campaign/golden.ts';
import { CasePool } from '../campaign/pool.ts';
import type { CaseResult } from '../campaign/run-case.ts';
import { pairwise, uncovered } from '../support/pairwise.ts';

/** What a run is written to: three containers that have little in common. */
const CONTAINER_SETS: readonly (readonly ContainerName[])[] = [
  ['kdump', 'elf', 'split'],
  ['kdump-zlib', 'flattened', 'raw'],
  ['kdump-lzo', 'kdump-snappy', 'flattened-elf'],
  ['kdump-zstd', 'kdump-plain', 'elf.lz4'],
];

const FACTORS = {
  scenario: SCENARIOS.map(({ name }) => name),
  flavour: CASE_FLAVOURS,
  kmallocwd: CASE_TIMEOUTS,
  containers: CONTAINER_SETS.map((_, i) => i),
  seed: [1, 2, 3],
} as const;

const ROWS = pairwise(FACTORS);
const COVER: readonly CampaignCase[] = ROWS.map(({ containers, ...row }) => {
  return { ...row, containers: CONTAINER_SETS[containers]! };
});

const RANDOM_SEEDS = 50;
/** Seeds of their own, so that the cover's are others. */
const RANDOM_FROM = 101;
const RANDOM = Array.from({ length: RANDOM_SEEDS }, (_, i) => randomCase(RANDOM_FROM + i));

describe('simulate, a cover of all that it makes', function () {
  this.timeout(600_000);
  let pool: CasePool;
  let results: Map<CampaignCase, Promise<CaseResult>>;
  before(() => {
    pool = new CasePool();
    results = new Map([...COVER, ...RANDOM].map((each) => [each, pool.run(each)]));
    // Each is waited for by its own test; until then nobody has missed a failure.
    for (const result of results.values()) result.catch(() => undefined);
  });
  after(() => pool.stop());

  it('leaves no pair out', () => {
    assert.deepEqual(uncovered(ROWS, FACTORS), []);
    const sets = new Set(CONTAINER_SETS.flat());
    assert.deepEqual([...sets].sort(), [...CONTAINER_NAMES].sort());
  });

  it('has each scenario on each kernel, if it can be had on one at least', async () => {
    const pairs = new Set(ROWS.map(({ scenario, flavour }) => `${scenario} on ${flavour}`));
    for (const scenario of FACTORS.scenario) {
      for (const flavour of CASE_FLAVOURS) assert.ok(pairs.has(`${scenario} on ${flavour}`));
      const own = COVER.filter((each) => each.scenario === scenario && each.flavour === 'own');
      for (const each of own) {
        const { expected } = await results.get(each)!;
        assert.doesNotMatch(expected, /^not /, caseName(each));
      }
    }
  });

  for (const each of COVER) {
    it(caseName(each), async () => {
      const { problem } = await results.get(each)!;
      assert.equal(problem, undefined, problem);
    });
  }

  const golden = readGolden(readFileSync(GOLDEN, 'utf8'));
  for (const each of RANDOM) {
    it(`${caseName(each)}, triaged as in ${basename(GOLDEN.pathname)}`, async () => {
      const result = await results.get(each)!;
      assert.equal(result.problem, undefined, result.problem);
      assert.deepEqual(goldenRow(each, result), [golden.get(each.seed)]);
    });
  }
});
