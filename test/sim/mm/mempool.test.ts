import assert from 'node:assert/strict';
import { BioSet } from '../../../src/sim/block/bio.ts';
import { call } from '../../../src/sim/core/code.ts';
import type { Kernel } from '../../../src/sim/core/kernel.ts';
import type { KernelOptions } from '../../../src/sim/core/options.ts';
import {
  __GFP_DIRECT_RECLAIM,
  __GFP_KSWAPD_RECLAIM,
  __GFP_NOMEMALLOC,
  __GFP_NORETRY,
  __GFP_NOWARN,
  GFP_ATOMIC,
  GFP_NOIO,
} from '../../../src/sim/mm/gfp.ts';
import {
  mempool_alloc,
  mempool_create,
  mempool_free,
  PAGE_SOURCE,
  type Mempool,
  MempoolElement,
  type MempoolSource,
} from '../../../src/sim/mm/mempool.ts';
import {
  bootedMachine,
  SECOND_US,
  startTestThread,
  takeAllMemory,
} from '../../support/simulated-machine.ts';

function pagePool(k: Kernel, minNr: number): Mempool {
  return mempool_create(k, { name: 'pages', minNr, source: PAGE_SOURCE });
}

describe('mempool_alloc', () => {
  it('leaves the reserve alone while the allocator has memory', () => {
    const k = bootedMachine();
    const pool = pagePool(k, 2);
    let element: MempoolElement | undefined;
    startTestThread(k, function* () {
      element = yield* call(k, mempool_alloc, pool, GFP_NOIO);
    });
    k.sched.run(SECOND_US);
    assert.ok(element?.page !== undefined);
    assert.deepEqual([pool.currNr, pool.takenNr], [2, 1]);
  });

  it('takes from the reserve when the allocator has none, and fails where it may not sleep', () => {
    const k = bootedMachine();
    const pool = pagePool(k, 1);
    takeAllMemory(k);
    const got: (MempoolElement | undefined)[] = [];
    startTestThread(k, function* () {
      for (let i = 0; i < 2; i++) got.push(yield* call(k, mempool_alloc, pool, GFP_ATOMIC));
    });
    k.sched.run(SECOND_US);
    assert.ok(got[0] !== undefined);
    assert.deepEqual([got.length, got[1], pool.currNr], [2, undefined, 0]);
  });

  it('waits for an element to come back, and names who has one', () => {
    const k = bootedMachine();
    const pool = mempool_create(k, { name: 'nothing', minNr: 1, source: emptySource([]) });
    const got: MempoolElement[] = [];
    const waiter = startTestThread(k, function* (kernel) {
      for (let i = 0; i < 2; i++) {
        const element = yield* call(kernel, mempool_alloc, pool, GFP_NOIO);
        if (element === undefined) continue;
        element.holders = () => [waiter];
        got.push(element);
      }
    });
    k.sched.run(6 * SECOND_US);
    assert.equal(got.length, 1);
    assert.equal(waiter.blockedOn, pool);
    assert.deepEqual(pool.holders(), [waiter]);
    mempool_free(k, pool, got[0]!);
    k.sched.run(7 * SECOND_US);
    assert.equal(got.length, 2);
    assert.equal(waiter.blockedOn, undefined);
  });

  it('asks without reclaim first, then in earnest, and always so that it may fail', () => {
    const masks = masksOf({});
    const always = __GFP_NOMEMALLOC | __GFP_NORETRY | __GFP_NOWARN;
    assert.deepEqual(masks, [__GFP_KSWAPD_RECLAIM | always, GFP_NOIO | always]);
  });

  it('never asks for direct reclaim with the remedy of seed 004, but sleeps all the same', () => {
    const masks = masksOf({ mempoolNoDirectReclaim: true });
    assert.ok(masks.length > 0);
    assert.ok(masks.every((gfp) => (gfp & __GFP_DIRECT_RECLAIM) === 0));
  });
});

/** An allocator that has nothing, and notes what it is asked with. */
function emptySource(masks: number[]): MempoolSource {
  return {
    alloc: function* alloc_nothing(_k, gfp) {
      masks.push(gfp);
      yield* [];
      return undefined;
    },
    free: () => undefined,
    create: () => new MempoolElement(),
  };
}

/** The masks that a pool without any element asks its allocator with, until it sleeps. */
function masksOf(options: Partial<KernelOptions>): number[] {
  const k = bootedMachine(options);
  const masks: number[] = [];
  const pool = mempool_create(k, { name: 'nothing', minNr: 0, source: emptySource(masks) });
  const task = startTestThread(k, function* () {
    yield* call(k, mempool_alloc, pool, GFP_NOIO);
  });
  k.sched.run(SECOND_US);
  assert.equal(task.blockedOn, pool);
  return masks;
}

describe('mempool_free', () => {
  it('refills the reserve first, and gives the rest back to the allocator', () => {
    const k = bootedMachine();
    const pool = pagePool(k, 1);
    const free = k.node.freePages;
    const mine = [pool.takeReserve()!, PAGE_SOURCE.create(() => k.node.zones[0]!.take(0)!)];
    for (const element of mine) mempool_free(k, pool, element);
    assert.equal(pool.currNr, 1);
    assert.equal(k.node.freePages, free);
  });
});

describe('BioSet', () => {
  it('has its reserve from the start', () => {
    const { pool } = new BioSet(bootedMachine(), { name: 'test', poolSize: 4 });
    assert.deepEqual([pool.currNr, pool.minNr, pool.takenNr], [4, 4, 0]);
  });
});
