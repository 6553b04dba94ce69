import assert from 'node:assert/strict';
import { sleepsForGood } from '../../src/kernel/reclaim-state.ts';
import type { StackFrame } from '../../src/kernel/stack.ts';
import type { Task } from '../../src/kernel/task.ts';

function stackOf(names: string): StackFrame[] {
  return names.split(' ').map((name, at) => ({ pc: `0x${at}`, sp: `0x${at}`, name }));
}

function sleeps(state: string, names: string): boolean {
  const task: Task = { address: '0x1', state };
  return sleepsForGood(task, stackOf(names));
}

describe('sleepsForGood', () => {
  it('knows kswapd that waits to be woken, whatever the compiler made of its functions', () => {
    assert.ok(sleeps('S', '__schedule schedule kswapd kthread ret_from_fork'));
    assert.ok(sleeps('S', '__schedule schedule kswapd_try_to_sleep kswapd kthread'));
    assert.ok(sleeps('S', '__schedule schedule schedule_timeout kswapd.constprop.0 kthread'));
  });

  it('leaves kswapd alone that is in reclaim, and all others', () => {
    assert.ok(!sleeps('R', '__schedule schedule kswapd kthread'));
    assert.ok(!sleeps('D', '__schedule schedule_timeout io_schedule_timeout kswapd kthread'));
    assert.ok(!sleeps('S', '__schedule schedule shrink_slab kswapd kthread'));
    assert.ok(!sleeps('S', '__schedule schedule worker_thread kthread'));
    assert.ok(!sleepsForGood({ address: '0x1', state: 'S' }, []));
  });
});
