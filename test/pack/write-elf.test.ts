import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { PT_LOAD } from '../../src/format/elf/constants.ts';
import { readElf } from '../../src/format/elf/read.ts';
import { openVmcore } from '../../src/target/index.ts';
import { vaddr } from '../../src/util/address.ts';
import { BytesSource } from '../../src/util/io.ts';
import { hasProgram, skipWithReason } from '../support/bpftool.ts';
import { withPacked } from '../support/packed.ts';
import { realDump } from '../support/real-dumps.ts';

describe('writePackedElf', function () {
  this.timeout(60_000);

  it('gives each PT_LOAD the address at which the kernel has it mapped', async function () {
    const path = realDump(this, 'k2-pair-a.kdump');
    const vmcore = await openVmcore([path]);
    try {
      await withPacked([path], { format: 'elf' }, ({ bytes }) => {
        const elf = readElf(new BytesSource(bytes));
        const loads = elf.programHeaders.filter(({ type }) => type === PT_LOAD);
        assert.ok(loads.length > 10 && elf.problems.isEmpty);
        const isImage = loads.map((load) => load.vaddr >= 0xffffffff80000000n);
        assert.ok(isImage.includes(true) && isImage.includes(false));
        for (const load of loads) {
          assert.equal(vmcore.space.translate(vaddr(load.vaddr)), load.paddr);
        }
      });
    } finally {
      vmcore.close();
    }
  });

  it('writes a file in which readelf finds nothing wrong', async function () {
    if (!hasProgram('readelf')) return skipWithReason(this, 'readelf is not installed');
    const path = realDump(this, 'k2-pair-a.kdump');
    await withPacked([path], { format: 'elf' }, (packed) => {
      const output = execFileSync('sh', ['-c', `readelf -lnW '${packed.path}' 2>&1`], {
        encoding: 'latin1',
        maxBuffer: 64 << 20,
      });
      assert.doesNotMatch(output, /warning|error/i);
      assert.match(output, /STALLCORE/);
    });
  });
});
