import assert from 'node:assert/strict';
import { simulatedTypes } from '../../../src/cli/simulated-types.ts';
import { findScenario } from '../../../src/sim/scenarios/list.ts';
import { startScenario } from '../../../src/sim/start-scenario.ts';
import { fatesSince, rememberMoment, type LedgerFate } from '../../../src/sim/truth/between.ts';
import { findTruth, takeSnapshot, type Truth } from '../../../src/sim/truth/truth.ts';

const US_PER_SECOND = 1_000_000;
const TYPES = simulatedTypes('v3');

/** What became of tasks between 6 and 8 seconds, and what is true of the machine at 6. */
function fates(name: string): { fates: LedgerFate[]; truth: Truth; elapsed: LedgerFate[] } {
  const { kernel } = startScenario({
    ...{ scenario: findScenario(name)!, seed: 1, types: TYPES, kmallocwd: 1 },
    knobs: { ramMiB: 64 },
  });
  kernel.sched.run(6 * US_PER_SECOND);
  const moment = rememberMoment(kernel);
  const atOnce = fatesSince(kernel, moment);
  const snapshot = takeSnapshot(kernel, 250);
  kernel.sched.run(8 * US_PER_SECOND);
  const found = fatesSince(kernel, moment);
  kernel.sched.run(16 * US_PER_SECOND);
  return { fates: found, truth: findTruth(kernel, snapshot), elapsed: atOnce };
}

describe('fatesSince', () => {
  it('has nobody progress of whom the run shows that he never moved', () => {
    const { fates: found, truth } = fates('oom-victim-mutex');
    const fateOf = new Map(found.map(({ pid, fate }) => [pid, fate]));
    assert.ok(truth.stuck.length > 1 && truth.asleep.length > 0);
    for (const pid of truth.stuck)
      assert.match(fateOf.get(pid) ?? '', /livelocked|blocked|starved/);
    for (const pid of truth.asleep) assert.equal(fateOf.get(pid), 'blocked');
  });

  it('counts the requests of those who get on', () => {
    const { fates: found } = fates('quiet');
    const moved = found.filter(({ fate }) => fate === 'progressing' || fate === 'ran');
    assert.ok(moved.length > 0);
    for (const { fate, requestsBegun } of found)
      assert.equal(requestsBegun > 0, fate === 'progressing');
  });

  it('has nobody move in no time', () => {
    const moves = fates('quiet').elapsed.filter(({ fate }) => /progressing|gone|new/.test(fate));
    assert.deepEqual(moves, []);
  });
});
