import assert from 'node:assert/strict';
import { LruCache } from '../../src/util/lru.ts';
import { Prng } from '../../src/util/prng.ts';

describe('LruCache', () => {
  it('gives back what was set last', () => {
    const cache = new LruCache<string>(8);
    cache.set(1, 'a');
    cache.set(1, 'b');
    assert.equal(cache.get(1), 'b');
    assert.equal(cache.get(2), undefined);
  });

  it('never keeps more than its capacity', () => {
    const cache = new LruCache<number>(8);
    for (let key = 0; key < 1000; key++) {
      cache.set(key, key);
      assert.ok(cache.size <= 8, `${cache.size} entries`);
    }
  });

  it('keeps an entry that is asked for again and again', () => {
    const cache = new LruCache<number>(8);
    cache.set(-1, 42);
    for (let key = 0; key < 1000; key++) {
      cache.set(key, key);
      assert.equal(cache.get(-1), 42);
    }
  });

  it('drops an entry that nobody asks for', () => {
    const cache = new LruCache<number>(8);
    cache.set(-1, 42);
    for (let key = 0; key < 8; key++) cache.set(key, key);
    assert.equal(cache.get(-1), undefined);
  });

  it('never gives a value that was not set for the key', () => {
    const prng = new Prng(7);
    const cache = new LruCache<number>(16);
    for (let i = 0; i < 5000; i++) {
      const key = prng.below(64);
      const found = cache.get(key);
      assert.ok(found === undefined || found === key * 3);
      cache.set(key, key * 3);
    }
  });

  it('keeps no more than may be kept in weight, and the last entry whatever it weighs', () => {
    const cache = new LruCache<string>(100, { weigh: (text) => text.length, weightMax: 20 });
    for (let key = 0; key < 50; key++) {
      cache.set(key, 'four');
      assert.ok(cache.size <= 6, `${cache.size} entries of 4`);
      assert.equal(cache.get(key), 'four');
    }
    cache.set(50, 'x'.repeat(1000));
    assert.equal(cache.get(50)?.length, 1000);
    assert.ok(cache.size <= 3, `${cache.size} entries, one of 1000`);
  });
});
