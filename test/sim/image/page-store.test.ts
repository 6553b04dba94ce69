import assert from 'node:assert/strict';
import { PageStore } from '../../../src/sim/image/page-store.ts';
import { Prng } from '../../../src/util/prng.ts';

/** More than the pages that are kept as they are. */
const COUNT = 140_000;

describe('PageStore', () => {
  it('has every page as it was written, also those that were packed meanwhile', () => {
    const store = new PageStore();
    const prng = new Prng(3);
    const noise = Uint8Array.from({ length: 4096 }, () => prng.below(256));
    for (let pfn = 0; pfn < COUNT; pfn++) {
      if (pfn % 3 === 0) store.addZero(pfn);
      else {
        const page = store.forWrite(pfn);
        // Some pages do not get smaller.
        if (pfn % 100 === 1) page.set(noise);
        page[pfn % 4096] = 77;
      }
    }
    // Once more, after they were packed; half of them after they were read, too.
    for (let pfn = 0; pfn < 5; pfn++) store.peek(pfn);
    for (let pfn = 0; pfn < 10; pfn++) store.forWrite(pfn)[5] = 88;
    assert.equal(store.size, COUNT);
    for (let pfn = 0; pfn < COUNT; pfn += pfn < 1000 ? 1 : 7) {
      const expected = pfn % 100 === 1 && pfn % 3 !== 0 ? noise.slice() : new Uint8Array(4096);
      if (pfn % 3 !== 0) expected[pfn % 4096] = 77;
      if (pfn < 10) expected[5] = 88;
      assert.ok(Buffer.from(expected).equals(store.peek(pfn)!), `pfn ${pfn}`);
    }
  });

  it('knows pages apart from none', () => {
    const store = new PageStore();
    store.addZero(9);
    store.forWrite(3);
    assert.deepEqual([...store.pfns()], [3, 9]);
    assert.ok(store.has(9) && !store.has(4));
    assert.equal(store.peek(4), undefined);
    assert.deepEqual(store.peek(9), new Uint8Array(4096));
  });
});
