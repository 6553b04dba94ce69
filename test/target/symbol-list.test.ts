import assert from 'node:assert/strict';

import {
  readSymbolList,
  type ListedSymbol,
  type SymbolList,
} from '../../src/target/symbol-list.ts';
import { parseSystemMap } from '../../src/target/system-map.ts';
import { vaddr } from '../../src/util/address.ts';
import { InvalidError } from '../../src/util/errors.ts';
import { realDump } from '../support/real-dumps.ts';
import { realKernel } from '../support/real-kernel.ts';

const KASLR = 0x16400000n;
const TEXT = 0xffffffff81000000n;

const LISTED: readonly ListedSymbol[] = [
  { name: 'runqueues', value: 0x31980n, type: 'A' },
  { name: 'schedule', value: TEXT + 0x100n, type: 'T', size: 0x80 },
  { name: '_stext', value: TEXT, type: 'T' },
  { name: 'open', value: TEXT + 0x200n, type: 't' },
  { name: 'open', value: TEXT + 0x300n, type: 't' },
  { name: '_end', value: TEXT + 0x1000n, type: 'B' },
];
const KNOWN = [
  { name: '_stext', address: vaddr(TEXT + KASLR) },
  { name: 'schedule', address: vaddr(TEXT + KASLR + 0x100n) },
];

const list = (listed = LISTED, known = KNOWN): SymbolList =>
  readSymbolList(listed, { origin: 'System.map', known });

describe('readSymbolList', () => {
  it('moves the image by what KASLR added, and per-CPU offsets not at all', () => {
    assert.equal(list().lookup('_end'), TEXT + KASLR + 0x1000n);
    assert.equal(list().lookup('runqueues'), 0x31980n);
  });

  it('does not mind a known name whose value is a pointer into the direct map', () => {
    const pointer = { name: 'open', address: vaddr(0xffff8b094fe20000n) };
    assert.equal(list(LISTED, [...KNOWN, pointer]).lookup('_stext'), TEXT + KASLR);
  });

  const wrong: [title: string, listed: readonly ListedSymbol[], message: RegExp][] = [
    ['nothing', [], /expected symbols that VMCOREINFO names, have none/],
    ['no known symbol', LISTED.slice(3), /expected symbols that VMCOREINFO names, have none/],
    [
      'symbols at other distances',
      LISTED.map((symbol) =>
        symbol.name === 'schedule' ? { ...symbol, value: TEXT + 0x110n } : symbol,
      ),
      /of another kernel: expected schedule at 0xffffffff81000100, have 0xffffffff81000110/,
    ],
  ];
  for (const [title, listed, message] of wrong) {
    it(`refuses a list with ${title}`, () => {
      assert.throws(
        () => list(listed),
        (error) => error instanceof InvalidError && message.test(error.message),
      );
    });
  }

  it('agrees with kallsyms on every address of a real kernel', async function () {
    const { symbols, info } = await realKernel(realDump(this, 'k61-press-d31.kdump'));
    const base = info.kernelOffset ?? 0n;
    // The System.map of this kernel, had we one.
    const text = [...symbols.symbols()].map(({ name, type, address }) => {
      const value = type === 'A' ? address : address - base;
      return `${value.toString(16).padStart(16, '0')} ${type} ${name}\n`;
    });
    const map = readSymbolList(parseSystemMap(text.join('')), {
      origin: 'System.map',
      known: info.symbols(),
    });
    assert.equal(map.count, symbols.count);
    let index = 0;
    for (const { name, address } of symbols.symbols()) {
      if (index++ % 64 !== 0) continue;
      assert.equal(map.lookup(name), symbols.lookup(name), name);
      const probe = vaddr(address + 3n);
      assert.equal(map.symbolAt(probe)?.name, symbols.symbolAt(probe)?.name, name);
    }
  });
});

describe('SymbolList.symbolAt', () => {
  const cases: [title: string, offset: bigint, expected: string | undefined][] = [
    ['a symbol up to its own size', 0x17fn, 'schedule+127/128'],
    ['nothing between the end of one and the next', 0x180n, undefined],
    ['a symbol without a size up to the next', 0x2ffn, 'open+255/256'],
    ['the last symbol at its address only', 0x1000n, '_end+0/0'],
    ['nothing behind the last symbol', 0x1001n, undefined],
    ['nothing below the first', -0x1000n, undefined],
  ];
  for (const [title, offset, expected] of cases) {
    it(`finds ${title}`, () => {
      const place = list().symbolAt(vaddr(TEXT + KASLR + offset));
      assert.equal(place && `${place.name}+${place.offset}/${place.size}`, expected);
    });
  }
});

describe('SymbolList.lookupAll', () => {
  it('lists all symbols of a name', () => {
    assert.equal(list().lookupAll('open').length, 2);
    assert.deepEqual(list().lookupAll('nothing'), []);
  });
});
