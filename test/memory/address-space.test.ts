import assert from 'node:assert/strict';

import { AddressSpace } from '../../src/memory/address-space.ts';
import { vaddr } from '../../src/util/address.ts';
import { errorChain, FaultError, type FaultReason } from '../../src/util/errors.ts';
import { Prng } from '../../src/util/prng.ts';
import { buildPageTables, SparseMemory } from '../support/page-tables.ts';

const ROOT = 0x1000;

// Virtual addresses of the entries below: pgd[511] is 0xffffff8000000000, pud[510] of it
// 0xffffffff80000000, pmd[1] of that 0xffffffff80200000, pte[3] then + 0x3000.
const KERNEL_4 = `
  pgd[511] -> pud 0x2000
  pgd[511].pud[509] -> 0x3c0000000 PSE PAT     # 1G page; bit 12 is PAT there, not address
  pgd[511].pud[510] -> pmd 0x3000
  pgd[511].pud[510].pmd[0] -> 0x40200000 PSE   # 2M page
  pgd[511].pud[510].pmd[1] -> pte 0x4000
  pgd[511].pud[510].pmd[1].pte[3] -> 0x9000
  pgd[511].pud[510].pmd[1].pte[4] -> 0x5000
  pgd[511].pud[510].pmd[1].pte[5] -> 0x7fff000   # a page that the dump does not have
  pgd[511].pud[510].pmd[2] -> pte 0x8000         # a table that the filter left out
  pgd[511].pud[510].pmd[3] = 0x1234ffe           # swapped out: PRESENT is clear
`;

function kernel(): { memory: SparseMemory; space: AddressSpace } {
  const memory = new SparseMemory();
  buildPageTables(memory, ROOT, KERNEL_4);
  memory.lose(0x8000, 'excluded');
  return { memory, space: new AddressSpace(memory, { root: ROOT, depth: 4 }) };
}

describe('AddressSpace.translate', () => {
  const cases: [title: string, address: bigint, paddr: number][] = [
    ['a 4K page', 0xffffffff80203abcn, 0x9abc],
    ['the next 4K page', 0xffffffff80204000n, 0x5000],
    ['a 2M page', 0xffffffff801fffffn, 0x403fffff],
    ['a 1G page, whose PAT bit is no address', 0xffffffff40001234n, 0x3c0001234],
    ['the last byte of a 1G page', 0xffffffff7fffffffn, 0x3ffffffff],
  ];
  for (const [title, address, expected] of cases) {
    it(`translates ${title}`, () => {
      assert.equal(kernel().space.translate(vaddr(address)), expected);
    });
  }

  const faults: [title: string, address: bigint, reason: FaultReason, message: string][] = [
    [
      'an empty entry, with its level, index and value',
      0xffffffff80800000n,
      'not-mapped',
      'virtual address 0xffffffff80800000: pmd[4] = 0x0 not present',
    ],
    [
      'an entry that has bits but is not present',
      0xffffffff80600000n,
      'not-mapped',
      'virtual address 0xffffffff80600000: pmd[3] = 0x1234ffe not present',
    ],
    ['an empty root entry', 0n, 'not-mapped', 'virtual address 0x0: pgd[0] = 0x0 not present'],
    [
      'the lowest address that is not canonical',
      0x800000000000n,
      'non-canonical',
      'virtual address 0x800000000000: not a canonical address',
    ],
    [
      'the highest address that is not canonical',
      0xffff7fffffffffffn,
      'non-canonical',
      'virtual address 0xffff7fffffffffff: not a canonical address',
    ],
    [
      'a table that the filter left out',
      0xffffffff80401000n,
      'excluded',
      'virtual address 0xffffffff80401000: cannot read pte[1]: ' +
        'physical address 0x8008: page excluded by the dump filter',
    ],
  ];
  for (const [title, address, reason, message] of faults) {
    it(`names ${title}`, () => {
      assert.throws(
        () => kernel().space.translate(vaddr(address)),
        (error) => {
          assert.ok(error instanceof FaultError);
          assert.equal(error.reason, reason);
          assert.equal(error.address, address);
          assert.equal(errorChain(error), message);
          return true;
        },
      );
    });
  }

  it('walks five levels', () => {
    const memory = new SparseMemory();
    buildPageTables(
      memory,
      ROOT,
      `pgd[511] -> p4d 0x2000                        # 0xffff000000000000
       pgd[511].p4d[256] -> pud 0x3000               # 0xffff800000000000
       pgd[511].p4d[256].pud[2] -> 0x80000000 PSE    # + 2G, a 1G page
       pgd[272] -> p4d 0x4000                        # 0xff10000000000000, the direct map
       pgd[272].p4d[0] -> pud 0x5000
       pgd[272].p4d[0].pud[0] -> 0x0 PSE`,
    );
    const space = new AddressSpace(memory, { root: ROOT, depth: 5 });
    assert.equal(space.translate(vaddr(0xffff800080000010n)), 0x80000010);
    assert.equal(space.translate(vaddr(0xff10000012345678n)), 0x12345678);
    assert.throws(() => space.translate(vaddr(0x0100000000000000n)), /not a canonical/);
    assert.throws(() => space.translate(vaddr(0xffff000000000000n)), /p4d\[0\] = 0x0 not present/);
  });

  it('removes the encryption bit from the root and from every entry', () => {
    const memory = new SparseMemory();
    buildPageTables(
      memory,
      ROOT,
      `pgd[0] -> pud 0x2000
       pgd[0].pud[0] -> pmd 0x3000
       pgd[0].pud[0].pmd[0] -> 0x800000200000 PSE`,
    );
    const smeMask = 1n << 47n;
    const space = new AddressSpace(memory, { root: 2 ** 47 + ROOT, depth: 4, smeMask });
    assert.equal(space.translate(vaddr(0x1234n)), 0x201234);
  });

  it('ignores NX and the protection key above the address', () => {
    const memory = new SparseMemory();
    buildPageTables(
      memory,
      ROOT,
      `pgd[0] -> pud 0x2000
       pgd[0].pud[0] = 0xfff0000040000081    # bits 52 to 63 set, PSE and PRESENT`,
    );
    const space = new AddressSpace(memory, { root: ROOT, depth: 4 });
    assert.equal(space.translate(vaddr(0x10n)), 0x40000010);
  });

  it('ends on a table that maps itself', () => {
    const memory = new SparseMemory();
    buildPageTables(memory, ROOT, `pgd[0] -> pud 0x1000`);
    const space = new AddressSpace(memory, { root: ROOT, depth: 4 });
    assert.equal(space.translate(vaddr(0x18n)), 0x1018);
  });

  it('gives the same from its cache as from a walk, also where slots collide', () => {
    const memory = new SparseMemory();
    // 2 GiB in 1G pages at 0 and at 16 MiB further: pages 4096 apart share a slot of the cache.
    buildPageTables(
      memory,
      ROOT,
      `pgd[0] -> pud 0x2000
       pgd[0].pud[0] -> 0x0 PSE
       pgd[0].pud[1] -> 0x80000000 PSE`,
    );
    const cached = new AddressSpace(memory, { root: ROOT, depth: 4 });
    const prng = new Prng(7);
    for (let i = 0; i < 2000; i++) {
      const page = prng.below(8) * 4096 + prng.below(4);
      const address = page * 4096 + prng.below(4096) + prng.below(2) * 2 ** 30;
      const expected = address >= 2 ** 30 ? address + 2 ** 30 : address;
      assert.equal(cached.translate(vaddr(BigInt(address))), expected);
    }
  });
});

describe('AddressSpace.readInto', () => {
  it('crosses from one page to another that lies elsewhere', () => {
    const { memory, space } = kernel();
    memory.write(0x9ffe, Uint8Array.of(1, 2)).write(0x5000, Uint8Array.of(3, 4));
    assert.deepEqual(space.read(vaddr(0xffffffff80203ffen), 4), Uint8Array.of(1, 2, 3, 4));
  });

  it('crosses a border of 4 GiB', () => {
    const memory = new SparseMemory();
    buildPageTables(
      memory,
      ROOT,
      `pgd[0] -> pud 0x2000
       pgd[0].pud[3] -> pmd 0x3000
       pgd[0].pud[3].pmd[511] -> 0x200000 PSE
       pgd[0].pud[4] -> 0x40000000 PSE`,
    );
    memory.write(0x3fffff, Uint8Array.of(7)).write(0x40000000, Uint8Array.of(8));
    const space = new AddressSpace(memory, { root: ROOT, depth: 4 });
    assert.deepEqual(space.read(vaddr(0xffffffffn), 2), Uint8Array.of(7, 8));
  });

  it('names the first byte that is not in the dump, and why', () => {
    const { memory, space } = kernel();
    memory.write(0x5000, new Uint8Array(4096)).lose(0x7fff000, 'truncated');
    assert.throws(
      () => space.read(vaddr(0xffffffff80204ff0n), 64),
      (error) => {
        assert.ok(error instanceof FaultError);
        assert.equal(error.reason, 'truncated');
        assert.equal(
          errorChain(error),
          'virtual address 0xffffffff80205000: cannot read the page: ' +
            'physical address 0x7fff000: cut off, the file is truncated',
        );
        return true;
      },
    );
  });

  it('goes on at 0 behind the last address, as the CPU does', () => {
    const memory = new SparseMemory();
    buildPageTables(
      memory,
      ROOT,
      `pgd[511] -> pud 0x2000
       pgd[511].pud[511] -> 0x40000000 PSE
       pgd[0] -> pud 0x3000
       pgd[0].pud[0] -> 0x80000000 PSE`,
    );
    memory.write(0x7fffffff, Uint8Array.of(5)).write(0x80000000, Uint8Array.of(6));
    const space = new AddressSpace(memory, { root: ROOT, depth: 4 });
    assert.deepEqual(space.read(vaddr(0xffffffffffffffffn), 2), Uint8Array.of(5, 6));
  });
});

describe('AddressSpace.mappings', () => {
  it('yields what is mapped in ascending order, and the tables that cannot be read', () => {
    const { space } = kernel();
    const found = [...space.mappings(vaddr(0xffff800000000000n), 1n << 64n)].map((item) => {
      if ('fault' in item) return `${item.fault.address.toString(16)} ${item.fault.reason}`;
      const { vaddr: address, paddr, size } = item.mapping;
      return `${address.toString(16)} ${paddr.toString(16)} ${size}`;
    });
    assert.deepEqual(found, [
      'ffffffff40000000 3c0000000 1073741824',
      'ffffffff80000000 40200000 2097152',
      'ffffffff80203000 9000 4096',
      'ffffffff80204000 5000 4096',
      'ffffffff80205000 7fff000 4096',
      'ffffffff80400000 excluded',
    ]);
  });

  it('stays between its bounds', () => {
    const found = [...kernel().space.mappings(vaddr(0xffffffff80204000n), 0xffffffff80205000n)];
    assert.equal(found.length, 1);
  });

  it('ends where tables map themselves', () => {
    const memory = new SparseMemory();
    const all = Array.from({ length: 512 }, (_, i) => `pgd[${i}] -> pud 0x1000`).join('\n');
    buildPageTables(memory, ROOT, all);
    const space = new AddressSpace(memory, { root: ROOT, depth: 4 });
    const scan = space.mappings(vaddr(0n), 1n << 21n);
    assert.equal([...scan].length, 512);
  });
});
