import assert from 'node:assert/strict';
import { PageAllocator, SlabCache } from '../../../src/sim/image/page-allocator.ts';

describe('PageAllocator', () => {
  it('goes upwards, keeps alignments and moves on to the next range', () => {
    const pages = new PageAllocator([
      { start: 0x1000, end: 0x6000 },
      { start: 0x10000, end: 0x12000 },
    ]);
    assert.equal(pages.allocate(1), 0x1000);
    assert.equal(pages.allocate(0x2000, 0x2000), 0x2000);
    assert.equal(pages.allocate(0x2000, 0x4000), 0x4000);
    assert.equal(pages.allocate(0x1001), 0x10000);
    assert.throws(() => pages.allocate(1), /no RAM left/);
  });
});

describe('SlabCache', () => {
  // A slab grows until no more than a sixteenth of it is wasted, or to 32 KiB.
  const cases = [
    { what: 'task_struct', size: 6976, objectSize: 6976, slabSize: 32768, perSlab: 4 },
    { what: 'xa_node', size: 576, objectSize: 576, slabSize: 4096, perSlab: 7 },
    { what: 'struct pid', size: 112, objectSize: 128, slabSize: 4096, perSlab: 32 },
  ];
  for (const { what, size, objectSize, slabSize, perSlab } of cases) {
    it(`packs ${perSlab} of ${what} into ${slabSize} bytes`, () => {
      const cache = new SlabCache(new PageAllocator([{ start: 0, end: 1 << 20 }]), size);
      assert.equal(cache.objectSize, objectSize);
      assert.equal(cache.slabSize, slabSize);
      const objects = Array.from({ length: perSlab + 1 }, () => cache.allocate());
      const expected = objects.map((_, i) => (i < perSlab ? i * objectSize : slabSize));
      assert.deepEqual(objects, expected);
    });
  }
});
