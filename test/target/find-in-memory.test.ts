import assert from 'node:assert/strict';

import { MemoryWrapper, type PhysicalRange } from '../../src/memory/physical.ts';
import { findInMemory } from '../../src/target/find-in-memory.ts';
import { openContainer } from '../../src/target/open-container.ts';
import { FaultError } from '../../src/util/errors.ts';
import type { PageState } from '../../src/util/page-state.ts';
import { Problems } from '../../src/util/problems.ts';
import type { KallsymsSymbol } from '../../src/format/kallsyms/kallsyms.ts';
import type { Vaddr } from '../../src/util/address.ts';
import { realDump } from '../support/real-dumps.ts';
import { buildKernel, manySymbols } from '../support/small-kernel.ts';

/** A dump with a zero page in each 4 KiB that it leaves out, up to 20 GiB. */
class LargeMemory extends MemoryWrapper {
  readBytes = 0;

  override get end(): number {
    return 20 * 2 ** 30;
  }

  stateOf(): PageState {
    return 'present';
  }

  readInto(into: Uint8Array, paddr: number): void {
    this.readBytes += into.length;
    for (let at = 0; at < into.length; at += this.pageSize) {
      const page = into.subarray(at, at + this.pageSize);
      try {
        this.inner.readInto(page, paddr + at);
      } catch (error) {
        if (!(error instanceof FaultError)) throw error;
        page.fill(0);
      }
    }
  }

  *presentRanges(): Generator<PhysicalRange> {
    yield { start: 0, end: this.end };
  }
}

/** As many symbols as a page of their addresses takes to hint at an image. */
function verymany(at: (offset: number) => Vaddr): KallsymsSymbol[] {
  const many = Array.from({ length: 40_000 }, (_, i) => ({
    ...{ name: `f${i}`, type: 't', address: at(0x100 + i * 16) },
  }));
  return [...manySymbols(at), ...many];
}

describe('findInMemory', () => {
  for (const [what, commandLine, release, told] of [
    ['the crashed kernel and not', 'quiet elfcorehdr=0x2f000000', '5.4.0-old', /a capture kernel/],
    ['who has it and tells of', 'quiet', '6.1.0-young', /the only one that has it is taken/],
  ] as const) {
    it(`takes ${what} the other of two kernels, of which one has VMCOREINFO`, () => {
      const options = { moreSymbols: verymany, directMap: true };
      const { memory } = buildKernel({ ...options, release: '5.4.0-old', commandLine: 'quiet' });
      const other = { loadedAt: 0x2a200000, kaslrOffset: 0x1200000n, release: '6.1.0-young' };
      const young = buildKernel({ ...options, ...other, memory, commandLine });
      memory.write(0x500000, young.vmcoreinfo);
      const problems = new Problems();
      assert.equal(findInMemory(memory, problems).info.osrelease, release);
      assert.equal(problems.list.length, 1);
      assert.match(problems.list[0]?.message ?? '', told);
    });
  }

  it('does not read all of a large memory, since the image leads to VMCOREINFO', async function () {
    const dump = realDump(this, 'k61-press-d31.kdump');
    const { memory, close } = await openContainer([dump], { problems: new Problems() });
    try {
      const large = new LargeMemory(memory);
      const found = findInMemory(large, new Problems());
      const searched = findInMemory(memory, new Problems());
      assert.match(found.source, /^found in memory at physical address 0x/);
      assert.equal(found.info.osrelease, searched.info.osrelease);
      assert.equal(found.physBase, searched.physBase);
      assert.equal(found.space.root, searched.space.root);
      assert.ok(large.readBytes < 2 ** 30 / 2, `${large.readBytes} bytes were read`);
    } finally {
      close();
    }
  });
});
