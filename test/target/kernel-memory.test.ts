import assert from 'node:assert/strict';

import { readVmcoreinfo, Vmcoreinfo } from '../../src/format/vmcoreinfo/read.ts';
import { findKernelSpace, readUtsname, utsNameOffset } from '../../src/target/kernel-memory.ts';
import { InvalidError } from '../../src/util/errors.ts';
import { realDump, truthFile } from '../support/real-dumps.ts';
import { realKernel } from '../support/real-kernel.ts';
import { buildKernel } from '../support/small-kernel.ts';

/** A VMCOREINFO with some of its lines changed; undefined takes one away. */
function changed(info: Vmcoreinfo, lines: Record<string, string | undefined>): Vmcoreinfo {
  const entries = new Map(info.entries);
  for (const [key, value] of Object.entries(lines)) {
    if (value === undefined) entries.delete(key);
    else entries.set(key, value);
  }
  return new Vmcoreinfo(entries, []);
}

describe('utsNameOffset', () => {
  it('passes over the reference count where VMCOREINFO does not say', () => {
    const info = readVmcoreinfo(buildKernel().vmcoreinfo);
    const key = 'OFFSET(uts_namespace.name)';
    assert.equal(utsNameOffset(changed(info, { [key]: undefined })), 4);
    assert.equal(utsNameOffset(changed(info, { [key]: '0' })), 0);
  });
});

describe('findKernelSpace', () => {
  it('takes phys_base from VMCOREINFO, also a negative one', () => {
    const { memory, vmcoreinfo, physBase, stext } = buildKernel();
    const found = findKernelSpace(memory, readVmcoreinfo(vmcoreinfo));
    assert.ok(physBase < 0);
    assert.equal(found.physBase, physBase);
    assert.equal(found.physBaseSource, 'VMCOREINFO');
    assert.equal(found.space.translate(stext), 0x8200000);
  });

  it('does without init_uts_ns where its page is missing', () => {
    const { memory, vmcoreinfo } = buildKernel();
    memory.lose(0x8220000, 'excluded');
    assert.equal(findKernelSpace(memory, readVmcoreinfo(vmcoreinfo)).space.depth, 4);
  });

  it('searches for the root table where phys_base is wrong', () => {
    const { memory, vmcoreinfo, physBase } = buildKernel();
    const info = changed(readVmcoreinfo(vmcoreinfo), { 'NUMBER(phys_base)': '4194304' });
    assert.equal(findKernelSpace(memory, info).physBase, physBase);
  });

  it('refuses a VMCOREINFO without a root table', () => {
    const { memory, vmcoreinfo } = buildKernel();
    const info = changed(readVmcoreinfo(vmcoreinfo), { 'SYMBOL(swapper_pg_dir)': undefined });
    assert.throws(() => findKernelSpace(memory, info), InvalidError);
  });

  it('refuses a root table that the filter left out, and says so', () => {
    const { memory, vmcoreinfo } = buildKernel();
    memory.lose(0x8210000, 'excluded');
    assert.throws(
      () => findKernelSpace(memory, readVmcoreinfo(vmcoreinfo)),
      (error) =>
        error instanceof InvalidError && String(error.cause).includes('0x8210000: excluded'),
    );
  });

  for (const name of ['k1-victim-wd10', 'k2-pair-a', 'k2-pair-b']) {
    it(`agrees with the truth on where ${name} was loaded`, async function () {
      const kernel = await realKernel(realDump(this, `${name}.kdump`));
      const truth = JSON.parse(truthFile(this, `${name}/memalloc.json`)) as {
        kaslr_offset: string;
      };
      assert.equal(kernel.info.kernelOffset, BigInt(truth.kaslr_offset));
      const initUtsNs = kernel.info.symbol('init_uts_ns');
      assert.ok(initUtsNs !== undefined);
      const uts = readUtsname(kernel.space, initUtsNs);
      assert.equal(uts[0], 'Linux');
      assert.equal(uts[2], kernel.info.osrelease);
    });
  }

  it('finds a real kernel without its phys_base', async function () {
    const kernel = await realKernel(realDump(this, 'k61-press-d31.kdump'));
    const info = changed(kernel.info, { 'NUMBER(phys_base)': undefined });
    assert.equal(findKernelSpace(kernel.memory, info).physBase, -253755392);
  });
});
