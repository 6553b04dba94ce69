import assert from 'node:assert/strict';

import { allImages, hintedImages, looksLikeAddresses } from '../../src/target/scan-images.ts';
import { SparseMemory } from '../support/page-tables.ts';
import { buildKernel, manySymbols } from '../support/small-kernel.ts';

function page(words: readonly number[]): Uint8Array {
  return new Uint8Array(Int32Array.from(words).buffer);
}

const COUNT = 1024;
const numbers = (of: (i: number) => number): number[] =>
  Array.from({ length: COUNT }, (_, i) => of(i));

describe('looksLikeAddresses', () => {
  const cases: readonly (readonly [what: string, words: readonly number[], expected: boolean])[] = [
    ['offsets that ascend', numbers((i) => 0x1000 + i * 24), true],
    ['negative offsets that descend', numbers((i) => -1 - i * 24), true],
    ['addresses of 8 bytes', numbers((i) => (i % 2 === 1 ? -1 : -0x70000000 + i * 24)), true],
    ['aliases among them', numbers((i) => 0x1000 + (i - (i % 2)) * 24), true],
    ['zeros', numbers(() => 0), false],
    ['one step back', numbers((i) => (i === 900 ? 0 : 0x1000 + i * 24)), false],
    ['numbers that count', numbers((i) => i), false],
    ['numbers that reach far', numbers((i) => i * 0x100000), false],
    ['mostly the same number', numbers((i) => (i < 800 ? 5 : i * 64)), false],
  ];
  for (const [what, words, expected] of cases) {
    it(`${expected ? 'takes' : 'does not take'} ${what}`, () => {
      assert.equal(looksLikeAddresses(page(words)), expected);
    });
  }
});

describe('allImages', () => {
  it('finds the tables of a small kernel too, which no page hints at', () => {
    const { memory } = buildKernel({ moreSymbols: manySymbols });
    assert.deepEqual([...hintedImages(memory)], []);
    const found = [...allImages(memory)];
    assert.equal(
      new Set(found.map((each) => ('found' in each ? each.found.tokenIndexAt : 0))).size,
      1,
    );
  });

  it('tells how far it is', () => {
    const memory = new SparseMemory().write(0x100000, new Uint8Array(8192));
    const told: string[] = [];
    const onProgress = (done: number, total: number | undefined): void => {
      told.push(`${done}/${total}`);
    };
    assert.deepEqual([...hintedImages(memory, onProgress)], []);
    assert.deepEqual([...allImages(memory, onProgress)], []);
    assert.deepEqual(told, ['8192/8192', '8192/8192']);
  });
});
