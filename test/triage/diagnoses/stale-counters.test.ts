import assert from 'node:assert/strict';
import { diagnose } from '../../../src/triage/diagnose.ts';
import { facts, FAULT, RECLAIM, type TaskSketch } from '../../support/facts-builder.ts';

const ASKS: TaskSketch = { pid: 1, state: 'R', calls: FAULT, gfp: 'GFP_HIGHUSER_MOVABLE' };
const OVERLOAD = 'D13 possible';

function found(tasks: readonly TaskSketch[], others?: Parameters<typeof facts>[1]): string[] {
  return diagnose(facts(tasks, others)).map(
    ({ diagnosis, confidence }) => `${diagnosis} ${confidence}`,
  );
}

describe('staleCounters', () => {
  it('finds a worker that keeps counters from being added up (D6)', () => {
    const looper: TaskSketch = {
      ...ASKS,
      pid: 25,
      kthread: true,
      calls: `${RECLAIM} < process_one_work < worker_thread`,
    };
    const zone = { name: 'Normal', free: 90, min: 100, freeNotAdded: 20 };
    const pendingWorks = new Map([['vmstat_update', 1]]);
    assert.equal(found([looper], { zones: [zone], pendingWorks })[0], 'D6 likely');
    assert.equal(found([looper], { pendingWorks })[0], 'D6 possible');
    assert.equal(found([looper], { zones: [zone] })[0], 'D6 possible');
    assert.deepEqual(found([looper], { zones: [{ ...zone, freeNotAdded: 0 }] }), [OVERLOAD]);
    const killer: TaskSketch = { pid: 26, state: 'R', calls: `out_of_memory < ${FAULT}` };
    assert.deepEqual(found([looper, killer], { zones: [zone], pendingWorks }), [OVERLOAD]);
    const young: TaskSketch = { ...ASKS, pid: 1 };
    const { gfp, ...others } = looper;
    assert.notEqual(gfp, undefined);
    assert.deepEqual(found([{ ...others, young: true }, young], { zones: [zone] }), [OVERLOAD]);
    const asleep = { ...looper, state: 'D' };
    assert.deepEqual(found([asleep], { zones: [zone], pendingWorks }), [OVERLOAD]);
  });
});
