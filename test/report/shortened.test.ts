import assert from 'node:assert/strict';
import { shortenedCalls } from '../../src/report/shortened.ts';

function shortened(calls: string): string {
  return shortenedCalls(calls.split(' < ')).join(' < ');
}

describe('shortenedCalls', () => {
  it('keeps a stack that is short', () => {
    const calls = 'mutex_lock < vfs_write < ksys_write';
    assert.equal(shortened(calls), calls);
  });

  it('keeps the innermost calls, who asks for memory, and where it began', () => {
    assert.equal(
      shortened(
        'shrink_slab < shrink_node < do_try_to_free_pages < try_to_free_pages < ' +
          '__alloc_pages_slowpath < __alloc_pages < __folio_alloc < vma_alloc_folio < ' +
          '__handle_mm_fault < handle_mm_fault < do_user_addr_fault < exc_page_fault',
      ),
      'shrink_slab < shrink_node < do_try_to_free_pages < …4… < vma_alloc_folio < ' +
        '__handle_mm_fault < …2… < exc_page_fault',
    );
  });

  it('names one call rather than to say that one is left out', () => {
    assert.equal(
      shortened('a < b < c < d < __alloc_pages < e < f < g < h'),
      'a < b < c < d < __alloc_pages < e < …2… < h',
    );
  });

  it('keeps the ends of a stack outside of the allocator', () => {
    assert.equal(shortened('a < b < c < d < e < f < g < h'), 'a < b < c < …4… < h');
  });
});
