import assert from 'node:assert/strict';
import { placesOf } from '../../src/util/places-of.ts';

describe('placesOf', () => {
  it('gives every place, also of those that overlap', () => {
    const bytes = Uint8Array.of(9, 1, 1, 1, 2, 1, 1);
    assert.deepEqual([...placesOf(bytes.subarray(1), Uint8Array.of(1, 1))], [0, 1, 4]);
    assert.deepEqual([...placesOf(bytes, Uint8Array.of(7))], []);
  });
});
