// The slow path on a machine whose memory is gone: who gives up, and who asks for ever.

import assert from 'node:assert/strict';
import { call } from '../../../src/sim/core/code.ts';
import type { Kernel } from '../../../src/sim/core/kernel.ts';
import type { KernelOptions } from '../../../src/sim/core/options.ts';
import { PF_MEMALLOC } from '../../../src/sim/kernel/task-bits.ts';
import {
  __GFP_NOFAIL,
  __GFP_NOMEMALLOC,
  __GFP_NORETRY,
  __GFP_RETRY_MAYFAIL,
  GFP_ATOMIC,
  GFP_KERNEL,
  GFP_NOFS,
} from '../../../src/sim/mm/gfp.ts';
import type { Page } from '../../../src/sim/mm/mmzone.ts';
import { __alloc_pages } from '../../../src/sim/mm/page-alloc.ts';
import { COSTLY_ORDER } from '../../../src/sim/mm/pcp.ts';
import { mayHaveSomebodyKilled } from '../../../src/sim/mm/slowpath.ts';
import { LOCATION_OOM_LOCK } from '../../../src/sim/watchdog/memalloc-info.ts';
import { bareKernel } from '../../support/bare-kernel.ts';
import {
  bootedMachine,
  SECOND_US,
  startTestThread,
  takeAllMemory,
} from '../../support/simulated-machine.ts';

interface Asked {
  readonly k: Kernel;
  readonly task: ReturnType<typeof startTestThread>;
  /** `none` while the request is in flight. */
  readonly result: () => Page | undefined | 'none';
}

/** A kernel thread asks while nobody may be killed by it: oom_lock is somebody else's. */
function ask(
  request: { gfp: number; order?: number; flags?: number },
  { left = 0, ...options }: Partial<KernelOptions> & { left?: number } = {},
): Asked {
  const k = bootedMachine(options);
  const [owner] = k.threads();
  k.oomLock.owner = owner;
  const taken = takeAllMemory(k);
  for (const page of taken.splice(0, left)) page.zone.giveBlock(page.pfn, 0);
  let result: Page | undefined | 'none' = 'none';
  const task = startTestThread(k, function* (kernel) {
    kernel.current.flags |= request.flags ?? 0;
    result = yield* call(kernel, __alloc_pages, { gfp: request.gfp, order: request.order ?? 0 });
  });
  k.sched.run(SECOND_US);
  return { k, task, result: () => result };
}

describe('__alloc_pages_slowpath', () => {
  it('lets those fail that said so, and those that cannot wait', () => {
    const masks = [GFP_KERNEL | __GFP_NORETRY, GFP_ATOMIC];
    for (const gfp of masks) assert.equal(ask({ gfp }).result(), undefined);
    const { result } = ask({ gfp: GFP_KERNEL, order: COSTLY_ORDER + 1 });
    assert.equal(result(), undefined);
  });

  it('goes on for small orders, and for __GFP_NOFAIL whatever the order', () => {
    for (const gfp of [GFP_KERNEL, GFP_NOFS]) assert.equal(ask({ gfp }).result(), 'none');
    const order = COSTLY_ORDER + 1;
    assert.equal(ask({ gfp: GFP_KERNEL | __GFP_NOFAIL, order }).result(), 'none');
  });

  it('gives the reserves to PF_MEMALLOC, but not with __GFP_NOMEMALLOC', () => {
    const flags = PF_MEMALLOC;
    const page = ask({ gfp: GFP_NOFS, flags }, { left: 8 }).result();
    assert.ok(typeof page === 'object');
    const gfp = GFP_NOFS | __GFP_NOMEMALLOC;
    assert.equal(ask({ gfp, flags }, { left: 8 }).result(), undefined);
  });

  it('marks who waits for oom_lock, in the version of the patch that knows places', () => {
    for (const patch of ['2016-03-02', 'v3'] as const) {
      const { k, task } = ask({ gfp: GFP_KERNEL }, { patch });
      const seen = new Set<number>();
      for (let ms = 0; ms < 400; ms++) {
        k.sched.run(SECOND_US + ms * 1000);
        seen.add(task.memalloc.knownLocations);
      }
      assert.equal(seen.has(LOCATION_OOM_LOCK), patch === '2016-03-02');
      assert.ok(seen.has(0));
    }
  });

  it('lists the request once for v1, and only while somebody watches', () => {
    const { k, task } = ask({ gfp: GFP_KERNEL }, { patch: 'v1', kmallocwd: 10 });
    const mine = k.memalloc.list.filter((each) => each.task === task);
    assert.deepEqual([mine.length, mine[0]?.gfp], [1, GFP_KERNEL]);
    assert.deepEqual(ask({ gfp: GFP_KERNEL }, { patch: 'v1' }).k.memalloc.list, []);
  });

  it('counts who does not come to the OOM killer for want of __GFP_FS', () => {
    const old = ask({ gfp: GFP_NOFS }, { oomNeedsFs: true }).k;
    assert.ok(old.noOomCalls > 0);
    assert.equal(old.oomCalls, 0);
  });
});

describe('mayHaveSomebodyKilled', () => {
  const may = (gfp: number, options: Partial<KernelOptions> = {}, order = 0): boolean =>
    mayHaveSomebodyKilled(bareKernel(options), { gfp, order });
  const mustNotFail = GFP_NOFS | __GFP_NOFAIL;

  it('is so for who may enter the file system, and waits for small blocks', () => {
    assert.deepEqual([may(GFP_KERNEL), may(GFP_NOFS)], [true, false]);
    const masks = [GFP_KERNEL | __GFP_NORETRY, GFP_KERNEL | __GFP_RETRY_MAYFAIL, GFP_ATOMIC];
    for (const gfp of masks) assert.equal(may(gfp), false);
    assert.equal(may(GFP_KERNEL, {}, COSTLY_ORDER + 1), false);
  });

  it('is so for __GFP_NOFAIL in kernels that kill for it', () => {
    assert.deepEqual([may(mustNotFail), may(mustNotFail, { oomNeedsFs: true })], [false, false]);
    assert.ok(may(mustNotFail, { oomNeedsFs: true, nofailInvokesOom: true }));
  });

  it('is so for everybody where one thread reclaims for all', () => {
    assert.ok(may(GFP_NOFS, { noDirectReclaim: true }));
  });
});
