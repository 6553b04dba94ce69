import assert from 'node:assert/strict';
import { readOomState, type OomState } from '../../../src/kernel/oom.ts';
import { readTasks } from '../../../src/kernel/task.ts';
import { MMF_OOM_REAP_QUEUED, MMF_OOM_SKIP } from '../../../src/sim/kernel/task-bits.ts';
import type { Simulation } from '../../../src/sim/simulate.ts';
import { runScenario, withImage } from '../../support/simulated.ts';

async function oomStateOf({ image }: Simulation): Promise<OomState> {
  return await withImage(image, (vmcore) => readOomState(vmcore, readTasks(vmcore).tasks));
}

/** pid, MMF_OOM_SKIP and MMF_OOM_REAP_QUEUED of each victim. */
type Rows = readonly (readonly [pid: number | undefined, skip?: boolean, queued?: boolean])[];

function rowsOfFacts({ image: { facts } }: Simulation): Rows {
  return facts.processes.flatMap(({ oomVictim, threads, mm }) => {
    if (!oomVictim) return [];
    const flags = mm?.flags ?? 0;
    const has = (mask: number): boolean => (flags & mask) !== 0;
    return [[threads[0]?.pid, has(MMF_OOM_SKIP), has(MMF_OOM_REAP_QUEUED)] as const];
  });
}

describe('writeOom', () => {
  it('has the bits of victims, and who is to be reaped, as the reader finds them', async () => {
    const run = runScenario('reaper-defeated', { seed: 1, kmallocwd: 2 });
    const { victims, victimCount, reaperList, killerDisabled } = await oomStateOf(run);
    const rows = victims.map(({ threads, skip, reapQueued }) => {
      return [threads[0]?.pid, skip, reapQueued] as const;
    });
    assert.ok(rows.some(([, , queued]) => queued));
    assert.deepEqual(rows, rowsOfFacts(run));
    assert.equal(victimCount, run.image.facts.oom?.victimCount);
    assert.deepEqual(
      reaperList?.map(({ pid }) => pid),
      run.image.facts.oom?.reaperPids,
    );
    assert.equal(killerDisabled, false);
  });

  it('has neither the list nor the bits where the kernel has no reaper', async () => {
    const run = runScenario('oom-victim-mutex', { seed: 1, kmallocwd: 2 });
    const { victims, reaperList } = await oomStateOf(run);
    assert.ok(victims.length > 0);
    assert.deepEqual(
      victims.map(({ skip, reapQueued }) => [skip, reapQueued]),
      victims.map(() => [undefined, undefined]),
    );
    assert.equal(reaperList, undefined);
  });
});
