import assert from 'node:assert/strict';

import type { KallsymsSymbol } from '../../../src/format/kallsyms/kallsyms.ts';
import { readKallsyms } from '../../../src/format/kallsyms/read.ts';
import { vaddr } from '../../../src/util/address.ts';
import { buildKallsyms, STEXT, symbol } from '../../support/kallsyms-builder.ts';

const SYMBOLS: readonly KallsymsSymbol[] = [
  symbol('fixed_percpu_data', 'A', 0n),
  symbol('runqueues', 'A', 0x31980n),
  symbol('_stext', 'T', STEXT),
  symbol('_text', 'T', STEXT),
  symbol('open', 't', STEXT + 0x40n),
  symbol('schedule', 'T', STEXT + 0x100n),
  symbol('open', 't', STEXT + 0x200n),
  symbol('open', 'T', STEXT + 0x280n),
  symbol('_end', 'B', STEXT + 0x2000n),
];

function table(symbols = SYMBOLS): ReturnType<typeof readKallsyms> {
  return readKallsyms(buildKallsyms(symbols, { addressEncoding: 'absolute-percpu' }));
}

describe('Kallsyms.symbolAt', () => {
  const cases: [title: string, address: bigint, expected: string | undefined][] = [
    ['the start of a symbol', STEXT + 0x100n, 'schedule+0x0/0x100'],
    ['the last byte of a symbol', STEXT + 0x1ffn, 'schedule+0xff/0x100'],
    ['the first of two aliases', STEXT + 0x10n, '_stext+0x10/0x40'],
    ['the last symbol at its address', STEXT + 0x2000n, '_end+0x0/0x0'],
    ['nothing behind the last symbol', STEXT + 0x2001n, undefined],
    ['nothing below the image', STEXT - 1n, undefined],
    ['no per-CPU offset', 0x31980n, undefined],
    ['nothing at the top of memory', 0xffffffffffffffffn, undefined],
    ['nothing in user space', 0x7fff00001000n, undefined],
  ];
  for (const [title, address, expected] of cases) {
    it(`finds ${title}`, () => {
      const place = table().symbolAt(vaddr(address));
      const text =
        place && `${place.name}+0x${place.offset.toString(16)}/0x${place.size.toString(16)}`;
      assert.equal(text, expected);
    });
  }

  it('works on a table that is not sorted', () => {
    const kallsyms = table([...SYMBOLS].reverse());
    assert.equal(kallsyms.symbolAt(vaddr(STEXT + 0x1ffn))?.name, 'schedule');
    assert.equal(kallsyms.symbolAt(vaddr(STEXT + 0x10n))?.name, '_text');
  });

  it('does not let a symbol reach farther than an image is large', () => {
    const far = [symbol('low', 'T', 0xffff800000000000n), symbol('high', 'T', STEXT)];
    const kallsyms = readKallsyms(buildKallsyms(far, { addressEncoding: 'absolute' }));
    assert.equal(kallsyms.symbolAt(vaddr(0xffff800000000010n))?.size, 2 ** 30);
    assert.equal(kallsyms.symbolAt(vaddr(0xffff900000000000n)), undefined);
  });
});

describe('Kallsyms.lookup', () => {
  it('prefers a global symbol to static ones of the same name', () => {
    assert.equal(table().lookup('open'), STEXT + 0x280n);
  });

  it('finds per-CPU symbols, whose addresses are offsets', () => {
    assert.equal(table().lookup('runqueues'), 0x31980n);
    assert.equal(table().lookup('fixed_percpu_data'), 0n);
  });

  it('finds nothing for a prefix, a name with its type letter, or no name', () => {
    for (const name of ['sched', 'schedulex', 'Tschedule', '', 'T', 'ſchedule']) {
      assert.equal(table().lookup(name), undefined, name);
      assert.deepEqual(table().lookupAll(name), []);
    }
  });
});

describe('Kallsyms.lookupAll', () => {
  it('lists static functions that share a name, in the order of the table', () => {
    const addresses = table()
      .lookupAll('open')
      .map(({ address }) => address - STEXT);
    assert.deepEqual(addresses, [0x40n, 0x200n, 0x280n]);
  });
});
