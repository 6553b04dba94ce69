import assert from 'node:assert/strict';
import { chainsOf } from '../../src/triage/chains.ts';
import type { Checked } from '../../src/triage/checked.ts';
import { kthreadWait } from '../../src/triage/kthread-wait.ts';
import { facts, FAULT, type TaskSketch } from '../support/facts-builder.ts';

const MANAGER: TaskSketch = {
  pid: 7,
  comm: 'kworker/0:0',
  kthread: true,
  calls: '__schedule < schedule < wait_for_completion_killable < __kthread_create_on_node',
};
const KTHREADD: TaskSketch = {
  pid: 2,
  comm: 'kthreadd',
  kthread: true,
  gfp: 'GFP_KERNEL',
  calls: `${FAULT} < copy_process < kernel_clone < kernel_thread < kthreadd`,
};

describe('kthreadWait', () => {
  it('leads from who wants a kernel thread to kthreadd, while that makes one', () => {
    const { byPid, ...all } = facts([MANAGER, KTHREADD]);
    const manager = byPid.get(7)!;
    assert.deepEqual(kthreadWait({ ...all, byPid }, manager)?.holders, [2]);
    assert.equal(kthreadWait({ ...all, byPid }, byPid.get(2)!), undefined);
  });

  it('leads nowhere where kthreadd sleeps, or is not known', () => {
    const idle = { ...KTHREADD, calls: '__schedule < schedule < kthreadd' };
    for (const tasks of [[MANAGER, idle], [MANAGER]]) {
      const all = facts(tasks);
      assert.equal(kthreadWait(all, all.byPid.get(7)!), undefined);
    }
  });

  it('is a step of the chain', () => {
    const chains = chainsOf(facts([MANAGER, KTHREADD]), {} as Checked);
    assert.deepEqual(
      chains.map(({ from, steps, end }) => [from, steps[0]?.waitsFor, steps[0]?.name, end?.kind]),
      [['kworker/0:0(7)', 'a new kernel thread', 'kthreadd(2)', 'memory']],
    );
  });
});
