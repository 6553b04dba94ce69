import assert from 'node:assert/strict';
import { readVmcoreinfo } from '../../src/format/vmcoreinfo/read.ts';
import { readKernelKallsyms } from '../../src/target/kernel-kallsyms.ts';
import { findKernelSpace } from '../../src/target/kernel-memory.ts';
import { proveSymbols } from '../../src/target/prove-symbols.ts';
import { SymbolList } from '../../src/target/symbol-list.ts';
import type { KernelSymbol } from '../../src/target/symbols.ts';
import { vaddr } from '../../src/util/address.ts';
import { InvalidError } from '../../src/util/errors.ts';
import { Problems } from '../../src/util/problems.ts';
import { buildKernel } from '../support/small-kernel.ts';

/** From the start of the image, behind all that is in it. */
const NO_TASK_AT = 0x100000n;

/** Changes a list of a kernel's own symbols; undefined takes a symbol off it. */
type Change = (symbol: KernelSymbol) => KernelSymbol | undefined;

/** Proves the kernel's own symbols, changed; what VMCOREINFO of old names stays right. */
function prove(change: Change, isNamed?: 'tables named'): Problems {
  const { memory, vmcoreinfo, stext, paddr } = buildKernel();
  // A place for an init_task that has no name in it.
  memory.write(paddr(stext + NO_TASK_AT), new Uint8Array(16384));
  const full = readVmcoreinfo(vmcoreinfo);
  const { space } = findKernelSpace(memory, full);
  const kallsyms = readKernelKallsyms(space, full) ?? assert.fail();
  const tables = [...full.symbols()].filter(({ name }) => name.startsWith('kallsyms'));
  const own = [...kallsyms.symbols(), ...tables.map((table) => ({ ...table, type: 'R' }))];
  const text = Buffer.from(vmcoreinfo).toString('latin1');
  const shown = isNamed === undefined ? text.replace(/.*kallsyms.*\n/g, '') : text;
  const info = readVmcoreinfo(Buffer.from(shown, 'latin1'));
  const list = new SymbolList(
    'System.map x',
    own.map(change).flatMap((symbol) => (symbol === undefined ? [] : [{ ...symbol, size: 0 }])),
  );
  const problems = new Problems();
  proveSymbols(list, { space, info, problems });
  return problems;
}

const moved =
  (name: string, bytes: bigint): Change =>
  (symbol) =>
    symbol.name === name ? { ...symbol, address: vaddr(symbol.address + bytes) } : symbol;

describe('proveSymbols', () => {
  it("takes the kernel's own symbols, and has nothing to say", () => {
    assert.ok(prove((symbol) => symbol).isEmpty);
  });

  const wrong: [what: string, change: Change, message: RegExp][] = [
    [
      'a symbol that VMCOREINFO does not name is elsewhere',
      moved('schedule', 0x10n),
      /^System\.map x: it is of another kernel: kallsyms .* has schedule at 0x\w+100, .*110$/,
    ],
    [
      'the banner is not where it says',
      moved('linux_banner', 8n),
      /it is of another kernel: expected the banner of Linux 6\.1\.0-test at linux_banner, 0x/,
    ],
    [
      'there is no table of symbols where it says',
      moved('kallsyms_token_index', 2n),
      /it is of another kernel: there is no kallsyms where it says/,
    ],
  ];
  for (const [what, change, message] of wrong) {
    it(`refuses a list if ${what}`, () => {
      assert.throws(
        () => prove(change),
        (error) => error instanceof InvalidError && message.test(error.message),
      );
    });
  }

  it('does not mind a per-CPU symbol that is shown in another way', () => {
    assert.ok(prove(moved('runqueues', 0x1000n)).isEmpty);
  });

  it('does with the banner alone', () => {
    const bannerOnly = prove((symbol) => (symbol.name.includes('kallsyms') ? undefined : symbol));
    assert.ok(bannerOnly.isEmpty);
  });

  it('tells that what would prove it is not in the dump', () => {
    const far = (symbol: KernelSymbol): KernelSymbol | undefined => {
      if (symbol.name.includes('kallsyms')) return undefined;
      const address = vaddr(0xffffffffff000000n);
      return symbol.name === 'linux_banner' ? { ...symbol, address } : symbol;
    };
    assert.match(prove(far).list[0]?.message ?? '', /are in the dump: taken unproved/);
  });

  it('refuses a list that names nothing that could prove it', () => {
    assert.throws(
      () => prove((symbol) => (/kallsyms|banner/.test(symbol.name) ? undefined : symbol)),
      /^InvalidError: System\.map x: expected linux_banner, init_task or .* none of them$/,
    );
  });

  it('looks for the name of the idle task in init_task, where the list has no more', () => {
    const nameless = (symbol: KernelSymbol): KernelSymbol | undefined => {
      if (/kallsyms|banner/.test(symbol.name)) return undefined;
      const address = vaddr(symbol.address + NO_TASK_AT);
      return symbol.name === '_stext' ? { ...symbol, name: 'init_task', address } : symbol;
    };
    assert.throws(() => prove(nameless), /expected the name "swapper" in init_task, 0x/);
  });

  it("refuses a list by the dump's own table of symbols, though it leads to none", () => {
    const wrong = moved('schedule', 0x10n);
    const withoutTables: Change = (symbol) =>
      symbol.name.includes('kallsyms') ? undefined : wrong(symbol);
    assert.throws(() => prove(withoutTables, 'tables named'), /kallsyms .* has schedule at/);
  });
});
