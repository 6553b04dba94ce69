import assert from 'node:assert/strict';

import { findKernelSpace } from '../../src/target/kernel-memory.ts';
import { findKernelKallsyms } from '../../src/target/scan-kallsyms.ts';
import { readVmcoreinfo } from '../../src/format/vmcoreinfo/read.ts';
import type { KallsymsSymbols } from '../../src/target/kernel-kallsyms.ts';
import { vaddr } from '../../src/util/address.ts';
import { FormatError, InvalidError } from '../../src/util/errors.ts';
import { KALLSYMS_ORDERS } from '../support/kallsyms-orders.ts';
import { buildKernel, manySymbols, type SmallKernel } from '../support/small-kernel.ts';

/** Searches the image of a kernel whose VMCOREINFO names no tables. */
function search(kernel: SmallKernel, known = readVmcoreinfo(kernel.vmcoreinfo)): KallsymsSymbols {
  const { space, physBase } = findKernelSpace(kernel.memory, readVmcoreinfo(kernel.vmcoreinfo));
  return findKernelKallsyms(kernel.memory, { space, physBase, known: known.symbols() });
}

describe('findKernelKallsyms', () => {
  for (const { name, options: kallsyms } of KALLSYMS_ORDERS) {
    it(`finds the tables in the order of ${name}`, () => {
      const kernel = buildKernel({ moreSymbols: manySymbols, kallsyms });
      const symbols = search(kernel);
      assert.equal(symbols.lookup('_stext'), kernel.stext);
      assert.equal(symbols.kallsyms.encodings.addressEncoding, kallsyms.addressEncoding);
      assert.equal(symbols.kallsyms.encodings.markersAgree, true);
      assert.equal(symbols.origin, 'kallsyms in the dump, found by a search of its tables');
    });
  }

  it('refuses tables that have a known symbol elsewhere', () => {
    const kernel = buildKernel({ moreSymbols: manySymbols });
    const known = readVmcoreinfo(Buffer.from('SYMBOL(init_uts_ns)=ffffffff97400010\n'));
    const what = /kallsyms: of another kernel: expected init_uts_ns at 0xffffffff97400010, have 0x/;
    assert.throws(
      () => search(kernel, known),
      (error) => isA(error, InvalidError, what),
    );
  });

  it('refuses tables whose banner is another text', () => {
    const kernel = buildKernel({ moreSymbols: manySymbols });
    kernel.memory.write(kernel.paddr(kernel.stext) + 0x21000, Buffer.from('Minix'));
    const what = /kallsyms: expected the banner at linux_banner/;
    assert.throws(
      () => search(kernel),
      (error) => isA(error, InvalidError, what),
    );
  });

  it('does not ask where VMCOREINFO says that the tables are', () => {
    const kernel = buildKernel({ moreSymbols: manySymbols });
    const [names] = [vaddr(kernel.stext + 0x1000n)];
    const text = `SYMBOL(kallsyms_names)=${names.toString(16)}\nSYMBOL(_stext)=`;
    const known = readVmcoreinfo(Buffer.from(`${text}${kernel.stext.toString(16)}\n`));
    assert.equal(search(kernel, known).lookup('_stext'), kernel.stext);
  });

  it('names the table that is damaged', () => {
    const kernel = buildKernel({ moreSymbols: manySymbols, kallsyms: { addressesFirst: true } });
    const offsets = readVmcoreinfo(kernel.vmcoreinfo).symbol('kallsyms_offsets') ?? 0n;
    kernel.memory.write(kernel.paddr(offsets) + 400, Uint8Array.of(0, 0, 0, 0));
    const what =
      /^kallsyms: none that can be read: kallsyms_offsets\+0x190: symbol 100 of 711 is not in abs/;
    const where = /percpu order \(token table or index at physical address 0x8247480\)$/;
    assert.throws(
      () => search(kernel),
      (error) => isA(error, FormatError, what) && isA(error, FormatError, where),
    );
  });

  it('says where it has looked if there are none', () => {
    const kernel = buildKernel({ moreSymbols: manySymbols });
    kernel.memory.write(kernel.paddr(kernel.stext) + 0x40000, new Uint8Array(0x40000));
    const what = /kallsyms_token_index: none in physical memory from 0x8200000 to 0x28200000/;
    assert.throws(
      () => search(kernel),
      (error) => isA(error, InvalidError, what),
    );
  });
});

function isA(
  error: unknown,
  kind: typeof InvalidError | typeof FormatError,
  message: RegExp,
): true {
  assert.ok(error instanceof kind, String(error));
  assert.match(error.message, message);
  return true;
}
