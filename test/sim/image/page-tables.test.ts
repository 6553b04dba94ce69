import assert from 'node:assert/strict';
import { AddressSpace } from '../../../src/memory/address-space.ts';
import { PageTables } from '../../../src/sim/image/page-tables.ts';
import { PhysicalImage } from '../../../src/sim/image/physical-image.ts';
import type { PageTableDepth } from '../../../src/arch/x86-64.ts';
import { vaddr } from '../../../src/util/address.ts';
import { SparseMemory } from '../../support/page-tables.ts';

const MIB = 1 << 20;
const GIB = 1 << 30;
const BASE = vaddr(0xffff888000000000n);

function makeTables(depth: PageTableDepth = 4): { image: PhysicalImage; tables: PageTables } {
  const image = new PhysicalImage({ ram: [{ start: 0, end: 64 * GIB }] });
  let next = 0x10000;
  const allocateTable = (): number => (next += 0x1000);
  return { image, tables: new PageTables(image, { root: 0x10000, allocateTable, depth }) };
}

/** The reader's walk over the tables that were written. */
function reader(image: PhysicalImage, depth: PageTableDepth = 4): AddressSpace {
  const memory = new SparseMemory();
  for (const { pfn, bytes } of image.pages()) memory.write(pfn * 4096, bytes);
  return new AddressSpace(memory, { root: 0x10000, depth });
}

describe('PageTables', () => {
  const cases = [
    { name: 'a page', size: 0x1000, pageSizeMax: 0x1000, tables: 4 },
    { name: '2 MiB in one page', size: 2 * MIB, pageSizeMax: 2 * MIB, tables: 3 },
    { name: '2 MiB in small pages where no larger are allowed', size: 2 * MIB, tables: 4 },
    { name: '1 GiB in one page', size: GIB, pageSizeMax: GIB, tables: 2 },
    { name: '3 MiB in a large page and small ones', size: 3 * MIB, pageSizeMax: GIB, tables: 4 },
  ];
  for (const { name, size, pageSizeMax = 4096, tables: tableCount } of cases) {
    it(`maps ${name}, as the reader finds it`, () => {
      const { image, tables } = makeTables();
      tables.map({ vaddr: BASE, paddr: 4 * GIB, size, protection: 'rw', pageSizeMax });
      assert.equal(image.pageCount, tableCount);
      const space = reader(image);
      for (const offset of [0, 0xfff, size - 1]) {
        const at = vaddr(BASE + BigInt(offset));
        assert.equal(space.findTranslation(at), 4 * GIB + offset);
        assert.equal(tables.paddrOf(at), 4 * GIB + offset);
      }
      assert.equal(space.findTranslation(vaddr(BASE + BigInt(size))), undefined);
      assert.equal(tables.paddrOf(BASE + BigInt(size)), undefined);
    });
  }

  it('walks five levels', () => {
    const { image, tables } = makeTables(5);
    const at = vaddr(0xff11000000000000n);
    tables.map({ vaddr: at, paddr: 0x7000, size: 0x1000, protection: 'r' });
    assert.equal(reader(image, 5).findTranslation(vaddr(at + 5n)), 0x7005);
  });

  it('takes small pages where only one of the addresses is aligned', () => {
    const { image, tables } = makeTables();
    const mapping = { vaddr: BASE, paddr: 0x201000, size: 2 * MIB, protection: 'rw' } as const;
    tables.map({ ...mapping, pageSizeMax: GIB });
    assert.equal(reader(image).findTranslation(vaddr(BASE + 0x1ff123n)), 0x400123);
  });

  it('lets code run, constants be read and everything else be written', () => {
    const { image, tables } = makeTables();
    const entries = (['rx', 'r', 'rw'] as const).map((protection, i) => {
      tables.map({ vaddr: vaddr(BASE + BigInt(i * 4096)), paddr: 0, size: 4096, protection });
      // The last of the four tables that were made, entry i.
      const entry = image.read(0x13000 + i * 8, 8);
      return new DataView(entry.buffer).getBigUint64(0, true);
    });
    assert.deepEqual(entries, [0x161n, 0x8000000000000161n, 0x8000000000000163n]);
  });

  it('refuses to map a page inside of a large one', () => {
    const { tables } = makeTables();
    const large = { vaddr: BASE, paddr: 0, size: GIB, pageSizeMax: GIB };
    tables.map({ ...large, protection: 'rw' });
    const inside = { vaddr: vaddr(BASE + 0x1000n), paddr: 0, size: 0x1000 };
    assert.throws(() => tables.map({ ...inside, protection: 'rw' }), /large page already/);
  });
});
