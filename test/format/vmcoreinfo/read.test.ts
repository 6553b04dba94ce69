import assert from 'node:assert/strict';

import { readVmcoreinfo, VMCOREINFO_SIZE_MAX } from '../../../src/format/vmcoreinfo/read.ts';
import { writeVmcoreinfo } from '../../../src/format/vmcoreinfo/write.ts';
import { FormatError } from '../../../src/util/errors.ts';

const text = (lines: string): Uint8Array => Buffer.from(lines, 'latin1');

const DEBIAN = `OSRELEASE=6.1.0-56-cloud-amd64
BUILD-ID=3b43fad5034874490492495d552c0af6a5fab235
PAGESIZE=4096
SYMBOL(_stext)=ffffffff97400000
SYMBOL(mem_section)=ffff8b094fe20000
SIZE(page)=64
OFFSET(page.flags)=0
OFFSET(uts_namespace.name)=4
LENGTH(zone.free_area)=11
NUMBER(phys_base)=-253755392
NUMBER(sme_mask)=140737488355328
KERNELOFFSET=16400000
NUMBER(KERNELPACMASK)=0x7f000000000000
CONFIG_X86_PAE=y
CRASHTIME=1763600000
`;

describe('readVmcoreinfo', () => {
  it('has a getter for each kind of line', () => {
    const info = readVmcoreinfo(text(DEBIAN));
    assert.equal(info.osrelease, '6.1.0-56-cloud-amd64');
    assert.deepEqual(info.buildId, {
      hex: '3b43fad5034874490492495d552c0af6a5fab235',
      unreliable: undefined,
    });
    assert.equal(info.pageSize, 4096);
    assert.equal(info.symbol('_stext'), 0xffffffff97400000n);
    assert.equal(info.size('page'), 64);
    assert.equal(info.offset('uts_namespace.name'), 4);
    assert.equal(info.length('zone.free_area'), 11);
    assert.equal(info.number('phys_base'), -253755392n);
    assert.equal(info.number('sme_mask'), 1n << 47n);
    assert.equal(info.number('KERNELPACMASK'), 0x7f000000000000n);
    assert.equal(info.kernelOffset, 0x16400000n);
    assert.equal(info.config('X86_PAE'), 'y');
    assert.equal(info.crashTime, 1763600000);
  });

  it('tells a zero from a key that is absent', () => {
    const info = readVmcoreinfo(text(DEBIAN));
    assert.equal(info.offset('page.flags'), 0);
    assert.equal(info.offset('page.lru'), undefined);
    assert.equal(info.symbol('prb'), undefined);
    assert.equal(info.number('pgtable_l5_enabled'), undefined);
  });

  it('lists the symbols that are named', () => {
    const names = [...readVmcoreinfo(text(DEBIAN)).symbols()].map(({ name }) => name);
    assert.deepEqual(names, ['_stext', 'mem_section']);
  });

  it('ends at the first NUL, as the page in memory is padded', () => {
    const info = readVmcoreinfo(text('OSRELEASE=6.1\nSIZE(page)=64\n\0SIZE(zone)=1\n'));
    assert.equal(info.size('page'), 64);
    assert.equal(info.size('zone'), undefined);
  });

  it('keeps the first of two lines with one key, and the lines that it does not know', () => {
    const info = readVmcoreinfo(text('OSRELEASE=6.1\nSIZE(page)=64\nSIZE(page)=1\nhello\n=x\n'));
    assert.equal(info.size('page'), 64);
    assert.deepEqual(info.unknownLines, ['hello', '=x']);
  });

  const damaged: [title: string, line: string][] = [
    ['a symbol that is not hex', 'SYMBOL(x)=xyz'],
    ['a symbol of more than 64 bits', 'SYMBOL(x)=1ffffffffffffffff'],
    ['a symbol without a value', 'SYMBOL(x)='],
    ['a size that is negative', 'SIZE(x)=-1'],
    ['a size that no number holds', 'SIZE(x)=9007199254740993'],
    ['a size in hex', 'SIZE(x)=0x40'],
    ['an offset with a blank', 'OFFSET(x)= 4'],
    ['a number that is none', 'NUMBER(x)=1e3'],
    ['a number with a line of digits', `NUMBER(x)=${'9'.repeat(500)}`],
    ['a length that is a fraction', 'LENGTH(x)=1.5'],
  ];
  for (const [title, line] of damaged) {
    it(`has no value for ${title}`, () => {
      const info = readVmcoreinfo(text(`OSRELEASE=6.1\n${line}\n`));
      assert.equal(info.entries.size, 2);
      const values = [info.symbol('x'), info.size('x'), info.offset('x')];
      assert.deepEqual([...values, info.number('x'), info.length('x')], Array(5).fill(undefined));
    });
  }

  const notText: [title: string, bytes: Uint8Array, message: string][] = [
    ['nothing', text(''), 'VMCOREINFO: expected OSRELEASE, have 0 other bytes'],
    ['zeros', new Uint8Array(4096), 'VMCOREINFO: expected OSRELEASE, have 0 other bytes'],
    ['other text', text('SIZE(page)=64\n'), 'VMCOREINFO: expected OSRELEASE, have 14 other bytes'],
    [
      'more than VMCOREINFO can hold',
      new Uint8Array(1 << 20).fill(0x41),
      `VMCOREINFO: expected OSRELEASE, have ${VMCOREINFO_SIZE_MAX} other bytes`,
    ],
  ];
  for (const [title, bytes, message] of notText) {
    it(`refuses ${title}`, () => {
      assert.throws(() => readVmcoreinfo(bytes), { name: FormatError.name, message });
    });
  }
});

describe('Vmcoreinfo.buildId', () => {
  const good = '3b43fad5034874490492495d552c0af6a5fab235';
  const cases: [hex: string, unreliable: RegExp | undefined][] = [
    [good, undefined],
    ['00112233445566778899aabbccddeeff', undefined],
    ['', /expected 40 hex digits, have ""/],
    [good.slice(2), /expected 40 hex digits/],
    [good.replace('3b', 'zz'), /expected 40 hex digits/],
    ['00'.repeat(20), /all its bytes are the same/],
    ['ff'.repeat(20), /all its bytes are the same/],
  ];
  for (const [hex, unreliable] of cases) {
    it(`${unreliable === undefined ? 'trusts' : 'doubts'} "${hex}"`, () => {
      const { buildId } = readVmcoreinfo(text(`OSRELEASE=6.12.8\nBUILD-ID=${hex}\n`));
      assert.equal(buildId?.hex, hex);
      if (unreliable === undefined) assert.equal(buildId.unreliable, undefined);
      else assert.match(buildId.unreliable ?? '', unreliable);
    });
  }

  it('is undefined in kernels that have none', () => {
    assert.equal(readVmcoreinfo(text('OSRELEASE=5.4\n')).buildId, undefined);
  });
});

describe('writeVmcoreinfo', () => {
  it('writes what readVmcoreinfo reads', () => {
    const bytes = writeVmcoreinfo({
      osrelease: '6.1.0',
      buildId: 'ab'.repeat(20),
      symbols: { _stext: 0xffffffff81000000n },
      sizes: { page: 64 },
      offsets: { 'page.flags': 0 },
      lengths: { 'zone.free_area': 11 },
      numbers: { phys_base: -4096, sme_mask: 1n << 47n },
      kernelOffset: 0x1000000n,
      crashTime: 12,
      lines: ['CONFIG_X86_PAE=y'],
    });
    const info = readVmcoreinfo(bytes);
    assert.equal(info.osrelease, '6.1.0');
    assert.equal(info.buildId?.hex, 'ab'.repeat(20));
    assert.equal(info.pageSize, 4096);
    assert.equal(info.symbol('_stext'), 0xffffffff81000000n);
    assert.equal(info.size('page'), 64);
    assert.equal(info.offset('page.flags'), 0);
    assert.equal(info.length('zone.free_area'), 11);
    assert.equal(info.number('phys_base'), -4096n);
    assert.equal(info.number('sme_mask'), 1n << 47n);
    assert.equal(info.kernelOffset, 0x1000000n);
    assert.equal(info.crashTime, 12);
    assert.equal(info.config('X86_PAE'), 'y');
    assert.deepEqual(info.unknownLines, []);
  });
});
