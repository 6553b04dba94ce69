// The notes of CPUs with some of their registers only: what a dump's reader need not know of them
// is a user's, since most CPUs of a machine run in user mode.

import {
  PRSTATUS_REG_OFFSET,
  PRSTATUS_REGISTERS,
  QEMU_CPU_STATE_OLD_SIZE,
  QEMU_CPU_STATE_SIZE,
  QEMU_REGISTERS,
  QEMU_SEGMENTS,
} from './cpu-notes.ts';

/** Where pr_pid is, and its size. */
const PR_PID = [32, 4] as const;

/** Offsets in QEMUCPUState; cpu-notes.ts draws it. */
const QEMU_REGISTERS_AT = 8;
const QEMU_SEGMENTS_AT = 152;
const QEMU_SEGMENT_SIZE = 24;
const SEGMENT_BASE_AT = 16;
const QEMU_CR_AT = 392;
const CR_COUNT = 5;
const REGISTER_SIZE = 8;

/**
 * An NT_PRSTATUS of x86-64 with its pid and the registers that `keep` names; all else is zero.
 *
 * @param keep asked by the names of struct user_regs_struct
 */
export function maskPrStatus(desc: Uint8Array, keep: (name: string) => boolean): Uint8Array {
  const masked = new Uint8Array(desc.length);
  copy(desc, masked, PR_PID);
  PRSTATUS_REGISTERS.forEach((name, i) => {
    const at = PRSTATUS_REG_OFFSET + i * REGISTER_SIZE;
    if (keep(name)) copy(desc, masked, [at, REGISTER_SIZE]);
  });
  return masked;
}

/** A QEMUCPUState with its version and size and the registers that `keep` names. */
export function maskQemuCpuState(desc: Uint8Array, keep: (name: string) => boolean): Uint8Array {
  const masked = new Uint8Array(desc.length);
  copy(desc, masked, [0, QEMU_REGISTERS_AT]);
  const take = (name: string, at: number): void => {
    if (keep(name)) copy(desc, masked, [at, REGISTER_SIZE]);
  };
  QEMU_REGISTERS.forEach((name, i) => take(name, QEMU_REGISTERS_AT + i * REGISTER_SIZE));
  QEMU_SEGMENTS.forEach((name, i) => {
    take(`${name}_base`, QEMU_SEGMENTS_AT + i * QEMU_SEGMENT_SIZE + SEGMENT_BASE_AT);
  });
  for (let i = 0; i < CR_COUNT; i++) take(`cr${i}`, QEMU_CR_AT + i * REGISTER_SIZE);
  if (desc.length >= QEMU_CPU_STATE_SIZE) take('kernel_gs_base', QEMU_CPU_STATE_OLD_SIZE);
  return masked;
}

function copy(from: Uint8Array, to: Uint8Array, [at, size]: readonly [number, number]): void {
  to.set(from.subarray(at, at + size), at);
}
