import assert from 'node:assert/strict';
import { pidHash } from '../../../src/sim/image/pid-hash.ts';

describe('pidHash', () => {
  it('takes the high bits of the product with the prime of Linux 4.4', () => {
    // 1 × 0x9e37fffffffc0001: the top four bits are 9, the top twelve 0x9e3.
    assert.equal(pidHash({ nr: 1, namespace: 0n }, 4), 0x9);
    assert.equal(pidHash({ nr: 1, namespace: 0n }, 12), 0x9e3);
    // 2 × it, cut to 64 bits: 0x3c6f…
    assert.equal(pidHash({ nr: 1, namespace: 1n }, 12), 0x3c6);
  });
});
