import assert from 'node:assert/strict';
import {
  decodePrStatus,
  decodeQemuCpuState,
  PRSTATUS_REGISTERS,
  QEMU_REGISTERS,
  QEMU_SEGMENTS,
} from '../../../src/format/elf/cpu-notes.ts';
import type { ElfNote } from '../../../src/format/elf/notes.ts';
import { ByteWriter } from '../../../src/util/byte-writer.ts';
import { FormatError } from '../../../src/util/errors.ts';

const X86_64 = { machine: 62, elfClass: 64, littleEndian: true } as const;

function note(desc: Uint8Array): ElfNote {
  return { name: 'CORE', type: 1, desc, descSize: desc.length, offset: 0 };
}

/** The common head of struct elf_prstatus up to pr_sid, with pid 4711. */
function head(options: { elfClass: 32 | 64; littleEndian: boolean }): ByteWriter {
  const writer = new ByteWriter(options);
  writer.u32(11).u32(12).u32(13); // si_signo, si_code, si_errno
  writer.u16(14).align(4); // pr_cursig
  if (options.elfClass === 64) writer.u64(15).u64(16);
  else writer.u32(15).u32(16); // pr_sigpend, pr_sighold
  return writer.u32(4711).u32(1).u32(2).u32(3); // pr_pid, pr_ppid, pr_pgrp, pr_sid
}

describe('decodePrStatus', () => {
  it('decodes every register of x86-64', () => {
    const writer = head(X86_64).padTo(112);
    PRSTATUS_REGISTERS.forEach((_, index) => writer.u64(0xffff_8000_0000_0000n + BigInt(index)));
    const status = decodePrStatus(note(writer.u32(0).u32(0).finish()), X86_64);
    assert.equal(status.pid, 4711);
    assert.deepEqual([...status.registers.keys()], [...PRSTATUS_REGISTERS]);
    // Offsets in words as arch/x86/include/uapi/asm/ptrace-abi.h numbers them (RIP 128 / 8 …).
    const expected = { r15: 0, rbp: 4, rip: 16, rflags: 18, rsp: 19, gs_base: 22, gs: 26 };
    for (const [name, index] of Object.entries(expected)) {
      assert.equal(status.registers.get(name), 0xffff_8000_0000_0000n + BigInt(index), name);
    }
  });

  // The machines for which libkdumpfile has a case: pid is decoded, registers are not.
  const others = [
    { what: 'aarch64', machine: 183, elfClass: 64, littleEndian: true },
    { what: 'arm', machine: 40, elfClass: 32, littleEndian: true },
    { what: 'i386', machine: 3, elfClass: 32, littleEndian: true },
    { what: 'ppc64', machine: 21, elfClass: 64, littleEndian: false },
    { what: 'riscv64', machine: 243, elfClass: 64, littleEndian: true },
    { what: 's390x', machine: 22, elfClass: 64, littleEndian: false },
  ] as const;
  for (const other of others) {
    it(`decodes the pid of ${other.what} and gives no registers`, () => {
      const status = decodePrStatus(note(head(other).padTo(336).finish()), other);
      assert.equal(status.pid, 4711);
      assert.equal(status.registers.size, 0);
    });
  }

  it('refuses a note that is too short', () => {
    assert.throws(
      () => decodePrStatus(note(new Uint8Array(327)), X86_64),
      (error) =>
        error instanceof FormatError && error.message.includes('expected 328 bytes, have 327'),
    );
  });
});

describe('decodeQemuCpuState', () => {
  /** Every field has its own value: register i is 0x100 + i, segment i is built from 0x200 + i. */
  function cpuState(version = 1): Uint8Array {
    const writer = new ByteWriter().u32(version).u32(440);
    QEMU_REGISTERS.forEach((_, index) => writer.u64(0x100 + index));
    QEMU_SEGMENTS.forEach((_, index) => {
      writer.u32(0x200 + index).u32(0x300 + index); // selector, limit
      writer.u32(0x400 + index).u32(0); // flags, pad
      writer.u64(0xffff_0000_0000_0000n + BigInt(index)); // base
    });
    for (let i = 0; i < 5; i++) writer.u64(0x500 + i); // cr0..cr4
    return writer.u64(0x600).finish(); // kernel_gs_base
  }

  it('decodes every register and segment', () => {
    const state = decodeQemuCpuState(note(cpuState()));
    assert.equal(state.registers.get('rax'), 0x100n);
    assert.equal(state.registers.get('rsp'), 0x106n);
    assert.equal(state.registers.get('r15'), 0x10fn);
    assert.equal(state.registers.get('rip'), 0x110n);
    assert.equal(state.registers.get('rflags'), 0x111n);
    assert.equal(state.registers.get('cr3'), 0x503n);
    assert.equal(state.registers.get('gs_base'), 0xffff_0000_0000_0004n);
    assert.equal(state.registers.get('kernel_gs_base'), 0x600n);
    assert.deepEqual(state.segments.get('idt'), {
      selector: 0x209,
      limit: 0x309,
      flags: 0x409,
      base: 0xffff_0000_0000_0009n,
    });
  });

  it('reads the first form, which has no kernel_gs_base, and does not make one up', () => {
    const state = decodeQemuCpuState(note(cpuState().subarray(0, 432)));
    assert.equal(state.registers.get('cr4'), 0x504n);
    assert.equal(state.registers.has('kernel_gs_base'), false);
  });

  it('refuses another version and a short note', () => {
    assert.throws(() => decodeQemuCpuState(note(cpuState(2))), /version is 2, expected 1/);
    assert.throws(
      () => decodeQemuCpuState(note(cpuState().subarray(0, 431))),
      /expected 432 bytes, have 431/,
    );
  });
});
