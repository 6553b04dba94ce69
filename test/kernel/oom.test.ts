import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readOomState, type OomState } from '../../src/kernel/oom.ts';
import { readTasks } from '../../src/kernel/task.ts';
import type { Vmcore } from '../../src/target/index.ts';
import { realDump, truthFile, withVmcore } from '../support/real-dumps.ts';
import { runScenario, withRun, writeRun } from '../support/simulated.ts';
import { parseTruthStacks } from '../support/truth-stacks.ts';

describe('readOomState', function () {
  this.timeout(20_000);
  const folder = mkdtempSync(join(tmpdir(), 'stallcore-oom-'));

  after(() => rmSync(folder, { recursive: true }));

  it('tells victims that were reaped from one whose memory is still to come', async function () {
    await withVmcore(realDump(this, 'k61-press-d31.kdump'), (vmcore) => {
      const state = read(vmcore);
      assert.deepEqual(victims(state), [
        { pids: [220], memdie: [220], hasMm: [220], skip: true, reapQueued: true, users: 1 },
        // The leader is a zombie, the thread has got past exit_mm().
        { pids: [298, 328], memdie: [], hasMm: [], skip: true, reapQueued: true, users: 0 },
        { pids: [394, 399], memdie: [], hasMm: [399], skip: false, reapQueued: true, users: 1 },
      ]);
      assert.deepEqual(state.reaperList, []);
      assert.equal(state.reaper?.comm, 'oom_reaper');
      assert.equal(state.killerDisabled, false);
    });
  });

  it('finds who has oom_lock: it is choosing a victim', async function () {
    const stacks = parseTruthStacks(truthFile(this, 'k61-press/stacks.txt'));
    await withVmcore(realDump(this, 'k61-press-d31.kdump'), (vmcore) => {
      const { lock, memcgs } = read(vmcore);
      assert.equal(lock?.owner?.pid, 227);
      const frames = (stacks.get(227) ?? []).map(({ name }) => name);
      assert.ok(frames.includes('out_of_memory'));
      // It does so for its cgroup, whose other tasks wait meanwhile.
      assert.ok(frames.includes('mem_cgroup_out_of_memory'));
      assert.deepEqual(
        memcgs?.map(({ path, oomLock, killDisabled }) => ({ path, oomLock, killDisabled })),
        [{ path: '/max', oomLock: true, killDisabled: false }],
      );
    });
  });

  /** oom_victims and OOM_KILL of mem.txt, which has no OOM_KILL where the kernel counts none. */
  const COUNTS: readonly (readonly [dump: string, truth: string])[] = [
    ['k61-press-d31.kdump', 'k61-press'],
    ['k61-quiet-d31-zstd.kdump', 'k61-quiet'],
    ['k2-pair-a.kdump', 'k2-pair-a'],
    ['k2-pair-b.kdump', 'k2-pair-b'],
  ];
  for (const [dump, truth] of COUNTS) {
    it(`counts victims and kills as drgn does: ${dump}`, async function () {
      const path = realDump(this, dump);
      const mem = truthFile(this, `${truth}/mem.txt`);
      await withVmcore(path, (vmcore) => {
        const state = read(vmcore);
        assert.deepEqual(vmcore.problems.list, []);
        const number = (pattern: RegExp): number | undefined => {
          const digits = pattern.exec(mem)?.[1];
          return digits === undefined ? undefined : Number(digits);
        };
        assert.equal(state.victimCount, number(/^oom_victims (\d+)$/m));
        assert.equal(state.killCount, number(/^oom_kill_vm_event (\d+)$/m));
        const marked = state.victims.flatMap(({ threads }) =>
          threads.filter((each) => each.memdie),
        );
        assert.equal(marked.length, state.victimCount);
      });
    });
  }

  it('says of a machine on which nobody reaps that nothing was taken', async function () {
    await withVmcore(realDump(this, 'k1-victim-wd10.kdump'), (vmcore) => {
      const state = read(vmcore);
      assert.deepEqual(victims(state), [
        { pids: [47, 71], memdie: [47], hasMm: [47, 71], skip: false, reapQueued: false, users: 2 },
        { pids: [56], memdie: [56], hasMm: [56], skip: false, reapQueued: false, users: 1 },
      ]);
      // A kernel without memory cgroups, and one that does not count events.
      assert.equal(state.memcgs, undefined);
      assert.equal(state.killCount, undefined);
      assert.equal(state.lock?.owner, undefined);
    });
  });

  // 6.1 with what the scenario needs: as it was released, nobody has to be killed.
  for (const [name, flavour] of [
    ['6.1', {}],
    ['4.4', { flavour: '4.4' }],
  ] as const) {
    it(`finds the victim of the simulated ${name}, and no other`, async () => {
      const run = runScenario('oom-victim-mutex', { ...flavour, seed: 1, kmallocwd: 1 });
      const files = writeRun(run, join(folder, name), { format: 'elf' });
      await withRun(files, (vmcore) => {
        const state = read(vmcore);
        const pids = state.victims.flatMap(({ threads }) => threads.map(({ pid }) => pid));
        const { tasks, locks } = run.ledger;
        const expected = tasks.filter(({ oomVictim, words }) => oomVictim || words.victim);
        assert.ok(pids.length > 0);
        assert.deepEqual(
          pids,
          expected.map(({ pid }) => pid),
        );
        const memdie = state.victims.flatMap(({ threads }) => {
          return threads.filter((each) => each.memdie === true).map(({ pid }) => pid);
        });
        assert.deepEqual(
          memdie,
          tasks.filter(({ words }) => words.victim).map(({ pid }) => pid),
        );
        const oomLock = locks.find(({ name }) => name === 'oom_lock');
        assert.equal(state.lock?.owner?.pid, oomLock?.ownerPid);
      });
    });
  }

  it('finds the owner of oom_lock that gets no CPU', async () => {
    const run = runScenario('oom-lock-starved', { seed: 1, kmallocwd: 1 });
    const files = writeRun(run, join(folder, 'starved'), { format: 'elf' });
    await withRun(files, (vmcore) => {
      const oomLock = run.ledger.locks.find(({ name }) => name === 'oom_lock');
      assert.ok(oomLock?.ownerPid !== undefined);
      assert.equal(read(vmcore).lock?.owner?.pid, oomLock.ownerPid);
    });
  });
});

function read(vmcore: Vmcore): OomState {
  return readOomState(vmcore, readTasks(vmcore).tasks);
}

function victims({ victims: all }: OomState): object[] {
  return all.map(({ threads, skip, reapQueued, mmUsers }) => ({
    pids: threads.map(({ pid }) => pid),
    memdie: threads.filter(({ memdie }) => memdie).map(({ pid }) => pid),
    hasMm: threads.filter(({ hasMm }) => hasMm).map(({ pid }) => pid),
    ...{ skip, reapQueued, users: mmUsers },
  }));
}
