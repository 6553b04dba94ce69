import assert from 'node:assert/strict';
import { PhysicalImage } from '../../../src/sim/image/physical-image.ts';
import { AssertionError } from '../../../src/util/assert.ts';

const RAM = [
  { start: 0x1000, end: 0x9f000 },
  { start: 0x100000, end: 0x1_0000_0000_0000 },
];

describe('PhysicalImage', () => {
  it('reads back what was written across pages', () => {
    const image = new PhysicalImage({ ram: RAM });
    const bytes = Uint8Array.from({ length: 9000 }, (_, i) => i % 251);
    image.write(0x100ffe, bytes);
    assert.deepEqual(image.read(0x100ffe, bytes.length), bytes);
    assert.deepEqual(image.read(0x100000, 3), new Uint8Array(3));
    assert.equal(image.pageCount, 4);
  });

  it('reads zero where nothing was written and makes no page for it', () => {
    const image = new PhysicalImage({ ram: RAM });
    assert.deepEqual(image.read(0x5000, 5000), new Uint8Array(5000));
    assert.equal(image.pageCount, 0);
  });

  it('lists pages by pfn and runs of them, in whatever order they came', () => {
    const image = new PhysicalImage({ ram: RAM });
    for (const paddr of [0x8_0000_0000_00, 0x3000, 0x100000, 0x2000, 0x101000]) {
      image.write(paddr, Uint8Array.of(1));
    }
    const pfns = [...image.pages()].map(({ pfn }) => pfn);
    assert.deepEqual(pfns, [2, 3, 0x100, 0x101, 0x8000_0000]);
    assert.deepEqual(
      [...image.ranges()],
      [
        { start: 0x2000, end: 0x4000 },
        { start: 0x100000, end: 0x102000 },
        { start: 0x8_0000_0000_00, end: 0x8_0000_0010_00 },
      ],
    );
  });

  it('has pages of zeros that were touched, each its own once it is written', () => {
    const image = new PhysicalImage({ ram: RAM });
    image.touch(0x1fff, 2);
    assert.deepEqual([...image.ranges()], [{ start: 0x1000, end: 0x3000 }]);
    image.write(0x1004, Uint8Array.of(7));
    image.touch(0x1000, 0x1000);
    const firstBytes = [...image.pages()].map(({ bytes }) => bytes[4]);
    assert.deepEqual(firstBytes, [7, 0]);
  });

  it('refuses a page outside of RAM, and one page more than allowed', () => {
    const image = new PhysicalImage({ ram: RAM, pageCountMax: 2 });
    assert.throws(() => image.write(0xa0000, Uint8Array.of(1)), /pfn 0xa0 is no RAM/);
    image.write(0x1000, new Uint8Array(8192));
    assert.throws(() => image.write(0x3000, Uint8Array.of(1)), /more than 2 pages/);
  });

  it('refuses RAM ranges that overlap', () => {
    const ram = [
      { start: 0, end: 0x2000 },
      { start: 0x1000, end: 0x3000 },
    ];
    assert.throws(() => new PhysicalImage({ ram }), AssertionError);
  });
});
