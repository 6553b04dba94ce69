import assert from 'node:assert/strict';
import { clear_congested, set_congested } from '../../../src/sim/block/congestion.ts';
import { addProgram, boot } from '../../../src/sim/boot.ts';
import type { Kernel } from '../../../src/sim/core/kernel.ts';
import { FEATURES_DEFAULT, REMEDIES_NONE } from '../../../src/sim/core/options.ts';
import { Inode } from '../../../src/sim/fs/file-system.ts';
import { cond_resched } from '../../../src/sim/kernel/sched.ts';
import { PF_LESS_THROTTLE } from '../../../src/sim/kernel/task-bits.ts';
import { __GFP_NORETRY, GFP_KERNEL, GFP_NOFS } from '../../../src/sim/mm/gfp.ts';
import {
  global_dirty_limits,
  global_dirtyable_memory,
  throttle_vm_writeout,
} from '../../../src/sim/mm/page-writeback.ts';
import { writer } from '../../../src/sim/programs.ts';
import { Prng } from '../../../src/util/prng.ts';
import { addThread, bareKernel, runBody } from '../../support/bare-kernel.ts';

const SECOND = 1_000_000;

/** What a body sees, run as a task. */
function seen<T>(k: Kernel, look: () => T): T {
  let result: T | undefined;
  runBody(
    k,
    function* () {
      result = look();
      yield* cond_resched(k);
    },
    1,
  );
  return result!;
}

describe('global_dirty_limits', () => {
  it('are parts of what could be dirtied: free memory above the reserves, and page cache', () => {
    const k = bareKernel({ dirtyRatio: 40 });
    const reserve = k.node.zones.reduce(
      (sum, { watermark, lowmemReserve, managedPages }) =>
        sum + Math.min(managedPages, watermark.high + lowmemReserve),
      0,
    );
    const dirtyable = global_dirtyable_memory(k);
    assert.equal(dirtyable, k.node.freePages - reserve + 1);
    const { dirty, background } = seen(k, () => global_dirty_limits(k));
    assert.equal(dirty, Math.floor(dirtyable * 0.4));
    assert.equal(background, Math.floor(dirty / 2));
  });

  it('are higher by a quarter for PF_LESS_THROTTLE, in later kernels by more', () => {
    for (const [lessThrottleMargin, more] of [
      [false, 0],
      [true, 100],
    ] as const) {
      const k = bareKernel({ lessThrottleMargin });
      k.writeback.dirtyLimit = 3_200;
      const [plain, lifted] = seen(k, () => {
        const before = global_dirty_limits(k);
        k.current.flags |= PF_LESS_THROTTLE;
        return [before, global_dirty_limits(k)];
      });
      assert.equal(lifted.dirty, plain.dirty * 1.25 + more);
      assert.equal(lifted.background, plain.background * 1.25 + more);
    }
  });
});

describe('balance_dirty_pages_ratelimited', function () {
  this.timeout(60_000);

  it('holds writers that are faster than the disk where the limit is', () => {
    const options = { hz: 250, cpuCount: 2, ramBytes: 128 << 20, kmallocwd: 0 } as const;
    const k = boot({ ...options, ...FEATURES_DEFAULT, ...REMEDIES_NONE }, new Prng(1));
    for (const comm of ['dd', 'cp']) {
      const inode = new Inode(k, comm);
      addProgram(k, { comm }, writer({ inode, pages: 256, dirty: true, sleepUs: 100 }));
    }
    let most = 0;
    let waited = 0;
    for (let step = 0; step < 40; step++) {
      k.sched.run(2 * SECOND + step * 50_000);
      most = Math.max(most, k.node.nrDirty + k.node.nrWriteback);
      if ([...k.threads()].some(({ blockedOn }) => blockedOn?.kind === 'dirty limit')) waited++;
    }
    const { dirty } = seen(k, () => global_dirty_limits(k));
    assert.ok(waited > 20, `somebody waited at ${waited} of 40 instants`);
    assert.ok(most > dirty / 2 && most < dirty * 1.3, `${most} pages of ${dirty}`);
  });
});

describe('throttle_vm_writeout', () => {
  /** Jiffies that a caller is held up, with so much under writeback that it is over the limit. */
  function heldUp(gfp: number, options: Parameters<typeof bareKernel>[0] = {}): number {
    const k = bareKernel(options);
    k.node.nrWriteback = global_dirtyable_memory(k);
    k.sched.at(SECOND, () => (k.node.nrWriteback = 0));
    let jiffies = -1;
    addThread(k, 'reclaimer', 0, function* () {
      const from = k.jiffies;
      yield* throttle_vm_writeout(k, gfp);
      jiffies = k.jiffies - from;
      assert.ok(k.current.throttledUs > 0 === jiffies > 0);
    });
    k.sched.run(5 * SECOND);
    assert.ok(jiffies >= 0, 'the caller never came back');
    return jiffies;
  }

  it('holds a caller up until less is under writeback', () => {
    const jiffies = heldUp(GFP_KERNEL);
    assert.ok(jiffies >= 250 && jiffies <= 277, `${jiffies}`);
  });

  it('holds a caller that may not enter the file system up for a tenth of a second', () => {
    const jiffies = heldUp(GFP_NOFS);
    assert.ok(jiffies >= 25 && jiffies <= 27, `${jiffies}`);
  });

  it('lets __GFP_NORETRY pass where that remedy is on', () => {
    const gfp = GFP_KERNEL | __GFP_NORETRY;
    assert.equal(heldUp(gfp, { noretryNoThrottle: true }), 0);
    assert.ok(heldUp(gfp) > 0);
  });

  it('returns at once while little is under writeback', () => {
    const k = bareKernel();
    runBody(k, function* () {
      const from = k.jiffies;
      yield* throttle_vm_writeout(k, GFP_KERNEL);
      assert.equal(k.jiffies, from);
    });
  });

  it('looks again when a queue gets room', () => {
    const k = bareKernel();
    set_congested(k);
    k.node.nrWriteback = global_dirtyable_memory(k);
    k.sched.at(SECOND / 50, () => {
      k.node.nrWriteback = 0;
      clear_congested(k);
    });
    let end = 0;
    addThread(k, 'reclaimer', 0, function* () {
      yield* throttle_vm_writeout(k, GFP_KERNEL);
      end = k.sched.now;
    });
    k.sched.run(SECOND);
    assert.ok(end >= SECOND / 50 && end < SECOND / 20, `${end}`);
  });
});
