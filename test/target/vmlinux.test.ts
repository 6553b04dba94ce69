import assert from 'node:assert/strict';
import { readVmlinux, typesOfVmlinux } from '../../src/target/vmlinux.ts';
import { BytesSource } from '../../src/util/io.ts';
import { Problems } from '../../src/util/problems.ts';
import { btfKernel } from '../support/btf-kernel.ts';
import { dwarfSections, rodata, SHT_PROGBITS } from '../support/vmlinux-builder.ts';
import { buildVmlinux, type SectionSpec } from '../support/elf-builder.ts';

const SHT_NOBITS = 8;

const RELEASE = 'Linux version 6.1.0-9-amd64 (gcc)';

function btf(): SectionSpec {
  return { name: '.BTF', type: SHT_PROGBITS, data: btfKernel().writer.finish() };
}

function vmlinux(...sections: readonly SectionSpec[]): BytesSource {
  return new BytesSource(buildVmlinux(sections), 'vmlinux');
}

describe('readVmlinux', () => {
  it('takes the types from BTF where there is DWARF as well', async () => {
    const { types } = await readVmlinux(vmlinux(btf(), ...dwarfSections()));
    assert.equal(types?.origin, 'BTF of vmlinux');
  });

  it('takes them from DWARF where that is preferred', async () => {
    const { types } = await readVmlinux(vmlinux(btf(), ...dwarfSections()), { preferDwarf: true });
    assert.equal(types?.origin, 'DWARF of vmlinux');
  });

  it('takes them from DWARF where .BTF has no bytes, as in the debug half', async () => {
    const empty = { name: '.BTF', type: SHT_NOBITS, data: new Uint8Array(0) };
    const { types } = await readVmlinux(vmlinux(empty, ...dwarfSections()));
    assert.equal(types?.origin, 'DWARF of vmlinux');
    assert.equal(types.find('struct', 'task_struct')?.kind, 'struct');
  });

  describe('with damaged BTF', () => {
    const damaged = { ...btf(), data: new Uint8Array(64) };

    it('takes DWARF, and says so', async () => {
      const problems = new Problems();
      const { types } = await readVmlinux(vmlinux(damaged, ...dwarfSections()), { problems });
      assert.equal(types?.origin, 'DWARF of vmlinux');
      const [{ subject, message } = { subject: '', message: '' }] = problems.list;
      assert.equal(subject, 'BTF of vmlinux, its DWARF is taken instead');
      assert.match(message, /^BTF\+0x0: magic, expected /);
    });

    it('is refused where there is no DWARF', async () => {
      await assert.rejects(readVmlinux(vmlinux(damaged)), { message: /^BTF\+0x0: magic/ });
    });

    it('is refused as that of a module where it is not linked', async () => {
      const module = new BytesSource(buildVmlinux([damaged], { type: 1 }), 'a.ko');
      await assert.rejects(readVmlinux(module), {
        message: 'a.ko: not linked (a module?) and without DWARF: its BTF alone cannot be read',
      });
    });
  });

  it('has no addresses of a file that is not linked, and takes its types from DWARF', async () => {
    const symbols = { name: '.symtab', type: 2, data: new Uint8Array(48), link: 1 };
    for (const [type, origin] of [
      [1, 'DWARF of vmlinux.o'],
      [2, 'BTF of vmlinux.o'],
    ] as const) {
      const bytes = buildVmlinux([symbols, btf(), ...dwarfSections()], { type });
      const read = await readVmlinux(new BytesSource(bytes, 'vmlinux.o'));
      assert.equal(read.symbols() === undefined, type === 1);
      assert.equal(read.types?.origin, origin);
    }
  });

  it('takes the banner that has the number of the build, if there is one', async () => {
    const banners = [`${RELEASE} # SMP`, `${RELEASE} #1 SMP`];
    const two = await readVmlinux(vmlinux(rodata('Linux version %s', ...banners)));
    assert.equal(two.banner, banners[1]);
    assert.equal((await readVmlinux(vmlinux(rodata(RELEASE)))).banner, RELEASE);
  });

  for (const [what, options, message] of [
    ['i386 (ELF32)', { elfClass: 32, machine: 3 }, 'a file of i386 (ELF32)'],
    ['x32 (ELF32)', { elfClass: 32 }, 'a file of x86_64 (ELF32)'],
    ['AArch64', { machine: 183 }, 'a file of aarch64 (ELF64)'],
    ['s390x', { machine: 22, littleEndian: false }, 'a file of s390x (ELF64, big-endian)'],
    ['an unknown machine', { machine: 999 }, 'a file of e_machine 999 (ELF64)'],
  ] as const) {
    it(`refuses one of ${what}, naming what it is and what is wanted`, async () => {
      const source = new BytesSource(buildVmlinux(dwarfSections(), options), 'vmlinux');
      await assert.rejects(readVmlinux(source), {
        code: 'unsupported',
        message: `vmlinux: ${message}, expected a vmlinux of x86_64 (ELF64)`,
      });
    });
  }

  it('refuses a dump', async () => {
    const source = new BytesSource(buildVmlinux([], { type: 4 }), 'vmcore');
    await assert.rejects(readVmlinux(source), {
      message: 'vmcore: a dump, expected a vmlinux',
    });
  });
});

describe('typesOfVmlinux', () => {
  it('says that a stripped vmlinux has no types', async () => {
    const stripped = await readVmlinux(vmlinux(rodata(RELEASE)));
    assert.throws(() => typesOfVmlinux(stripped), {
      message: 'vmlinux: neither .BTF nor .debug_info: a stripped vmlinux has no types',
    });
  });
});
