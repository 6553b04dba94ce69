import assert from 'node:assert/strict';
import { calculate_normal_threshold, ZoneCounter } from '../../../src/sim/mm/zone-counter.ts';

const PAGES_PER_GIB = 262_144;

describe('ZoneCounter', () => {
  it('shows what a CPU added only when that is more than the threshold', () => {
    const counter = new ZoneCounter(100);
    counter.onlineCpus(2, 4);
    counter.add(0, 4);
    assert.deepEqual([counter.value, counter.snapshot, counter.diff(0)], [100, 104, 4]);
    counter.add(0, 1);
    assert.deepEqual([counter.value, counter.snapshot, counter.diff(0)], [105, 105, 0]);
  });

  it('adds at once before CPUs keep anything for themselves', () => {
    const counter = new ZoneCounter(100);
    counter.add(0, -1);
    assert.deepEqual([counter.value, counter.snapshot], [99, 99]);
  });

  it('folds what one CPU kept, and leaves the others theirs', () => {
    const counter = new ZoneCounter(100);
    counter.onlineCpus(2, 8);
    counter.add(0, -3);
    counter.add(1, 5);
    assert.deepEqual([counter.fold(0), counter.fold(0)], [true, false]);
    assert.deepEqual([counter.value, counter.snapshot], [97, 102]);
  });

  it('is never below zero to those who read it', () => {
    const counter = new ZoneCounter(1);
    counter.onlineCpus(2, 8);
    counter.add(0, 6);
    counter.add(1, -7);
    assert.deepEqual([counter.value, counter.snapshot], [1, 0]);
    counter.fold(1);
    assert.equal(counter.value, 0);
  });
});

describe('calculate_normal_threshold', () => {
  // Examples of the kernel's own comment; zones of so many GiB have a little less managed.
  const cases: readonly [cpus: number, giB: number, threshold: number][] = [
    [1, 0.95, 8],
    [2, 0.95, 16],
    [2, 1.5, 20],
    [2, 3.5, 24],
    [2, 0.1, 4],
    [4, 3.5, 36],
    [64, 7.5, 98],
    [1024, 12, 125],
  ];
  for (const [cpus, giB, threshold] of cases) {
    it(`is ${threshold} with ${cpus} CPUs and ${giB} GiB`, () => {
      assert.equal(calculate_normal_threshold(cpus, Math.floor(giB * PAGES_PER_GIB)), threshold);
    });
  }
});
