import assert from 'node:assert/strict';
import { allocatorCall } from '../../src/kernel/alloc-callers.ts';

describe('allocatorCall', () => {
  it('finds the outermost of the functions that hand a request on', () => {
    const calls = ['__alloc_pages_slowpath', '__alloc_pages', 'new_slab', 'kmem_cache_alloc', 'f'];
    assert.equal(calls[allocatorCall(calls) + 1], 'f');
    assert.equal(
      allocatorCall(['__alloc_pages', 'reclaims', 'bio_alloc', 'mempool_alloc', 'g']),
      3,
    );
  });

  it('finds none where nobody asks', () => {
    assert.equal(allocatorCall(['__schedule', 'vfs_read']), -1);
    assert.equal(allocatorCall([]), -1);
  });
});
