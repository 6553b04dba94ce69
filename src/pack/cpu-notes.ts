// The registers of the CPUs in a packed dump: those that the answer looked at, else zero.

import type { ElfNote } from '../format/elf/notes.ts';
import { NOTE_CORE, NOTE_QEMU, NT_PRSTATUS } from '../format/elf/constants.ts';
import { PRSTATUS_SIZE, QEMU_CPU_STATE_OLD_SIZE } from '../format/elf/cpu-notes.ts';
import { maskPrStatus, maskQemuCpuState } from '../format/elf/masked-cpu-notes.ts';
import type { WrittenNote } from '../format/pack/write.ts';
import type { CpuRegisters } from '../target/container.ts';
import type { PackLevel } from '../target/pack-manifest.ts';

/** Whether a register of a CPU goes into the packed dump. */
export type KeepRegister = (cpu: Pick<CpuRegisters, 'source' | 'index'>, name: string) => boolean;

/** The notes of CPUs among those of a dump. One that is too short is left out: it tells nothing. */
export function maskedCpuNotes(notes: readonly ElfNote[], keep: KeepRegister): WrittenNote[] {
  const masked: WrittenNote[] = [];
  const counts = { PRSTATUS: 0, QEMU: 0 };
  for (const { name, type, desc } of notes) {
    const source = sourceOf({ name, type });
    if (source === undefined) continue;
    const isQemu = source === 'QEMU';
    if (desc.length < (isQemu ? QEMU_CPU_STATE_OLD_SIZE : PRSTATUS_SIZE - 8)) continue;
    const cpu = { source, index: counts[source]++ };
    const mask = isQemu ? maskQemuCpuState : maskPrStatus;
    masked.push({ name, type, desc: mask(desc, (register) => keep(cpu, register)) });
  }
  return masked;
}

/** What of a CPU that was in the kernel other tools unwind its stack by. */
const WHERE = ['rip', 'rsp', 'cs', 'ss', 'rflags', 'orig_rax'];

/**
 * The registers that the answer looked at; for other tools also where each CPU was.
 */
export function keptRegisters(
  asked: { wasAsked(cpu: Pick<CpuRegisters, 'source' | 'index'>, name: string): boolean },
  level: PackLevel,
): KeepRegister {
  return (cpu, name) => asked.wasAsked(cpu, name) || (level === 'tasks' && WHERE.includes(name));
}

function sourceOf({
  name,
  type,
}: {
  name: string;
  type: number;
}): CpuRegisters['source'] | undefined {
  if (name === NOTE_CORE && type === NT_PRSTATUS) return 'PRSTATUS';
  return name === NOTE_QEMU ? 'QEMU' : undefined;
}
