import assert from 'node:assert/strict';
import { PAGE_SIZE } from '../../../src/arch/x86-64.ts';
import { PackedPages, type PackedPage } from '../../../src/sim/image/packed-pages.ts';
import { Prng } from '../../../src/util/prng.ts';

/** A page with so many words that are not zero, at places that the seed draws. */
function pageOf(prng: Prng, wordCount: number): Uint8Array {
  const page = new Uint8Array(PAGE_SIZE);
  for (let i = 0; i < wordCount; i++) page[prng.below(PAGE_SIZE)] = 1 + prng.below(255);
  return page;
}

function unpack(packed: PackedPages, place: PackedPage): Uint8Array {
  const page = new Uint8Array(PAGE_SIZE);
  packed.unpackInto(page, place);
  return page;
}

describe('PackedPages', () => {
  it('gives back every page, whether empty, sparse or full', () => {
    const prng = new Prng(1);
    const packed = new PackedPages();
    const full = new Uint8Array(PAGE_SIZE).fill(7);
    const pages: Uint8Array[] = [new Uint8Array(PAGE_SIZE), full];
    for (let count = 1; count < 4000; count += 7) pages.push(pageOf(prng, count));
    const places = pages.map((page) => packed.pack(page));
    pages.forEach((page, i) => assert.deepEqual(unpack(packed, places[i]!), page, `page ${i}`));
  });

  it('uses the place of a page that was given back, and leaves the others alone', () => {
    const prng = new Prng(2);
    const packed = new PackedPages();
    const kept = pageOf(prng, 100);
    const keptAt = packed.pack(kept);
    const freed = packed.pack(new Uint8Array(PAGE_SIZE).fill(1));
    packed.free(freed);
    const next = new Uint8Array(PAGE_SIZE).fill(2);
    assert.equal(packed.pack(next), freed);
    assert.deepEqual(unpack(packed, keptAt), kept);
    assert.deepEqual(unpack(packed, freed), next);
  });
});
