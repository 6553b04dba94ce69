import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readOomState, type OomState } from '../../src/kernel/oom.ts';
import { readTasks } from '../../src/kernel/task.ts';
import type { Vmcore } from '../../src/target/index.ts';
import type { Ref } from '../../src/target/ref.ts';
import { vaddr } from '../../src/util/address.ts';
import { overlayOf } from '../support/overlay.ts';
import { realDump, truthFile, withVmcore } from '../support/real-dumps.ts';
import { runScenario, withRun, writeRun } from '../support/simulated.ts';
import { parseTruthStacks } from '../support/truth-stacks.ts';

describe('readOomState', function () {
  this.timeout(60_000);
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

  it('follows the list of the OOM reaper, also where it comes back to itself', async function () {
    await withVmcore(realDump(this, 'k2-pair-a.kdump'), (vmcore) => {
      const write = overlayOf(vmcore);
      const { tasks } = readTasks(vmcore);
      const at = (pid: number): Ref => {
        const address = tasks.find((task) => task.pid === pid)?.address;
        return vmcore.object('task_struct', vaddr(BigInt(address ?? 0)));
      };
      write(vmcore.global('oom_reaper_list'), at(47).address);
      write(at(47).member('oom_reaper_list'), at(56).address);
      const pids = (): unknown => read(vmcore).reaperList?.map(({ pid }) => pid);
      assert.deepEqual(pids(), [47, 56]);
      assert.deepEqual(
        read(vmcore).victims.map(({ onReaperList }) => onReaperList),
        [true, true],
      );
      assert.equal(vmcore.problems.count, 0);
      write(at(56).member('oom_reaper_list'), at(47).address);
      assert.deepEqual(pids(), [47, 56]);
      assert.match(vmcore.problems.list[0]?.message ?? '', /comes back to task/);
      // A pointer into nowhere is no task.
      write(at(56).member('oom_reaper_list'), 0x8n);
      assert.deepEqual(pids(), [47, 56]);
      assert.match(vmcore.problems.list[1]?.message ?? '', /address 0x/);
    });
  });

  it('says who shares the memory of a victim, and of whom nothing is expected', async function () {
    await withVmcore(realDump(this, 'k2-pair-a.kdump'), (vmcore) => {
      const write = overlayOf(vmcore);
      const [first, second] = read(vmcore).victims;
      assert.ok(first?.mm !== undefined && second?.mm !== undefined);
      const { address } = second.threads[0] ?? { address: '0x0' };
      write(vmcore.object('task_struct', vaddr(BigInt(address))).member('mm'), BigInt(first.mm));
      const flags = vmcore.object('mm_struct', vaddr(BigInt(first.mm))).member('flags');
      write(flags, flags.integer() | (1n << 21n));
      write(vmcore.global('oom_killer_disabled'), 1);
      const after = read(vmcore);
      assert.deepEqual(
        after.victims[0]?.sharers.map(({ pid }) => pid),
        [56],
      );
      assert.deepEqual(
        after.victims.map(({ skip }) => skip),
        [true, false],
      );
      // Its own memory is still what it was chosen for.
      assert.equal(after.victims[1]?.mm, second.mm);
      assert.equal(after.victims[1].threads[0]?.hasMm, true);
      assert.equal(after.killerDisabled, true);
    });
  });

  it('finds a task in the OOM of its cgroup, and a cgroup that is under OOM', async function () {
    await withVmcore(realDump(this, 'k61-press-d31.kdump'), (vmcore) => {
      const write = overlayOf(vmcore);
      const [task] = readTasks(vmcore).tasks;
      const root = vmcore.global('root_mem_cgroup').deref();
      const struct = vmcore.object('task_struct', vaddr(BigInt(task?.address ?? 0)));
      write(struct.member('memcg_in_oom'), root.address);
      write(struct.member('memcg_oom_gfp_mask'), 0xcc0);
      write(root.member('under_oom'), 2);
      const { memcgTasks, memcgs } = read(vmcore);
      const memcg = `0x${root.address.toString(16)}`;
      assert.deepEqual(memcgTasks, [{ task: task?.address, memcg, gfpMask: '0xcc0', order: 0 }]);
      const under = memcgs?.find(({ address }) => address === memcg);
      assert.deepEqual([under?.path, under?.underOom], ['/', 2]);
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
