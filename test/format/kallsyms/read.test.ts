import assert from 'node:assert/strict';

import type { AddressEncoding } from '../../../src/format/kallsyms/addresses.ts';
import type { LengthEncoding } from '../../../src/format/kallsyms/names.ts';
import { NUM_SYMS_MAX, readKallsyms } from '../../../src/format/kallsyms/read.ts';
import { vaddr } from '../../../src/util/address.ts';
import { FormatError, VmcoreError } from '../../../src/util/errors.ts';
import { Prng } from '../../../src/util/prng.ts';
import {
  buildKallsyms,
  randomSymbols,
  STEXT,
  symbol,
  type MutableTables,
} from '../../support/kallsyms-builder.ts';

const ADDRESS_ENCODINGS: readonly AddressEncoding[] = [
  'absolute',
  'base-relative',
  'absolute-percpu',
  'place-relative',
];
const LENGTH_ENCODINGS: readonly LengthEncoding[] = ['one-byte', 'two-byte'];

/** More than 127 tokens, since no two letters are merged. */
const LONG_NAME = `long_${'abcdefghij'.repeat(14)}`;

/** Per-CPU symbols are written by absolute and absolute-percpu only; the others cannot reach. */
function symbolsFor(encoding: AddressEncoding, count = 700): ReturnType<typeof randomSymbols> {
  const all = randomSymbols(count, count);
  return encoding.startsWith('absolute') ? all : all.filter(({ address }) => address >= STEXT);
}

describe('readKallsyms', () => {
  for (const addressEncoding of ADDRESS_ENCODINGS) {
    for (const lengthEncoding of LENGTH_ENCODINGS) {
      it(`finds out that addresses are ${addressEncoding} and lengths ${lengthEncoding}`, () => {
        const symbols = symbolsFor(addressEncoding);
        symbols.push(symbol(LONG_NAME, 'T', 0xffffffff97fff000n));
        const options = { addressEncoding, lengthEncoding, mergesMax: 0 };
        const kallsyms = readKallsyms(buildKallsyms(symbols, options));
        assert.deepEqual(kallsyms.encodings, {
          addressEncoding,
          lengthEncoding,
          markersAgree: true,
        });
        assert.deepEqual([...kallsyms.symbols()], symbols);
      });
    }
  }

  it('expands merged tokens, also where the type letter is merged with the name', () => {
    const symbols = symbolsFor('base-relative');
    const tables = buildKallsyms(symbols, { mergesMax: 200 });
    assert.ok(tables.names.length < buildKallsyms(symbols, { mergesMax: 0 }).names.length / 2);
    assert.deepEqual([...readKallsyms(tables).symbols()], symbols);
  });

  it('says `either` where no name is long enough for the lengths to differ', () => {
    const { encodings } = readKallsyms(buildKallsyms(symbolsFor('base-relative')));
    assert.equal(encodings.lengthEncoding, 'either');
  });

  it('finds each symbol by name and by address, for any table', () => {
    for (let seed = 1; seed <= 20; seed++) {
      const symbols = randomSymbols(seed, 20 + seed * 13);
      const tables = buildKallsyms(symbols, { addressEncoding: 'absolute-percpu' });
      const kallsyms = readKallsyms(tables);
      for (const wanted of symbols) {
        const same = symbols.filter(({ name }) => name === wanted.name);
        assert.deepEqual(kallsyms.lookupAll(wanted.name), same, `seed ${seed}`);
        const global = same.find(({ type }) => type === type.toUpperCase()) ?? same[0];
        assert.equal(kallsyms.lookup(wanted.name), global?.address, `seed ${seed}`);
        const first = symbols.find(({ address }) => address === wanted.address);
        const place = kallsyms.symbolAt(wanted.address);
        if (wanted.type === 'A') assert.equal(place, undefined);
        else assert.equal(place?.name, first?.name, `seed ${seed}`);
      }
    }
  });

  const damaged: [title: string, damage: (tables: MutableTables) => void, message: RegExp][] = [
    ['no symbols', (t) => (t.numSyms = 0), /kallsyms_num_syms: 0 symbols cannot be in/],
    [
      'more symbols than names',
      (t) => (t.numSyms = t.names.length),
      /kallsyms_num_syms: \d+ symbols cannot be in/,
    ],
    ['a count beyond all kernels', (t) => (t.numSyms = NUM_SYMS_MAX + 1), /kallsyms_num_syms/],
    ['a count that is negative', (t) => (t.numSyms = -1), /kallsyms_num_syms/],
    [
      'a count that is a little too high',
      (t) => ((t.numSyms += 40), (t.addresses = { kind: 'addresses', bytes: new Uint8Array(1e5) })),
      /kallsyms_names: \d+ symbols do not fit/,
    ],
    [
      'names that are cut off',
      (t) => (t.names = t.names.slice(0, t.names.length >> 1)),
      /kallsyms_names: 300 symbols do not fit/,
    ],
    ['names that are zeros', (t) => t.names.fill(0), /kallsyms_names: 300 symbols do not fit/],
    [
      'names that are all ones',
      (t) => t.names.fill(0xff),
      /kallsyms_names: 300 symbols do not fit/,
    ],
    [
      'a token index that is cut off',
      (t) => (t.tokenIndex = t.tokenIndex.slice(0, 511)),
      /kallsyms_token_index: expected 512 bytes, have 511/,
    ],
    [
      'a token that starts outside the table',
      (t) => t.tokenIndex.fill(0xff, 6, 8),
      /kallsyms_token_index\+0x6: token 3 at 65535 does not end in a table of/,
    ],
    [
      'a token that does not end',
      (t) => t.tokenTable.fill(0x61),
      /kallsyms_token_index\+0x0: token 0 at 0 does not end/,
    ],
    [
      'a token table that is empty',
      (t) => (t.tokenTable = new Uint8Array(0)),
      /does not end in a table of 0 bytes/,
    ],
    [
      'tokens that are no letters',
      (t) => ((t.tokenTable = new Uint8Array(512)), (t.tokenIndex = new Uint8Array(512))),
      /kallsyms_names: 300 symbols do not fit/,
    ],
    [
      'offsets that are cut off',
      (t) => (t.addresses = { ...t.addresses, bytes: t.addresses.bytes.slice(4) }),
      /kallsyms_offsets: expected 1200 bytes for 300 symbols, have 1196/,
    ],
    [
      'offsets that fit no known symbol',
      (t) => t.addresses.bytes.fill(0x11),
      /kallsyms addresses: \S+: expected 0xf\S+, have 0x\S+ \(base-relative\), 0x\S+ \(absolute-/,
    ],
    [
      'no known symbol at all',
      (t) => (t.known = []),
      /kallsyms addresses: no symbol is known to check them with/,
    ],
    [
      'known symbols that it does not have',
      (t) => (t.known = [{ name: 'nowhere', address: STEXT }]),
      /kallsyms addresses: no symbol is known/,
    ],
  ];
  for (const [title, damage, message] of damaged) {
    it(`refuses ${title}`, () => {
      const tables = buildKallsyms(symbolsFor('base-relative', 320).slice(0, 300));
      damage(tables);
      assert.throws(
        () => readKallsyms(tables),
        (error) => error instanceof FormatError && message.test(error.message),
      );
    });
  }

  it('refuses to choose where two length encodings fit and nothing tells them apart', () => {
    // As one byte: a name of 129 tokens. As two: 1 + (1 << 7) tokens, where the 1 is a token as
    // well, and one byte more at the end. Token 1 is "T", 3 is "a"; there are no markers.
    const tokens = ['', 'T', '', 'a'];
    const table = Buffer.from(`${tokens.join('\0')}\0`, 'latin1');
    const index = new Uint8Array(512);
    new Uint16Array(index.buffer).set([0, 1, 3, 4]);
    const names = Uint8Array.of(0x81, 1, ...Array<number>(128).fill(1), 1);
    const addresses = { kind: 'addresses' as const, bytes: new Uint8Array(8) };
    const tables = { numSyms: 1, names, tokenTable: table, tokenIndex: index, addresses };
    assert.throws(
      () => readKallsyms({ ...tables, known: [] }),
      /one-byte and two-byte lengths both fit and differ, no markers agree/,
    );
  });

  it('refuses to choose between address encodings that agree equally often', () => {
    // The offset of b, 0x10, is STEXT + 0x10 as base-relative and 0x10 as absolute-percpu.
    const tables = buildKallsyms([symbol('a', 'T', STEXT), symbol('b', 'T', STEXT + 0x10n)]);
    tables.known = [
      { name: 'a', address: STEXT },
      { name: 'b', address: vaddr(0x10n) },
    ];
    assert.throws(
      () => readKallsyms(tables),
      /base-relative and absolute-percpu both agree with 1 known symbols/,
    );
  });

  it('ends with a value or a VmcoreError for any damage of a byte', () => {
    const prng = new Prng(61);
    const sound = buildKallsyms(symbolsFor('base-relative', 320), { mergesMax: 8 });
    for (let round = 0; round < 300; round++) {
      const tables = structuredClone({ ...sound, known: [...sound.known] });
      const table = prng.pick([tables.names, tables.tokenTable, tables.tokenIndex]);
      for (let n = 0; n < 1 + prng.below(8); n++) table[prng.below(table.length)] = prng.u32();
      try {
        const kallsyms = readKallsyms(tables);
        for (const { name, address } of kallsyms.symbols()) {
          kallsyms.lookupAll(name);
          kallsyms.symbolAt(address);
        }
      } catch (error) {
        assert.ok(error instanceof VmcoreError, String(error));
      }
    }
  });
});
