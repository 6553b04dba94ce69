import assert from 'node:assert/strict';

import { findVmcoreinfo } from '../../src/target/find-vmcoreinfo.ts';
import { errorChain, InvalidError } from '../../src/util/errors.ts';
import { Problems } from '../../src/util/problems.ts';
import { realDump } from '../support/real-dumps.ts';
import { realKernel } from '../support/real-kernel.ts';
import { SparseMemory } from '../support/page-tables.ts';
import { buildKernel } from '../support/small-kernel.ts';

const find = (memory: SparseMemory, problems = new Problems()): ReturnType<typeof findVmcoreinfo> =>
  findVmcoreinfo(memory, { problems });

/** What looks like a VMCOREINFO to a search for its first line. */
const text = (lines: string): Uint8Array => Buffer.from(`${lines}\n\0`, 'latin1');

describe('findVmcoreinfo', () => {
  it('finds the text in a page of its own and says where', () => {
    const { memory, vmcoreinfo, physBase } = buildKernel();
    memory.write(0x19ca000, vmcoreinfo);
    const found = find(memory);
    assert.equal(found.paddr, 0x19ca000);
    assert.equal(found.source, 'found in memory at physical address 0x19ca000');
    assert.equal(found.info.osrelease, '6.1.0-test');
    assert.equal(found.physBase, physBase);
  });

  it('finds the text behind the header of a note', () => {
    const { memory, vmcoreinfo } = buildKernel();
    memory.write(0x11ea018, vmcoreinfo);
    assert.equal(find(memory).paddr, 0x11ea018);
  });

  it('finds a text that crosses the border of two reads', () => {
    const { memory, vmcoreinfo } = buildKernel();
    for (let paddr = 0; paddr < 0x900000; paddr += 4096) memory.write(paddr, new Uint8Array(1));
    memory.write((8 << 20) - 5, vmcoreinfo);
    assert.equal(find(memory).paddr, (8 << 20) - 5);
  });

  it('is not misled by format strings, other texts and copies of another kernel', () => {
    const { memory, vmcoreinfo } = buildKernel();
    memory.write(0x1000, text('OSRELEASE=%s'));
    memory.write(0x2000, text('OSRELEASE=6.1.0-test'));
    memory.write(0x3000, text('OSRELEASE=6.1.0-test\nPAGESIZE=4096\nSYMBOL(swapper_pg_dir)=zz'));
    const stale = buildKernel({ release: '5.10.0-old', loadedAt: 0x20000000 });
    memory.write(0x4000, stale.vmcoreinfo);
    memory.write(0x5000, vmcoreinfo);
    const problems = new Problems();
    assert.equal(find(memory, problems).paddr, 0x5000);
    assert.deepEqual(problems.list, []);
  });

  it('takes the kernel that crashed where a capture kernel runs too, and says so', () => {
    const crashed = buildKernel({ vmcoreinfo: { crashTime: 1763600000 } });
    const { memory } = crashed;
    const capture = buildKernel({ memory, loadedAt: 0x2200000, kaslrOffset: 0x600000n });
    memory.write(0x1000, capture.vmcoreinfo).write(0x2000, crashed.vmcoreinfo);
    const problems = new Problems();
    const found = find(memory, problems);
    assert.equal(found.info.crashTime, 1763600000);
    assert.match(problems.list[0]?.message ?? '', /memory holds several kernels.*0x2000.*0x1000/);
  });

  it('finds the root page table itself where VMCOREINFO has no phys_base', () => {
    // Kernels before 4.10 name only the address of the variable.
    const { memory, vmcoreinfo, physBase } = buildKernel({ numbers: {} });
    memory.write(0x1000, vmcoreinfo);
    const found = find(memory);
    assert.equal(found.physBase, physBase);
    assert.equal(found.physBaseSource, 'a root page table in memory that maps itself');
  });

  const unfit: [title: string, change: Parameters<typeof buildKernel>[0], message: RegExp][] = [
    [
      'names another release than init_uts_ns',
      { vmcoreinfo: { osrelease: '6.2.0' } },
      /init_uts_ns: expected "Linux 6.2.0", have "Linux 6.1.0-test"/,
    ],
    [
      'names a root table outside the image',
      { vmcoreinfo: { symbols: { swapper_pg_dir: 0x1000n } } },
      /expected SYMBOL\(swapper_pg_dir\) above 0xffffffff80000000, have 0x1000/,
    ],
    [
      'names a root table between two pages',
      { vmcoreinfo: { symbols: { swapper_pg_dir: 0xffffffff97410008n } } },
      /expected SYMBOL\(swapper_pg_dir\)/,
    ],
    [
      'has a phys_base beyond all memory',
      {
        numbers: { phys_base: 2 ** 51 },
        vmcoreinfo: { symbols: { swapper_pg_dir: 2n ** 64n - 4096n } },
      },
      /root page table at physical address 0x8\w+: not-in-dump/,
    ],
  ];
  for (const [title, options, message] of unfit) {
    it(`refuses a text that ${title}`, () => {
      const { memory, vmcoreinfo } = buildKernel(options);
      memory.write(0x1000, vmcoreinfo);
      assert.throws(
        () => find(memory),
        (error) => error instanceof InvalidError && message.test(errorChain(error)),
      );
    });
  }

  it('refuses memory without any', () => {
    const memory = new SparseMemory().write(0x1000, new Uint8Array(8192));
    assert.throws(() => find(memory), /expected one whose page tables .* none found in memory/);
    assert.throws(() => find(new SparseMemory()), InvalidError);
  });

  it('ends where memory is full of texts', () => {
    const memory = new SparseMemory();
    const line = 'OSRELEASE=1\nPAGESIZE=4096\nSYMBOL(swapper_pg_dir)=ffffffff81000000\n';
    memory.write(0, Buffer.from(line.repeat(10_000), 'latin1'));
    assert.throws(() => find(memory), InvalidError);
  });

  it('finds that of a real dump as its container has it', async function () {
    const kernel = await realKernel(realDump(this, 'k61-press-d31.kdump'));
    const found = findVmcoreinfo(kernel.memory, { problems: new Problems() });
    assert.deepEqual([...found.info.entries], [...kernel.info.entries]);
    assert.equal(found.space.root, kernel.space.root);
  });
});
