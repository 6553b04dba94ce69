import assert from 'node:assert/strict';

import { readVmcoreinfo } from '../../src/format/vmcoreinfo/read.ts';
import { readKernelKallsyms, type KallsymsSymbols } from '../../src/target/kernel-kallsyms.ts';
import { findKernelSpace } from '../../src/target/kernel-memory.ts';
import { VmcoreError } from '../../src/util/errors.ts';
import { realDump, truthFile } from '../support/real-dumps.ts';
import { realKernel } from '../support/real-kernel.ts';
import { buildKernel, type SmallKernel, type SmallKernelOptions } from '../support/small-kernel.ts';

function read(
  options: SmallKernelOptions = {},
  damage: (kernel: SmallKernel) => void = () => undefined,
): KallsymsSymbols | undefined {
  const kernel = buildKernel(options);
  damage(kernel);
  const info = readVmcoreinfo(kernel.vmcoreinfo);
  const { space } = findKernelSpace(kernel.memory, info);
  return readKernelKallsyms(space, info);
}

/** Where a table of the small kernel lies in physical memory. */
function table(kernel: SmallKernel, name: string): number {
  const address = readVmcoreinfo(kernel.vmcoreinfo).symbol(`kallsyms_${name}`);
  assert.ok(address !== undefined);
  return kernel.paddr(address);
}

describe('readKernelKallsyms', () => {
  for (const addressEncoding of ['absolute', 'absolute-percpu'] as const) {
    it(`reads the tables that VMCOREINFO names, ${addressEncoding}`, () => {
      const symbols = read({ kallsyms: { addressEncoding } });
      assert.equal(symbols?.count, 11);
      assert.equal(symbols.lookup('_stext'), 0xffffffff97400000n);
      assert.equal(symbols.lookup('runqueues'), 0x31980n);
      assert.equal(symbols.kallsyms.encodings.addressEncoding, addressEncoding);
    });
  }

  it('is undefined where VMCOREINFO does not name the tables', () => {
    const kernel = buildKernel();
    const text = Buffer.from(kernel.vmcoreinfo)
      .toString('latin1')
      .replace(/.*kallsyms.*\n/g, '');
    const info = readVmcoreinfo(Buffer.from(text, 'latin1'));
    const { space } = findKernelSpace(kernel.memory, info);
    assert.equal(readKernelKallsyms(space, info), undefined);
  });

  const ones = (size: number): Uint8Array => new Uint8Array(size).fill(0xff);
  const damaged: [title: string, damage: (kernel: SmallKernel) => void, message: RegExp][] = [
    [
      'a count of 2^32 - 1',
      (kernel) => kernel.memory.write(table(kernel, 'num_syms'), ones(4)),
      /kallsyms_num_syms: expected at most \d+ symbols, have 4294967295/,
    ],
    [
      'a count of zero',
      (kernel) => kernel.memory.write(table(kernel, 'num_syms'), new Uint8Array(4)),
      /kallsyms_num_syms: 0 symbols/,
    ],
    [
      'a page of tables that the filter left out',
      (kernel) => kernel.memory.lose(table(kernel, 'names'), 'excluded'),
      /virtual address 0xf\w+: cannot read the page/,
    ],
    [
      'a relative base of another kernel',
      (kernel) => kernel.memory.write(table(kernel, 'relative_base'), ones(8)),
      /kallsyms addresses: init_uts_ns: expected/,
    ],
  ];
  for (const [title, damage, message] of damaged) {
    it(`refuses ${title}`, () => {
      assert.throws(
        () => read({}, damage),
        (error) => error instanceof VmcoreError && message.test(error.message),
      );
    });
  }

  it('agrees with another decoder on a real dump', async function () {
    const { symbols } = await realKernel(realDump(this, 'k61-press-d31.kdump'));
    const [first = '', ...lines] = truthFile(this, 'k61-press/kallsyms.txt').trim().split('\n');
    assert.equal(symbols.count, Number(/^(\d+) symbols/.exec(first)?.[1]));
    assert.ok(symbols.kallsyms.encodings.markersAgree);
    for (const line of lines) {
      const [, name = '', type, address] = /^(\w+) (?:ABSENT|\['(.) (0x\w+)'\])$/.exec(line) ?? [];
      const found = symbols.lookupAll(name).map((each) => `${each.type} ${each.address}`);
      assert.deepEqual(found, address === undefined ? [] : [`${type} ${BigInt(address)}`], line);
    }
  });

  for (const [name, count] of [
    ['k1-victim-wd10', 23974],
    ['k2-pair-a', 34890],
    ['k61-quiet-d31-zstd', 87347],
  ] as const) {
    it(`finds every symbol of ${name} again by its name and address`, async function () {
      const { symbols, info } = await realKernel(realDump(this, `${name}.kdump`));
      assert.equal(symbols.count, count);
      for (const { name: known, address } of info.symbols()) {
        // SYMBOL(mem_section) is the value of a pointer, not the address of the variable.
        if (known === 'mem_section' || symbols.lookup(known) === undefined) continue;
        assert.equal(symbols.lookup(known), address, known);
      }
      let index = 0;
      for (const symbol of symbols.symbols()) {
        if (index++ % 16 !== 0) continue;
        assert.ok(symbols.lookupAll(symbol.name).some(({ address }) => address === symbol.address));
        const place = symbols.symbolAt(symbol.address);
        assert.ok(symbol.type.toUpperCase() === 'A' || place?.offset === 0, symbol.name);
      }
    });
  }
});
