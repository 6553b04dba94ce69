import assert from 'node:assert/strict';

import { readVmcoreinfo } from '../../src/format/vmcoreinfo/read.ts';
import { readIdentity, type KernelIdentity } from '../../src/target/identity.ts';
import { readKernelKallsyms } from '../../src/target/kernel-kallsyms.ts';
import { findKernelSpace } from '../../src/target/kernel-memory.ts';
import { realDump } from '../support/real-dumps.ts';
import { realKernel } from '../support/real-kernel.ts';
import {
  buildKernel,
  BUILD_ID,
  type SmallKernel,
  type SmallKernelOptions,
} from '../support/small-kernel.ts';

function identify(
  options: SmallKernelOptions = {},
  damage: (kernel: SmallKernel) => void = () => undefined,
): KernelIdentity {
  const kernel = buildKernel(options);
  damage(kernel);
  const info = readVmcoreinfo(kernel.vmcoreinfo);
  const space = findKernelSpace(kernel.memory, info);
  const symbols = readKernelKallsyms(space.space, info);
  assert.ok(symbols !== undefined);
  return readIdentity({ ...space, info, symbols, source: 'a test' });
}

const INIT_UTS_NS = 0x8220000;
const LINUX_BANNER = 0x8221000;
const NOTES = 0x8222000;

describe('readIdentity', () => {
  it('gives each fact with its source', () => {
    assert.deepEqual(identify({ vmcoreinfo: { crashTime: 5 } }), {
      release: { value: '6.1.0-test', source: 'VMCOREINFO' },
      version: { value: '#1 SMP (date)', source: 'init_uts_ns' },
      nodename: { value: 'node', source: 'init_uts_ns' },
      machine: { value: 'x86_64', source: 'init_uts_ns' },
      banner: { value: 'Linux version 6.1.0-test (gcc) #1 SMP (date)', source: 'linux_banner' },
      buildId: { value: BUILD_ID, source: 'the .notes section' },
      kaslrOffset: { value: '0x16400000', source: 'VMCOREINFO' },
      physBase: { value: 0x8200000 - 0x17400000, source: 'VMCOREINFO' },
      pageOffsetBase: { value: '0xffff888000000000', source: 'page_offset_base' },
      vmallocBase: { value: '0xffffc90000000000', source: 'vmalloc_base' },
      pageTableDepth: { value: 4, source: 'VMCOREINFO' },
      rootPageTable: '0x8210000',
      crashTime: { value: 5, source: 'VMCOREINFO' },
      vmcoreinfo: 'a test',
    });
  });

  it('can be written as JSON', () => {
    const identity = identify();
    assert.deepEqual(JSON.parse(JSON.stringify(identity)), identity);
  });

  it('prefers the build ID of .notes and says what VMCOREINFO has wrong', () => {
    const { buildId, buildIdDoubt } = identify({ vmcoreinfo: { buildId: 'ab'.repeat(20) } });
    assert.deepEqual(buildId, { value: BUILD_ID, source: 'the .notes section' });
    assert.equal(buildIdDoubt, `the .notes section has ${BUILD_ID}`);
  });

  it('takes the build ID of VMCOREINFO where .notes has none', () => {
    const wipe = ({ memory }: SmallKernel): unknown => memory.write(NOTES, new Uint8Array(64));
    const { buildId } = identify({ vmcoreinfo: { buildId: 'ab'.repeat(20) } }, wipe);
    assert.deepEqual(buildId, {
      value: 'ab'.repeat(20),
      source: 'VMCOREINFO, not confirmed by .notes',
    });
  });

  it('takes no build ID that cannot be one', () => {
    const wipe = ({ memory }: SmallKernel): unknown => memory.lose(NOTES, 'excluded');
    const { buildId, buildIdDoubt } = identify({ vmcoreinfo: { buildId: '00'.repeat(20) } }, wipe);
    assert.equal(buildId, undefined);
    assert.match(buildIdDoubt ?? '', /all its bytes are the same/);
  });

  it('leaves out what is not in the dump', () => {
    const identity = identify({}, ({ memory }) =>
      memory.lose(INIT_UTS_NS, 'excluded').lose(LINUX_BANNER, 'truncated'),
    );
    assert.equal(identity.release.value, '6.1.0-test');
    assert.equal('version' in identity, false);
    assert.equal('banner' in identity, false);
  });

  it('takes no banner that does not end', () => {
    const fill = ({ memory }: SmallKernel): unknown =>
      memory.write(LINUX_BANNER, new Uint8Array(4096).fill(0x41));
    assert.equal(identify({}, fill).banner, undefined);
  });

  it('names a real kernel', async function () {
    const kernel = await realKernel(realDump(this, 'k61-press-d31.kdump'));
    const identity = readIdentity({ ...kernel, source: 'kdump sub-header' });
    assert.equal(identity.buildId?.value, kernel.info.buildId?.hex);
    assert.equal(identity.buildIdDoubt, undefined);
    assert.match(
      identity.banner?.value ?? '',
      /^Linux version 6\.1\.0-56-cloud-amd64 \(debian-kernel@.* Debian 6\.1\.192-2 \(2026-11-16\)$/,
    );
    assert.equal(identity.kaslrOffset?.value, '0x16400000');
    assert.equal(identity.pageOffsetBase?.value, '0xffff8b0940000000');
  });
});
