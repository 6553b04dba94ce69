// What each CPU was doing when the machine was stopped: struct elf_prstatus in an ELF note a CPU
// (include/linux/elfcore.h), which the dump carries and crash_notes of each CPU points to.

import { NT_PRSTATUS } from '../../format/elf/constants.ts';
import {
  PRSTATUS_REG_OFFSET,
  PRSTATUS_REGISTERS,
  PRSTATUS_SIZE,
} from '../../format/elf/cpu-notes.ts';
import { writeNotes, type ElfNoteSpec } from '../../format/elf/write.ts';
import { vaddr, vaddrAdd, type Vaddr } from '../../util/address.ts';
import type { KernelImage } from './kernel-image.ts';
import type { KernelMemory } from './kernel-memory.ts';
import { perCpu, type PerCpuOffsets } from './variables.ts';

/** pr_pid, and pr_fpvalid behind the registers. */
const PID_OFFSET = 32;
/** __KERNEL_CS and __KERNEL_DS; __USER_CS and __USER_DS (arch/x86/include/asm/segment.h). */
export const KERNEL_SEGMENTS = { cs: 0x10n, ss: 0x18n };
export const USER_SEGMENTS = { cs: 0x33n, ss: 0x2bn };
/** Interrupts are on: IF, and the bit that is always set. */
export const RFLAGS = 0x202n;

/** Registers of a CPU by their names in struct user_regs_struct; the others are zero. */
export type Registers = Readonly<Partial<Record<(typeof PRSTATUS_REGISTERS)[number], bigint>>>;

/** One CPU. */
export interface CpuStatus {
  readonly cpu: number;
  /** Of the task that ran there; 0 where it was idle. */
  readonly pid: number;
  readonly registers: Registers;
}

/** The notes, in the order of the CPUs. */
export function prStatusNotes(statuses: readonly CpuStatus[]): ElfNoteSpec[] {
  return statuses.map((status) => ({
    name: 'CORE',
    type: NT_PRSTATUS,
    desc: encodePrStatus(status),
  }));
}

function encodePrStatus({ pid, registers }: CpuStatus): Uint8Array {
  const bytes = new Uint8Array(PRSTATUS_SIZE);
  const view = new DataView(bytes.buffer);
  view.setInt32(PID_OFFSET, pid, true);
  PRSTATUS_REGISTERS.forEach((name, i) => {
    view.setBigUint64(PRSTATUS_REG_OFFSET + i * 8, registers[name] ?? 0n, true);
  });
  return bytes;
}

/** Room for a note a CPU, and the variable that points to it: `note_buf_t __percpu *`. */
export function defineCrashNotes(image: KernelImage): Vaddr {
  image.define('crash_notes', { section: 'bss', size: 8 });
  const size = writeNotes(prStatusNotes([{ cpu: 0, pid: 0, registers: {} }])).length;
  // An empty note ends it (append_elf_note(), final_note()).
  return image.reserve({ section: 'percpu', size: size + 12, align: 4 });
}

/** Writes each CPU's note into its own memory, as crash_save_cpu() does. */
export function writeCrashNotes(
  image: KernelImage,
  memory: KernelMemory,
  notes: { at: Vaddr; offsets: PerCpuOffsets; statuses: readonly CpuStatus[] },
): void {
  memory.writeInteger(image.symbol('crash_notes'), notes.at, 8);
  for (const status of notes.statuses) {
    const offset = notes.offsets[status.cpu];
    if (offset === undefined) continue;
    memory.write(vaddr(notes.at + offset), writeNotes(prStatusNotes([status])));
  }
}

/** Where gs points in the kernel: the per-CPU area. */
export function gsBase(image: KernelImage, offset: Vaddr): Vaddr {
  return image.has('fixed_percpu_data') ? perCpu(image, offset, 'fixed_percpu_data') : offset;
}

/** A program's registers: the simulation has no user code, so it is somewhere in its text. */
export function userRegisters(pid: number): Registers {
  const page = BigInt(pid % 0x1000) << 24n;
  return {
    ...USER_SEGMENTS,
    rip: 0x5555_5555_1000n + page,
    rsp: vaddrAdd(vaddr(0x7ffc_0000_0000n + page), 0xf8),
    rflags: RFLAGS,
    orig_rax: 2n ** 64n - 1n,
    fs_base: 0x7f00_0000_0740n + page,
  };
}
