import assert from 'node:assert/strict';
import { readKdump } from '../../../src/format/kdump/read.ts';
import { readVmcoreinfo } from '../../../src/format/vmcoreinfo/read.ts';
import { KdumpMemory } from '../../../src/memory/kdump-memory.ts';
import { makeThreeStalls, type ThreeStalls } from '../../support/three-stalls.ts';
import { readKernelKallsyms } from '../../../src/target/kernel-kallsyms.ts';
import { findKernelSpace } from '../../../src/target/kernel-memory.ts';
import type { AddressSpace } from '../../../src/memory/address-space.ts';
import { vaddr, vaddrAdd, type Vaddr } from '../../../src/util/address.ts';
import { latin1 } from '../../../src/util/byte-reader.ts';
import { BytesSource } from '../../../src/util/io.ts';
import { realDump } from '../../support/real-dumps.ts';
import { realKernel } from '../../support/real-kernel.ts';

describe('buildMachine', () => {
  let sample: ThreeStalls;
  let space: AddressSpace;
  let symbols: NonNullable<ReturnType<typeof readKernelKallsyms>>;

  before(async () => {
    sample = makeThreeStalls();
    const kdump = readKdump(new BytesSource(sample.vmcore));
    const memory = await KdumpMemory.open([kdump]);
    const info = readVmcoreinfo(kdump.readVmcoreinfo() ?? new Uint8Array());
    ({ space } = findKernelSpace(memory, info));
    const found = readKernelKallsyms(space, info);
    assert.ok(found !== undefined);
    symbols = found;
  });

  it('writes page tables that map every symbol of the image where it was written', () => {
    const { areas, symbols: all } = sample.image;
    const { kernelOffset, physBase } = sample.image.facts.kaslr;
    const image = all.filter(({ type }) => type !== 'A' && type !== 'B');
    assert.ok(image.length > 40);
    for (const { name, address } of image) {
      const paddr = Number(address - 0xffffffff80000000n) + physBase;
      // __end_rodata is also where .data starts.
      assert.equal(space.findTranslation(address), paddr, name);
      assert.equal(areas.memory.tables.paddrOf(address), paddr, name);
      assert.ok(address >= 0xffffffff81000000n + kernelOffset, name);
    }
  });

  it('writes a direct map of all RAM and nothing beyond', () => {
    const base = vaddr(sample.image.facts.kaslr.pageOffsetBase);
    for (const paddr of [0x1000, 0x9efff, 0x100000, 0x1fffff, 0x200000, 0x1fffffff]) {
      assert.equal(space.findTranslation(vaddrAdd(base, paddr)), paddr);
    }
    for (const paddr of [0, 0x9f000, 0xfffff, 0x20000000]) {
      assert.equal(space.findTranslation(vaddrAdd(base, paddr)), undefined);
    }
  });

  it('maps every stack in four pages with STACK_END_MAGIC below and a guard page behind', () => {
    const threads = sample.image.tasks.processes.flatMap((process) => process.threads);
    for (const { stack } of threads) {
      const view = new DataView(space.read(stack, 16384).buffer);
      assert.equal(view.getBigUint64(0, true), 0x57ac6e9dn);
      assert.equal(space.findTranslation(vaddrAdd(stack, 16384)), undefined);
    }
  });

  it('writes kallsyms that give back every symbol, per-CPU ones as offsets', () => {
    const have = [...symbols.symbols()].map(({ name, address, type }) => ({ name, address, type }));
    const expected = sample.image.symbols.map(({ name, address, type }) => ({
      name,
      address,
      type,
    }));
    const byName = (a: { name: string }, b: { name: string }): number => (a.name < b.name ? -1 : 1);
    assert.deepEqual(have.sort(byName), expected.sort(byName));
    assert.ok((symbols.lookup('runqueues') as bigint) < 0x10000n);
  });

  it('writes the same BTF where the symbols say', () => {
    const start = symbols.lookup('__start_BTF') as Vaddr;
    const stop = symbols.lookup('__stop_BTF') as Vaddr;
    assert.deepEqual(space.read(start, Number(stop - start)), sample.image.btf);
  });

  it('has the gfp and state names of a real 6.1 kernel', async function () {
    const real = await realKernel(realDump(this, 'k2-pair-a.kdump'));
    const theirs = tables(real.space, (name) => real.symbols.lookup(name) as Vaddr);
    const ours = tables(space, (name) => symbols.lookup(name) as Vaddr);
    assert.ok(theirs.length > 40);
    assert.deepEqual(ours, theirs);
  });

  it('sets TIF_MEMDIE by the instruction that a real 6.1 kernel has there', async function () {
    const real = await realKernel(realDump(this, 'k2-pair-a.kdump'));
    const code = (where: AddressSpace, at: Vaddr): Buffer => Buffer.from(where.read(at, 64));
    // lock btsq $20, (%rdi)
    const instruction = Buffer.from('f0480fba2f14', 'hex');
    const theirs = code(real.space, real.symbols.lookup('mark_oom_victim') as Vaddr);
    const ours = code(space, symbols.lookup('mark_oom_victim') as Vaddr);
    assert.ok(theirs.includes(instruction));
    assert.ok(ours.includes(instruction));
  });
});

/** gfpflag_names and task_state_array as lines. */
function tables(space: AddressSpace, symbol: (name: string) => Vaddr): string[] {
  const u64 = (at: Vaddr): bigint => new DataView(space.read(at, 8).buffer).getBigUint64(0, true);
  const text = (at: Vaddr): string => latin1(space.read(at, 40)).split('\0')[0] ?? '';
  const lines: string[] = [];
  for (let at = symbol('gfpflag_names'); u64(vaddrAdd(at, 8)) !== 0n; at = vaddrAdd(at, 16)) {
    lines.push(`${text(u64(vaddrAdd(at, 8)) as Vaddr)} ${u64(at).toString(16)}`);
  }
  for (let i = 0; i < 9; i++) {
    lines.push(text(u64(vaddrAdd(symbol('task_state_array'), i * 8)) as Vaddr));
  }
  return lines;
}
