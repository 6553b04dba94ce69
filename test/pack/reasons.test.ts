import assert from 'node:assert/strict';
import { reasonFor } from '../../src/pack/reasons.ts';
import { withPacked } from '../support/packed.ts';
import { realDump } from '../support/real-dumps.ts';

describe('reasonFor', function () {
  this.timeout(60_000);

  it('names what a structure is kept for', () => {
    assert.equal(reasonFor('rwsem_waiter'), 'who holds a lock, and who waits for it');
    assert.equal(reasonFor('ORC table'), 'how to go from a call to its caller');
    assert.equal(reasonFor('no_such_struct'), 'on the way to what the answer is made of');
  });

  it('has a reason of its own for all that is kept of a real dump', async function () {
    const path = realDump(this, 'k2-pair-a.kdump');
    await withPacked([path], { level: 'tasks' }, ({ result }) => {
      const { kept } = result.manifest;
      assert.ok(kept.length > 30, String(kept.length));
      const without = kept.filter(({ why }) => why === reasonFor('no_such_struct'));
      assert.deepEqual(
        without.map(({ what }) => what),
        ['other'],
      );
    });
  });
});
