import assert from 'node:assert/strict';
import { shared } from '../../src/util/shared.ts';

describe('shared', () => {
  it('makes one copy for each key', () => {
    const copies = new Map<string, { name: string }>();
    const first = shared(copies, 'a', () => ({ name: 'first' }));
    assert.equal(
      shared(copies, 'a', () => ({ name: 'second' })),
      first,
    );
    assert.deepEqual(
      shared(copies, 'b', () => ({ name: 'third' })),
      { name: 'third' },
    );
    assert.deepEqual([...copies.keys()], ['a', 'b']);
  });
});
