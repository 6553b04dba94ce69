// Where on a stack memory was asked for.

/** Functions between the slow path and whoever wants memory (mm, 3.10 to 7.x). */
const ALLOCATES = new RegExp(
  '^(__)?((alloc|get_free|get_zeroed)_pages?\\w*|folio_alloc\\w*|vma_alloc_folio|' +
    'k[mz]alloc\\w*|kmem_cache_alloc\\w*|k?v[mz]alloc\\w*|kmalloc\\w*|new_slab|_*slab_alloc\\w*|' +
    'allocate_slab|mempool_alloc\\w*|vmalloc_node_range|perform_reclaim)$',
);

/**
 * Where the allocator's outermost function is among calls, the innermost first: who wants memory is
 * the next; -1 where none is there.
 */
export function allocatorCall(calls: readonly string[]): number {
  return calls.findLastIndex((name) => ALLOCATES.test(name));
}
