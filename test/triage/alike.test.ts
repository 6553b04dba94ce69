import assert from 'node:assert/strict';
import type { SharedStack } from '../../src/kernel/bt.ts';
import { foldAlike, tellingCalls } from '../../src/triage/alike.ts';

function stack(pids: readonly number[], calls: string, allocator?: 'slow path'): SharedStack {
  return {
    stack: {
      type: 'stack',
      source: 'switched out',
      frames: calls.split(' < ').map((name) => ({ pc: '0x1', sp: '0x0', name })),
      end: 'user',
    },
    tasks: pids.map((pid) => ({ address: `0x${pid}`, pid, state: 'D' })),
    ...(allocator === undefined ? {} : { allocator }),
  };
}

const RECLAIM = 'shrink_node < try_to_free_pages < __alloc_pages_slowpath < __alloc_pages';
const THROTTLED = `schedule_timeout < reclaim_throttle < ${RECLAIM}`;

describe('foldAlike', () => {
  it('takes those together that do the same for different callers', () => {
    const groups = foldAlike([
      stack([1], `${RECLAIM} < pgd_alloc`, 'slow path'),
      stack([2, 3], `shrink_slab < ${RECLAIM} < filemap_fault`, 'slow path'),
      stack([4], `${THROTTLED} < filemap_fault`, 'slow path'),
    ]);
    assert.deepEqual(
      groups.map(({ tasks, stacks }) => [tasks.map(({ pid }) => pid), stacks]),
      [
        [[1, 2, 3], 2],
        [[4], 1],
      ],
    );
  });

  it('shows the stack that most of them have', () => {
    const [group] = foldAlike([
      stack([1], `${RECLAIM} < pgd_alloc`, 'slow path'),
      stack([2, 3], `${RECLAIM} < filemap_fault`, 'slow path'),
    ]);
    assert.deepEqual(tellingCalls(group!.stack).at(-1), 'filemap_fault');
  });

  it('keeps workers apart, which hold up other work, and whom it is told to', () => {
    const worker = stack([1], `${RECLAIM} < bio_alloc < process_one_work`, 'slow path');
    const tasks = [2, 3].map((pid) => stack([pid], `${RECLAIM} < do_fault`, 'slow path'));
    assert.equal(foldAlike([worker, ...tasks]).length, 2);
    assert.equal(foldAlike([worker, ...tasks], [3]).length, 3);
  });

  it('goes by the innermost calls outside of the allocator', () => {
    const a = stack([1], 'schedule < pipe_read < vfs_read < ksys_read');
    const b = stack([2], 'schedule < pipe_read < vfs_read < ksys_read < more');
    const c = stack([3], 'schedule < pipe_write < vfs_write < ksys_write');
    assert.equal(foldAlike([a, b, c]).length, 2);
  });
});

describe('tellingCalls', () => {
  it('leaves out the scheduler, the entry, and the inner functions of a lock', () => {
    const calls = '__schedule < schedule < __mutex_lock < __mutex_lock_slowpath < mutex_lock < f';
    assert.deepEqual(tellingCalls(stack([1], `${calls} < do_syscall_64`)), ['mutex_lock', 'f']);
  });

  it('keeps the system call where there is but a lock inside of it', () => {
    const within = (calls: string): string[] =>
      tellingCalls(stack([1], `schedule < ${calls} < __x64_sys_brk < do_syscall_64`));
    assert.deepEqual(within('rwsem_down_write_slowpath < down_write'), [
      'down_write',
      '__x64_sys_brk',
    ]);
    assert.deepEqual(within('down_write < f'), ['down_write', 'f']);
    assert.deepEqual(tellingCalls(stack([1], 'schedule < mutex_lock < kthread')), ['mutex_lock']);
  });
});
