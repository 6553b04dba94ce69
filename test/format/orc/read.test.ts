import assert from 'node:assert/strict';
import { ORC_VERSIONS, type OrcVersion } from '../../../src/format/orc/constants.ts';
import {
  guessOrcVersion,
  Orc,
  orcVersionOfHeader,
  sampleOrcVersion,
  type OrcEntry,
} from '../../../src/format/orc/read.ts';
import { writeOrc, writeOrcLookup, type OrcRow } from '../../../src/format/orc/write.ts';
import { vaddr, vaddrAdd, type Vaddr } from '../../../src/util/address.ts';
import { FormatError } from '../../../src/util/errors.ts';
import { BytesSource } from '../../../src/util/io.ts';
import { Prng } from '../../../src/util/prng.ts';
import { realDump } from '../../support/real-dumps.ts';
import { realKernel, type RealKernel } from '../../support/real-kernel.ts';

const TEXT = vaddr(0xffffffff81000000n);
const IPS = vaddr(0xffffffff82000000n);

/** A frame of `size` bytes below the return address. */
function frame(size: number, rest: Partial<OrcEntry> = {}): OrcEntry {
  const bp = { bpRegister: 'undefined', bpOffset: 0 } as const;
  return { type: 'call', spRegister: 'sp', spOffset: size, ...bp, signal: false, ...rest };
}

const SAVED_BP = { bpRegister: 'prev_sp', bpOffset: -16 } as const;
const NO_FRAME = { spRegister: 'undefined', spOffset: 0 } as const;

const ROWS: OrcRow[] = [
  { address: TEXT, entry: frame(0, { type: 'undefined', ...NO_FRAME }) },
  { address: vaddrAdd(TEXT, 0x40), entry: frame(8) },
  { address: vaddrAdd(TEXT, 0x41), entry: frame(16, SAVED_BP) },
  { address: vaddrAdd(TEXT, 0x44), entry: frame(16, { spRegister: 'bp', ...SAVED_BP }) },
  { address: vaddrAdd(TEXT, 0x180), entry: frame(0, { type: 'regs', signal: true }) },
  { address: vaddrAdd(TEXT, 0x1c0), entry: frame(-8, { type: 'regs_partial', signal: true }) },
  { address: vaddrAdd(TEXT, 0x200), entry: frame(0, { type: 'end_of_stack', ...NO_FRAME }) },
  { address: vaddrAdd(TEXT, 0x240), entry: frame(8, { spRegister: 'sp_indirect' }) },
];
const TEXT_END = vaddrAdd(TEXT, 0x290);

function tableOf(
  rows: readonly OrcRow[],
  options: { version: OrcVersion; hasLookup?: boolean },
): Orc {
  const { version, hasLookup = false } = options;
  const { ips, entries } = writeOrc(rows, { ipsAddress: IPS, version });
  const lookup = new BytesSource(writeOrcLookup(rows, { start: TEXT, end: TEXT_END }));
  return new Orc({
    ips: new BytesSource(ips),
    ipsAddress: IPS,
    entries: new BytesSource(entries),
    version,
    ...(hasLookup ? { lookup: { table: lookup, textStart: TEXT } } : {}),
  });
}

describe('Orc', () => {
  for (const version of ORC_VERSIONS) {
    for (const hasLookup of [false, true]) {
      const how = hasLookup ? 'through orc_lookup' : 'by search';
      it(`finds what was written in version ${version} ${how}, at every address`, () => {
        const orc = tableOf(ROWS, { version, hasLookup });
        for (let offset = 0; offset < 0x290; offset++) {
          const pc = vaddrAdd(TEXT, offset);
          const expected = ROWS.findLast(({ address }) => address <= pc);
          assert.deepEqual(orc.find(pc), expected?.entry, `offset ${offset}`);
        }
        orc.checkAll();
        assert.equal(orc.addressOf(3), ROWS[3]?.address);
      });
    }
  }

  it('has nothing for addresses below the first entry and far away', () => {
    const orc = tableOf(ROWS, { version: 1 });
    for (const pc of [vaddrAdd(TEXT, -1), vaddr(0n), vaddr(0xffff888000000000n)]) {
      assert.equal(orc.find(pc), undefined);
    }
  });

  it('reads flags of version 1 bit by bit', () => {
    // sp_offset 24, bp_offset -16, sp_reg SP 5, bp_reg PREV_SP 1.
    const entries = new Uint8Array([24, 0, 0xf0, 0xff, 0x15, 0]);
    const ips = new BytesSource(new Uint8Array(4));
    const orc = new Orc({ ips, ipsAddress: IPS, entries: new BytesSource(entries), version: 1 });
    assert.deepEqual(orc.find(IPS), frame(24, SAVED_BP));
  });

  it('names the entry that no kernel of its version has', () => {
    const { ips, entries } = writeOrc(ROWS, { ipsAddress: IPS, version: 1 });
    entries[2 * 6 + 5] = 0xf0;
    const tables = { ips: new BytesSource(ips), entries: new BytesSource(entries) };
    const orc = new Orc({ ...tables, ipsAddress: IPS, version: 1 });
    assert.throws(() => orc.find(vaddrAdd(TEXT, 0x42)), /ORC entry\+0xc: flags 0xf015/);
    assert.throws(() => orc.checkAll(), FormatError);
  });

  it('checkAll refuses a table that does not ascend', () => {
    const { ips, entries } = writeOrc(ROWS, { ipsAddress: IPS, version: 1 });
    new DataView(ips.buffer).setInt32(8, -0x2000000, true);
    const tables = { ips: new BytesSource(ips), entries: new BytesSource(entries) };
    const orc = new Orc({ ...tables, ipsAddress: IPS, version: 1 });
    assert.throws(() => orc.checkAll(), /ORC addresses\+0x8: entry 2 begins before/);
  });

  it('refuses tables whose sizes do not fit together', () => {
    const ips = new BytesSource(new Uint8Array(8));
    const entries = new BytesSource(new Uint8Array(6));
    const make = (): Orc => new Orc({ ips, entries, ipsAddress: IPS, version: 1 });
    assert.throws(make, /expected 4 and 6 bytes an entry, have 8 and 6 bytes/);
  });

  it('searches on where orc_lookup is damaged', () => {
    const { ips, entries } = writeOrc(ROWS, { ipsAddress: IPS, version: 1 });
    const table = new BytesSource(new Uint8Array(16).fill(0xff));
    const tables = { ips: new BytesSource(ips), entries: new BytesSource(entries) };
    const orc = new Orc({
      ...tables,
      ipsAddress: IPS,
      version: 1,
      lookup: { table, textStart: TEXT },
    });
    assert.deepEqual(orc.find(vaddrAdd(TEXT, 0x42)), ROWS[2]?.entry);
  });
});

describe('guessOrcVersion', () => {
  for (const version of ORC_VERSIONS) {
    it(`knows version ${version} by its entries`, () => {
      const prng = new Prng(version);
      const rows = Array.from({ length: 4000 }, (_, i) => ({
        address: vaddrAdd(TEXT, i * 16),
        // Mostly frames, as in any kernel.
        entry: (prng.below(10) > 0 ? ROWS[1 + prng.below(3)] : ROWS[prng.below(8)])!.entry,
      }));
      const { entries } = writeOrc(rows, { ipsAddress: IPS, version });
      assert.equal(guessOrcVersion(entries), version);
      assert.equal(sampleOrcVersion(new BytesSource(entries)), version);
    });
  }

  it('does not guess from what no version has, nor from nothing', () => {
    assert.equal(guessOrcVersion(new Uint8Array(6000).fill(0xee)), undefined);
    assert.equal(guessOrcVersion(new Uint8Array(0)), undefined);
  });
});

describe('orcVersionOfHeader', () => {
  it('knows the hash of Linux 6.4 and no other', () => {
    const hash = Buffer.from('fe5d32bf581bd63b2ca9a5c65ba5a625eab3fe24', 'hex');
    assert.equal(orcVersionOfHeader(hash), 3);
    assert.equal(orcVersionOfHeader(new Uint8Array(20)), undefined);
  });
});

describe('Orc of real kernels', () => {
  for (const dump of ['k61-press-d31.kdump', 'k1-victim-wd10.kdump', 'k2-pair-a.kdump']) {
    it(`reads all of ${dump}: ascending, valid, from _stext to _etext`, async function () {
      const kernel = await realKernel(realDump(this, dump));
      const symbol = (name: string): Vaddr => kernel.symbols.lookup(name) as Vaddr;
      const entries = source(kernel, '__start_orc_unwind', '__stop_orc_unwind');
      assert.equal(sampleOrcVersion(entries), 1);
      const tables = {
        ips: source(kernel, '__start_orc_unwind_ip', '__stop_orc_unwind_ip'),
        ipsAddress: symbol('__start_orc_unwind_ip'),
        entries,
        version: 1 as const,
      };
      const orc = new Orc(tables);
      assert.ok(orc.count > 100_000);
      orc.checkAll();
      assert.ok(orc.addressOf(0) <= symbol('_stext'));
      assert.ok(orc.addressOf(orc.count - 1) >= vaddrAdd(symbol('_etext'), -256));
      const table = source(kernel, 'orc_lookup', 'orc_lookup_end');
      const quick = new Orc({ ...tables, lookup: { table, textStart: symbol('_stext') } });
      const prng = new Prng(6);
      const size = Number(symbol('_etext') - symbol('_stext'));
      for (let i = 0; i < 2000; i++) {
        const pc = vaddrAdd(symbol('_stext'), prng.below(size));
        assert.equal(quick.indexOf(pc), orc.indexOf(pc));
      }
      // A function without a frame of its own begins with its return address on top of the stack.
      assert.deepEqual(quick.find(symbol('mutex_lock')), frame(8));
    });
  }
});

function source(kernel: RealKernel, start: string, stop: string): BytesSource {
  const from = kernel.symbols.lookup(start) as Vaddr;
  const to = kernel.symbols.lookup(stop) as Vaddr;
  return new BytesSource(kernel.space.read(from, Number(to - from)), start);
}
