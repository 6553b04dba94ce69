import assert from 'node:assert/strict';
import { readVmlinux, typesOfVmlinux } from '../../src/target/vmlinux.ts';
import { BytesSource } from '../../src/util/io.ts';
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

  it('takes the banner that has the number of the build, if there is one', async () => {
    const banners = [`${RELEASE} # SMP`, `${RELEASE} #1 SMP`];
    const two = await readVmlinux(vmlinux(rodata('Linux version %s', ...banners)));
    assert.equal(two.banner, banners[1]);
    assert.equal((await readVmlinux(vmlinux(rodata(RELEASE)))).banner, RELEASE);
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
