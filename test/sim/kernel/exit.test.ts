import assert from 'node:assert/strict';
import { addProgram, boot } from '../../../src/sim/boot.ts';
import { FEATURES_DEFAULT, REMEDIES_NONE } from '../../../src/sim/core/options.ts';
import { page_fault } from '../../../src/sim/kernel/entry.ts';
import { exit_mmap } from '../../../src/sim/kernel/exit.ts';
import { schedule_timeout_uninterruptible } from '../../../src/sim/kernel/timer.ts';
import type { Page } from '../../../src/sim/mm/mmzone.ts';
import { Prng } from '../../../src/util/prng.ts';

describe('exit_mmap', () => {
  it('gives locked pages to reclaim, and none that reclaim has taken off its list', () => {
    const machine = { hz: 250, cpuCount: 2, ramBytes: 128 << 20, kmallocwd: 0 } as const;
    const k = boot({ ...machine, ...FEATURES_DEFAULT, ...REMEDIES_NONE }, new Prng(4));
    const pages: Page[] = [];
    addProgram(k, { comm: 'exits' }, function* () {
      const { mm } = k.current;
      assert.ok(mm !== undefined);
      yield* page_fault(k, 'locked');
      yield* page_fault(k, 'file');
      pages.push(...mm.filePages);
      const [, isolated] = pages;
      isolated?.lru?.remove(isolated);
      yield* exit_mmap(k, mm);
      yield* schedule_timeout_uninterruptible(k, 1_000_000);
    });
    k.sched.run(1_000_000);
    const [locked, isolated] = pages;
    assert.equal(locked?.lru, k.node.lru.inactive_file);
    assert.ok(isolated !== undefined && isolated.lru === undefined && isolated.mm === undefined);
  });
});
