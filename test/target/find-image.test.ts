import assert from 'node:assert/strict';
import { fileURLToPath } from 'node:url';

import { findImage as search } from '../../src/target/find-image.ts';
import type { VerifiedVmcoreinfo } from '../../src/target/find-vmcoreinfo.ts';
import type { PhysicalMemory } from '../../src/memory/physical.ts';
import { InvalidError } from '../../src/util/errors.ts';
import { Problems } from '../../src/util/problems.ts';
import { KALLSYMS_ORDERS } from '../support/kallsyms-orders.ts';
import { checkMasked, withMaskedDump, type Masked } from '../support/masked-dump.ts';
import { triageJson, withPacked } from '../support/packed.ts';
import { realDump, withVmcore } from '../support/real-dumps.ts';
import { buildKernel, manySymbols, type SmallKernelOptions } from '../support/small-kernel.ts';

const KALLSYMS_KEYS = /^(SYMBOL\(kallsyms|KERNELOFFSET)/;
const KEYS_AND_RELEASE = /^(SYMBOL\(kallsyms|CONFIG_|OSRELEASE)/;

const WHOLE: SmallKernelOptions = { moreSymbols: manySymbols, directMap: true };

function findImage(memory: PhysicalMemory, problems = new Problems()): VerifiedVmcoreinfo {
  return search(memory, problems);
}

describe('findImage', () => {
  for (const { name, options: kallsyms } of KALLSYMS_ORDERS) {
    for (const depth of [4, 5] as const) {
      it(`finds a kernel of ${name} with ${depth} levels of page tables`, () => {
        const built = buildKernel({ ...WHOLE, kallsyms, depth });
        const found = findImage(built.memory);
        assert.equal(found.physBase, built.physBase);
        assert.equal(found.space.depth, depth);
        assert.equal(found.space.translate(built.stext), built.paddr(built.stext));
        assert.equal(found.info.osrelease, '6.1.0-test');
        assert.equal(found.symbols?.lookup('_stext'), built.stext);
        assert.equal(found.symbols?.kallsyms.encodings.addressEncoding, kallsyms.addressEncoding);
        assert.match(found.source, /^none; worked out from the kernel image, kallsyms at phys/);
      });
    }
  }

  it('takes the kernel half of a pair of page tables (page-table isolation)', () => {
    const { memory, paddr, stext } = buildKernel({ ...WHOLE, userHalf: true });
    assert.equal(findImage(memory).space.root, paddr(stext) + 0x10000);
  });

  it('refuses page tables that do not map the image', () => {
    const { memory, paddr, stext } = buildKernel(WHOLE);
    // What is left of the kernel in the half of user space: neither data nor text.
    memory.write(paddr(stext) + 0x10000 + 511 * 8, new Uint8Array(8));
    assert.throws(
      () => findImage(memory),
      isInvalid(/swapper_pg_dir at physical address 0x8210000: .*pgd\[511\] = 0x0 not present/),
    );
  });

  it('refuses page tables whose direct map does not lead back to them', () => {
    const { memory } = buildKernel({ ...WHOLE, directMap: false });
    assert.throws(() => findImage(memory), isInvalid(/no direct map at 0xffff888000000000/));
  });

  it('refuses an image without a banner', () => {
    const { memory, paddr, stext } = buildKernel(WHOLE);
    memory.write(paddr(stext) + 0x21000, Buffer.from('Minix'));
    assert.throws(
      () => findImage(memory),
      isInvalid(/linux_banner: no banner where the symbols put it/),
    );
  });

  it('passes over a copy of the image that is not the one that ran', () => {
    const copy = buildKernel({ ...WHOLE, loadedAt: 0x2200000, directMap: false });
    const { physBase } = buildKernel({ ...WHOLE, memory: copy.memory });
    assert.equal(findImage(copy.memory).physBase, physBase);
  });

  for (const [what, low, high, taken] of [
    ['the lower one', 'quiet', 'ro', '5.4.0-low'],
    ['not the capture kernel', 'irqpoll elfcorehdr=0x2f000000', 'ro', '6.1.0-high'],
    ['not the capture kernel above', 'ro', 'irqpoll elfcorehdr=0x2f000000', '5.4.0-low'],
  ] as const) {
    it(`takes ${what} of two kernels, and says so`, () => {
      const { memory } = buildKernel({ ...WHOLE, release: '5.4.0-low', commandLine: low });
      const other = { loadedAt: 0x2a200000, kaslrOffset: 0x1200000n };
      buildKernel({ ...WHOLE, ...other, memory, release: '6.1.0-high', commandLine: high });
      const problems = new Problems();
      assert.equal(findImage(memory, problems).info.osrelease, taken);
      const [problem] = problems.list;
      assert.match(problem?.message ?? '', /^memory holds several kernels, the first is taken: /);
      const capture = low.includes('elfcorehdr') ? '5.4.0-low' : '6.1.0-high';
      const isTold = new RegExp(`${capture} \\(kallsyms at physical .*, a capture kernel\\)`);
      assert.equal(isTold.test(problem?.message ?? ''), `${low}${high}`.includes('elfcorehdr'));
    });
  }

  it('tells of what could be decoded farthest, not of decoys', () => {
    const { memory, paddr, stext } = buildKernel({
      ...WHOLE,
      kallsyms: KALLSYMS_ORDERS[0]!.options,
    });
    const digits = [...'0123456789'].map((digit) => `${digit}\0`).join('');
    for (let i = 0; i < 70; i++) memory.write(0x100000 + i * 64, Buffer.from(digits));
    const found = findImage(memory);
    assert.equal(found.info.osrelease, '6.1.0-test');
    const index = Number(/physical address (0x\w+)/.exec(found.source)?.[1]);
    assert.ok(index > paddr(stext));
    memory.write(index + 20, Uint8Array.of(0xff, 0xff));
    const what = /kallsyms_token_index: no index .* \(token table or index at physical address 0x8/;
    assert.throws(() => findImage(memory), isInvalid(what));
  });

  it('says what it has looked for where there is none', () => {
    const { memory } = buildKernel();
    memory.write(0, new Uint8Array(4096));
    assert.throws(() => findImage(memory), isInvalid(/^kernel image: expected one whose page tab/));
  });
});

function isInvalid(message: RegExp): (error: unknown) => boolean {
  return (error) => {
    assert.ok(error instanceof InvalidError);
    assert.match(error.message, message);
    return true;
  };
}

describe('openVmcore on a 4.4 kernel', () => {
  const sample = fileURLToPath(new URL('../../samples/too-many-isolated.vmcore', import.meta.url));

  it('needs no System.map', async () => {
    const systemMap = sample.replace('.vmcore', '.System.map');
    assert.deepEqual(await triageJson([sample]), await triageJson([sample], { systemMap }));
  });

  it('needs no VMCOREINFO, and a packed dump tells how it was found', async () => {
    const masked = { mask: { lines: 'all' } } as const;
    const [{ kernel }] = await checkMasked(sample, masked);
    assert.match(kernel.pageTableDepth.source, /^init_level4_pgt, which maps the banner, itself/);
    await withMaskedDump(sample, masked.mask, (path) =>
      withPacked([path], {}, async (packed) => {
        const identity = await withVmcore(packed.path, (vmcore) => vmcore.identity);
        assert.deepEqual(identity, kernel);
      }),
    );
  });
});

describe('openVmcore on masked dumps', () => {
  const cases: readonly (Masked & { dump: string; says: RegExp })[] = [
    {
      dump: 'k61-press-d31.kdump',
      name: 'the keys of kallsyms and of KASLR',
      mask: { lines: KALLSYMS_KEYS },
      says: /^PT_NOTE$/,
    },
    {
      dump: 'k61-press-d31.kdump',
      name: 'keys, CONFIG_ and the release',
      mask: { lines: KEYS_AND_RELEASE },
      says: /^PT_NOTE$/,
    },
    {
      dump: 'k61-press-d31.kdump',
      name: 'all of VMCOREINFO and the notes of CPUs',
      mask: { lines: 'all', cpuNotes: true },
      without: { cpuNotes: true },
      says: /^none; worked out/,
    },
    {
      dump: 'k1-victim-wd10.kdump',
      name: 'all of VMCOREINFO',
      mask: { lines: 'all' },
      says: /^none; worked out/,
    },
  ];
  for (const { dump, says, ...masked } of cases) {
    it(`gives the same answers of ${dump} without ${masked.name}`, async function () {
      const [info, whole] = await checkMasked(realDump(this, dump), masked);
      assert.match(info.kernel.vmcoreinfo, says);
      assert.match(info.symbols.source, /found by a search of its tables/);
      assert.equal(info.kernel.physBase.value, whole.kernel.physBase.value);
      assert.equal(info.kernel.kaslrOffset?.value, whole.kernel.kaslrOffset?.value);
      assert.equal(info.kernel.release.value, whole.kernel.release.value);
      assert.equal(info.kernel.rootPageTable, whole.kernel.rootPageTable);
    });
  }
});
