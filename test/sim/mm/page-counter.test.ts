import assert from 'node:assert/strict';
import { PageCounter } from '../../../src/sim/mm/page-counter.ts';

describe('PageCounter', () => {
  it('charges what is charged to it to all above it', () => {
    const root = new PageCounter();
    const child = new PageCounter(root);
    assert.equal(child.tryCharge(5), undefined);
    child.uncharge(2);
    assert.deepEqual([child.usage, root.usage, root.watermark], [3, 3, 5]);
  });

  it('charges nobody where one above is full, names it and counts the refusal', () => {
    const parent = new PageCounter();
    parent.max = 4;
    const child = new PageCounter(parent);
    assert.equal(child.tryCharge(4), undefined);
    assert.equal(child.tryCharge(1), parent);
    assert.deepEqual([child.usage, parent.usage], [4, 4]);
    assert.deepEqual([child.failcnt, parent.failcnt], [0, 1]);
  });

  it('goes over its limit where it is told to', () => {
    const counter = new PageCounter();
    counter.max = 1;
    counter.charge(3);
    assert.equal(counter.usage, 3);
  });
});
