import assert from 'node:assert/strict';
import { PfnMap } from '../../../src/sim/image/pfn-map.ts';

describe('PfnMap', () => {
  it('keeps a number for each pfn, in whatever block it lies', () => {
    const map = new PfnMap();
    map.set(511, -2);
    map.set(512, 7);
    map.set(2 ** 40, 2 ** 45);
    assert.deepEqual([map.get(511), map.get(512), map.get(2 ** 40)], [-2, 7, 2 ** 45]);
    assert.deepEqual([map.has(512), map.size], [true, 3]);
  });

  it('has nothing for the neighbours of a pfn', () => {
    const map = new PfnMap();
    map.set(513, 0);
    assert.deepEqual([map.get(512), map.get(514), map.get(1)], [undefined, undefined, undefined]);
    assert.deepEqual([map.has(512), map.has(513)], [false, true]);
  });

  it('counts a pfn once, and has its last number', () => {
    const map = new PfnMap();
    map.set(3, 1);
    map.set(3, 2);
    assert.deepEqual([map.get(3), map.size], [2, 1]);
  });

  it('lists pfns in ascending order, not in that of their setting', () => {
    const map = new PfnMap();
    for (const pfn of [100_000, 2, 9_999, 1]) map.set(pfn, 0);
    assert.deepEqual([...map.pfns()], [1, 2, 9_999, 100_000]);
  });
});
