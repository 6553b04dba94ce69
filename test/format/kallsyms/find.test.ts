import assert from 'node:assert/strict';

import { findKallsymsAt, type FoundKallsyms } from '../../../src/format/kallsyms/find.ts';
import { tokenIndexPlaces, type TableMemory } from '../../../src/format/kallsyms/token-index.ts';
import { writeKallsyms } from '../../../src/format/kallsyms/write.ts';
import { vaddr, vaddrAdd } from '../../../src/util/address.ts';
import { FormatError } from '../../../src/util/errors.ts';
import { Prng } from '../../../src/util/prng.ts';
import { randomSymbols, STEXT, TABLES_AT } from '../../support/kallsyms-builder.ts';
import { KALLSYMS_ORDERS, type KallsymsOrder } from '../../support/kallsyms-orders.ts';

/** What lies in front of the tables and behind them. */
const MARGIN = 4096;
const NUM_SYMS = 700;

/** Tables in memory, and where each starts. */
interface Tables {
  bytes: Buffer;
  readonly at: Readonly<Record<string, number>>;
}

/** Symbols whose names have all letters, so that each is a token. */
function build({ options }: Pick<KallsymsOrder, 'options'>): Tables {
  const reachesPerCpu = options.addressEncoding.startsWith('absolute');
  const symbols = randomSymbols(3, NUM_SYMS)
    .filter(({ address }) => reachesPerCpu || address >= STEXT)
    .map((each, i) => ({ ...each, name: `${each.name}_the_quick_brown_fox_jumps_lazy_dog_${i}` }));
  const { bytes, symbols: places } = writeKallsyms(symbols, {
    address: TABLES_AT,
    relativeBase: STEXT,
    mergesMax: 20,
    ...options,
  });
  const at = Object.fromEntries(
    Object.entries(places).map(([name, address]) => [
      name.replace('kallsyms_', ''),
      Number(address - TABLES_AT) + MARGIN,
    ]),
  );
  const margin = Buffer.alloc(MARGIN, 0xcc);
  return { bytes: Buffer.concat([margin, bytes, margin]), at };
}

function find({ bytes }: Pick<Tables, 'bytes'>): FoundKallsyms[] {
  const memory: TableMemory = {
    after: (at, length) => bytes.subarray(Math.max(0, at), Math.max(0, at + length)),
    before: (at, length) => bytes.subarray(Math.max(0, at - length), at),
  };
  const search = {
    lowest: vaddr(0xffffffff80000000n),
    vaddrOf: (at: number) => vaddrAdd(TABLES_AT, at - MARGIN),
  };
  const [place] = tokenIndexPlaces(bytes);
  if (place === undefined) throw new FormatError({ section: 'kallsyms_token_index' }, 'none');
  return findKallsymsAt(memory, place, search);
}

describe('findKallsymsAt', () => {
  for (const order of KALLSYMS_ORDERS) {
    it(`reads the tables of ${order.name} to their end`, () => {
      const tables = build(order);
      const found = find(tables);
      const { addressEncoding, lengthEncoding } = order.options;
      const right = found.find(
        ({ kallsyms }) => kallsyms.encodings.addressEncoding === addressEncoding,
      );
      assert.ok(right !== undefined);
      assert.equal(right.namesAt, tables.at.names);
      assert.equal(right.tokenIndexAt, tables.at.token_index);
      assert.equal(right.addressesAt, tables.at.addresses ?? tables.at.offsets);
      assert.equal(right.kallsyms.encodings.markersAgree, true);
      assert.ok(['either', lengthEncoding].includes(right.kallsyms.encodings.lengthEncoding));
      const text = [...right.kallsyms.symbols()].find(({ address }) => address === STEXT);
      assert.match(text?.name ?? '', /_the_quick_brown_fox/);
    });
  }

  const OLD = { options: KALLSYMS_ORDERS[0]!.options };
  const NEW = { options: KALLSYMS_ORDERS[6]!.options };
  const damages: readonly {
    what: string;
    order?: Pick<KallsymsOrder, 'options'>;
    damage: (tables: Tables) => void;
    says: RegExp;
  }[] = [
    {
      what: 'an index whose entries do not ascend',
      damage: ({ bytes, at }) => bytes.writeUInt16LE(0, at.token_index! + 200),
      says: /^kallsyms_token_index: none/,
    },
    {
      what: 'an index that leads past the table',
      damage: ({ bytes, at }) =>
        bytes.writeUInt16LE(bytes.readUInt16LE(at.token_index! + 510) + 900, at.token_index! + 510),
      says: /^kallsyms_token_table\+0x\w+: token 25\d: no string/,
    },
    {
      what: 'an index that is one off',
      damage: ({ bytes, at }) =>
        bytes.writeUInt16LE(bytes.readUInt16LE(at.token_index! + 300) + 1, at.token_index! + 300),
      says: /^kallsyms_token_(table\+0x\w+: token \d+: no string|index: none)/,
    },
    {
      what: 'an index that is cut',
      damage: (tables) => (tables.bytes = tables.bytes.subarray(0, tables.at.token_index! + 400)),
      says: /^kallsyms_token_index: none/,
    },
    {
      what: 'a token without its NUL',
      damage: ({ bytes, at }) => bytes.fill(0x61, at.token_table, at.token_table! + 40),
      says: /^kallsyms_token_table\+0x\w+: token \d+: no string/,
    },
    {
      what: 'tokens that are no letters',
      damage: ({ bytes, at }) => {
        for (let i = at.token_table!; i < at.token_index!; i++)
          if (bytes[i]! > 0x60) bytes[i] = 0x41;
      },
      says: /^kallsyms_token_table\+0x\w+: token 97: expected its letter/,
    },
    {
      what: 'tokens with bytes that no name has',
      damage: ({ bytes, at }) => bytes.writeUInt8(0xff, bytes.indexOf('a\0b\0', at.token_table)),
      says: /^kallsyms_token_table\+0x\w+: token 97: no string/,
    },
    {
      what: 'a count that is far too large',
      damage: ({ bytes, at }) => bytes.writeUInt32LE(0x7fffffff, at.num_syms),
      says: /^kallsyms_num_syms: expected the count of the names/,
    },
    {
      what: 'a count of zero',
      damage: ({ bytes, at }) => bytes.writeUInt32LE(0, at.num_syms),
      says: /^kallsyms_num_syms: expected the count of the names/,
    },
    {
      what: 'a count that is one too large',
      damage: ({ bytes, at }) => bytes.writeUInt32LE(NUM_SYMS + 1, at.num_syms),
      says: /^kallsyms_(names\+0x\w+: name 700 of 701|markers\+0x\w+: marker 0: expected 0 behind)/,
    },
    {
      what: 'a count that is one too small',
      damage: ({ bytes, at }) => bytes.writeUInt32LE(NUM_SYMS - 1, at.num_syms),
      says: /^kallsyms_markers\+0x\w+: marker \d: expected \d+ behind 699 names/,
    },
    {
      what: 'names that are cut in front',
      damage: (tables) => {
        const cut = tables.at.names! + 4000;
        tables.bytes = tables.bytes.subarray(cut);
      },
      says: /^kallsyms_num_syms: expected the count of the names/,
    },
    {
      what: 'a name of no tokens',
      damage: ({ bytes, at }) => bytes.fill(0, at.names! + 6000, at.names! + 6200),
      says: /^kallsyms_names\+0x1\w+: name \d+ of 700: it (has no tokens|starts with no type)/,
    },
    {
      what: 'a marker that is off',
      damage: ({ bytes, at }) => {
        const place = markersAt({ bytes, at }) + 4;
        bytes.writeUInt32LE(bytes.readUInt32LE(place) + 1, place);
      },
      says: /^kallsyms_markers\+0x4: marker 1: expected \d+ behind 700 names/,
    },
    {
      what: 'markers of 8 bytes, one with an upper half',
      order: OLD,
      damage: ({ bytes, at }) => bytes.writeUInt32LE(1, markersAt({ bytes, at }) + 20),
      says: /^kallsyms_markers\+0x10: marker 2: expected \d+ behind 700 names/,
    },
    {
      what: 'an offset out of order',
      damage: ({ bytes, at }) => bytes.writeInt32LE(0x7fffffff, at.offsets! + 400),
      says: /^kallsyms_offsets\+0x1(90|94): symbol 10[01] of 700 is not in absolute-percpu order/,
    },
    {
      what: 'an address out of order',
      order: OLD,
      damage: ({ bytes, at }) => bytes.writeBigUInt64LE(0n, at.addresses! + 800),
      says: /^kallsyms_addresses\+0x320: symbol 100 of 700 is not in absolute order/,
    },
    {
      what: 'a base below the kernel',
      damage: ({ bytes, at }) => bytes.writeBigUInt64LE(0x1000n, at.relative_base),
      says: /^kallsyms_offsets\+0x\w+: /,
    },
    {
      what: 'addresses that are cut',
      damage: (tables) => (tables.bytes = tables.bytes.subarray(0, tables.at.offsets! + 400)),
      says: /^kallsyms_(offsets|addresses)\+0x\w+: /,
    },
  ];
  for (const { what, order = NEW, damage, says } of damages) {
    it(`names the table and the place of ${what}`, () => {
      const tables = build(order);
      damage(tables);
      assert.throws(
        () => find(tables),
        (error) => {
          assert.ok(error instanceof FormatError, String(error));
          assert.match(error.message, says);
          return true;
        },
      );
    });
  }

  it('ends on any damage, with symbols or with an error of the format', () => {
    const prng = new Prng(7);
    const whole = build(NEW);
    let found = 0;
    for (let round = 0; round < 200; round++) {
      const bytes = Buffer.from(whole.bytes);
      for (let i = 0; i < 1 + prng.below(4); i++) {
        const at = prng.below(bytes.length);
        bytes[at] = prng.below(256);
      }
      try {
        found += find({ bytes }).length;
      } catch (error) {
        assert.ok(error instanceof FormatError, String(error));
      }
    }
    assert.ok(found > 20, `${found} survive`);
  });
});

/** They end where the next table begins; there are three. */
function markersAt({ bytes, at }: Tables): number {
  const size = at.seqs_of_names === undefined ? 8 : 4;
  let place = at.token_table! - 4;
  while (bytes.readUInt32LE(place) === 0) place -= 4;
  return place - (size === 8 ? 16 : 8);
}
