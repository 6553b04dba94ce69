import assert from 'node:assert/strict';
import { GFP_KERNEL, GFP_NOIO } from '../../../src/sim/mm/gfp.ts';
import { kmem_cache_alloc, kmem_cache_free, KmemCache } from '../../../src/sim/mm/slab.ts';
import { bareKernel, runBody } from '../../support/bare-kernel.ts';

describe('kmem_cache_alloc', () => {
  it('takes a page for as many objects as it holds', () => {
    const k = bareKernel();
    const cache = new KmemCache('tested', 200);
    assert.equal(cache.objectsPerSlab, 20);
    runBody(k, function* () {
      for (let i = 0; i < 41; i++) {
        assert.ok(yield* kmem_cache_alloc(k, { cache, gfp: GFP_KERNEL }));
        assert.equal(cache.slabCount, Math.ceil((i + 1) / 20));
      }
    });
    assert.equal(cache.inUse, 41);
  });

  it('fails where there is no page, and a freed object is there for the next request', () => {
    const k = bareKernel();
    const cache = new KmemCache('tested', 1024);
    runBody(k, function* () {
      assert.ok(yield* kmem_cache_alloc(k, { cache, gfp: GFP_NOIO }));
      // Whoever may not sleep fails at once when nothing is free.
      for (const zone of k.node.zones) while (zone.take(0) !== undefined);
      for (let i = 0; i < 3; i++) assert.ok(yield* kmem_cache_alloc(k, { cache, gfp: 0 }));
      assert.equal(yield* kmem_cache_alloc(k, { cache, gfp: 0 }), false);
      kmem_cache_free(cache);
      assert.equal(yield* kmem_cache_alloc(k, { cache, gfp: 0 }), true);
    });
    assert.deepEqual([cache.inUse, cache.slabCount], [4, 1]);
  });
});

describe('kmem_cache_free', () => {
  it('gives pages back, and keeps one for the next object', () => {
    const k = bareKernel();
    const cache = new KmemCache('tested', 2048);
    runBody(k, function* () {
      for (let i = 0; i < 20; i++) yield* kmem_cache_alloc(k, { cache, gfp: GFP_KERNEL });
    });
    assert.equal(cache.slabCount, 10);
    for (let i = 0; i < 20; i++) kmem_cache_free(cache);
    assert.deepEqual([cache.inUse, cache.slabCount], [0, 1]);
  });
});
