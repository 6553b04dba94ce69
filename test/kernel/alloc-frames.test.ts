import assert from 'node:assert/strict';
import { allocatorPlace } from '../../src/kernel/alloc-frames.ts';
import type { StackFrame } from '../../src/kernel/stack.ts';

function frames(calls: string): StackFrame[] {
  return calls.split(' < ').map((name) => ({ pc: '0x1', sp: '0x1', name }));
}

describe('allocatorPlace', () => {
  for (const [calls, expected] of [
    ['shrink_node < try_to_free_pages < __alloc_pages_slowpath < __alloc_pages', 'slow path'],
    ['get_page_from_freelist < __alloc_pages < alloc_pages', undefined],
    ['try_to_free_mem_cgroup_pages < try_charge_memcg < charge_memcg', 'memory cgroup'],
    ['schedule_timeout < mem_cgroup_oom_synchronize < pagefault_out_of_memory', 'memory cgroup'],
    ['schedule < mutex_lock_killable < try_charge_memcg < charge_memcg', 'memory cgroup'],
    ['page_counter_try_charge < try_charge < mem_cgroup_try_charge < do_fault', undefined],
    ['try_charge_memcg < charge_memcg < __mem_cgroup_charge', undefined],
    ['mutex_lock_killable < uprobe_mmap < mmap_region', undefined],
  ] as const) {
    it(`${expected === undefined ? 'is none' : `is the ${expected}`} in ${calls}`, () => {
      assert.equal(allocatorPlace(frames(calls)), expected);
    });
  }

  it('does not go by frames that were guessed', () => {
    const guessed = frames('try_to_free_pages').map((frame) => ({
      ...frame,
      guessed: true as const,
    }));
    assert.equal(allocatorPlace(guessed), undefined);
  });
});
