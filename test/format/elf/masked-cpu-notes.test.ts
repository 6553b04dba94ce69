import assert from 'node:assert/strict';
import {
  decodePrStatus,
  decodeQemuCpuState,
  PRSTATUS_SIZE,
  QEMU_CPU_STATE_SIZE,
} from '../../../src/format/elf/cpu-notes.ts';
import { maskPrStatus, maskQemuCpuState } from '../../../src/format/elf/masked-cpu-notes.ts';

const X86 = { machine: 62, elfClass: 64, littleEndian: true } as const;

/** A note in which no byte is zero. */
function full(size: number): Uint8Array {
  return Uint8Array.from({ length: size }, (_, i) => (i % 250) + 1);
}

/** The registers that are not zero. */
function kept(registers: ReadonlyMap<string, bigint>): string[] {
  return [...registers].flatMap(([name, value]) => (value === 0n ? [] : [name]));
}

describe('maskPrStatus', () => {
  it('keeps the pid and the registers that are named, and no other byte', () => {
    const desc = full(PRSTATUS_SIZE);
    const masked = maskPrStatus(desc, (name) => name === 'rsp' || name === 'rip');
    const note = { name: 'CORE', type: 1, desc: masked, descSize: masked.length, offset: 0 };
    const { pid, registers } = decodePrStatus(note, X86);
    const original = decodePrStatus({ ...note, desc }, X86);
    assert.deepEqual([pid, kept(registers)], [original.pid, ['rip', 'rsp']]);
    assert.equal(registers.get('rsp'), original.registers.get('rsp'));
    assert.equal(masked.filter((byte) => byte !== 0).length, 4 + 2 * 8);
  });
});

describe('maskQemuCpuState', () => {
  it('keeps version, size and the registers that are named, control and base registers too', () => {
    const desc = full(QEMU_CPU_STATE_SIZE);
    new DataView(desc.buffer).setUint32(0, 1, true);
    const names = ['rip', 'gs_base', 'cr3', 'kernel_gs_base'];
    const masked = maskQemuCpuState(desc, (name) => names.includes(name));
    const note = { name: 'QEMU', type: 0, desc: masked, descSize: masked.length, offset: 0 };
    const { registers } = decodeQemuCpuState(note);
    assert.deepEqual(kept(registers).sort(), [...names].sort());
    assert.equal(masked.filter((byte) => byte !== 0).length, 1 + 4 + 4 * 8);
  });
});
