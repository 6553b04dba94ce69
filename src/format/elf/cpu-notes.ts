// The notes that hold the registers of a CPU.
//
// CORE, NT_PRSTATUS: struct elf_prstatus (include/linux/elfcore.h), written by the kernel when it
// crashes, and by QEMU. For x86-64, 336 bytes:
//
//   0    si_signo, si_code, si_errno  s32 each     32   pr_pid, pr_ppid, pr_pgrp, pr_sid  s32 each
//   12   pr_cursig                    s16          48   four struct timeval, 16 bytes each
//   16   pr_sigpend, pr_sighold       u64 each     112  pr_reg    27 u64 (struct user_regs_struct)
//                                                  328  pr_fpvalid s32
//
// QEMU, type 0: QEMUCPUState, version 1 (QEMU target/i386/arch_dump.c), 440 bytes:
//
//   0    version, size                u32 each     152  cs ds es fs gs ss ldt tr gdt idt, 24 each:
//   8    rax rbx rcx rdx rsi rdi rsp                      selector, limit, flags, pad u32; base u64
//        rbp r8..r15 rip rflags       u64 each     392  cr0..cr4            u64 each
//                                                  432  kernel_gs_base      u64
//
// From it come cr3 and the IDT of a machine whose dump has no VMCOREINFO. Its first form ends
// before kernel_gs_base: 432 bytes, which is also what crash knows (defs.h).

import { Parser } from 'binary-parser/dist/binary_parser.js';
import { FormatError } from '../../util/errors.ts';
import * as elf from './constants.ts';
import type { ElfNote } from './notes.ts';

/** One CPU's NT_PRSTATUS. */
export interface PrStatus {
  /** pr_pid: the task that ran there; 0 for an idle CPU, QEMU writes the CPU's number plus 1. */
  readonly pid: number;
  /** `r15`, …, `gs`, named as in struct user_regs_struct; empty for machines but x86-64. */
  readonly registers: ReadonlyMap<string, bigint>;
}

/** One CPU as QEMU describes it. */
export interface QemuCpuState {
  readonly version: number;
  /** `rax`, …, `rflags`, `cr0`, …, `cr4`, `fs_base`, `gs_base`, `kernel_gs_base`. */
  readonly registers: ReadonlyMap<string, bigint>;
  /** By name: `cs` … `ss`, `ldt`, `tr`, `gdt`, `idt`. */
  readonly segments: ReadonlyMap<string, QemuSegment>;
}

/** A segment register with its hidden part. */
export interface QemuSegment {
  readonly selector: number;
  readonly limit: number;
  readonly flags: number;
  readonly base: bigint;
}

/** struct user_regs_struct of x86-64 (arch/x86/include/asm/user_64.h), in order. */
export const PRSTATUS_REGISTERS = [
  'r15',
  'r14',
  'r13',
  'r12',
  'rbp',
  'rbx',
  'r11',
  'r10',
  'r9',
  'r8',
  'rax',
  'rcx',
  'rdx',
  'rsi',
  'rdi',
  'orig_rax',
  'rip',
  'cs',
  'rflags',
  'rsp',
  'ss',
  'fs_base',
  'gs_base',
  'ds',
  'es',
  'fs',
  'gs',
] as const;

/** The general registers at the start of QEMUCPUState, in order. */
export const QEMU_REGISTERS = [
  'rax',
  'rbx',
  'rcx',
  'rdx',
  'rsi',
  'rdi',
  'rsp',
  'rbp',
  'r8',
  'r9',
  'r10',
  'r11',
  'r12',
  'r13',
  'r14',
  'r15',
  'rip',
  'rflags',
] as const;

/** The segments of QEMUCPUState, in order. */
export const QEMU_SEGMENTS = [
  'cs',
  'ds',
  'es',
  'fs',
  'gs',
  'ss',
  'ldt',
  'tr',
  'gdt',
  'idt',
] as const;

/** Size of struct elf_prstatus of x86-64 in bytes. */
export const PRSTATUS_SIZE = 336;
/** Where pr_reg starts in it. */
export const PRSTATUS_REG_OFFSET = 112;
/** Size of QEMUCPUState in bytes, and that of its first form, without kernel_gs_base. */
export const QEMU_CPU_STATE_SIZE = 440;
export const QEMU_CPU_STATE_OLD_SIZE = 432;

/** Where pr_pid is: the head of struct elf_prstatus is the same for all machines of a class. */
const PID_OFFSET = { 32: 24, 64: 32 } as const;

/** What the container says of itself, which decides how its notes are laid out. */
export interface NoteMachine {
  readonly machine: number;
  readonly elfClass: 32 | 64;
  readonly littleEndian: boolean;
}

/** @throws FormatError if the note is shorter than its structure */
export function decodePrStatus(note: ElfNote, machine: NoteMachine): PrStatus {
  const { littleEndian, elfClass } = machine;
  const isX86 = machine.machine === elf.EM_X86_64 && elfClass === 64;
  const pidAt = PID_OFFSET[elfClass];
  expectSize(note, 'NT_PRSTATUS', isX86 ? PRSTATUS_REG_OFFSET + 27 * 8 : pidAt + 4);
  const view = new DataView(note.desc.buffer, note.desc.byteOffset, note.desc.byteLength);
  const pid = view.getInt32(pidAt, littleEndian);
  if (!isX86) return { pid, registers: new Map() };
  const raw = prStatusParser().parse(note.desc) as Record<string, bigint>;
  return { pid, registers: named(PRSTATUS_REGISTERS, raw) };
}

/** @throws FormatError if the note is shorter than its structure, or says that it is another */
export function decodeQemuCpuState(note: ElfNote): QemuCpuState {
  const hasKernelGs = note.desc.length >= QEMU_CPU_STATE_SIZE;
  expectSize(note, 'QEMU CPU state', QEMU_CPU_STATE_OLD_SIZE);
  const raw = qemuParser(hasKernelGs).parse(note.desc) as RawQemuCpuState;
  if (raw.version !== 1) {
    const what = `version is ${raw.version}, expected 1`;
    throw new FormatError({ section: 'QEMU CPU state', offset: 0 }, what);
  }
  const registers = named(QEMU_REGISTERS, raw as unknown as Record<string, bigint>);
  raw.cr.forEach((value, index) => registers.set(`cr${index}`, value));
  registers.set('fs_base', raw.fs.base).set('gs_base', raw.gs.base);
  if (raw.kernel_gs_base !== undefined) registers.set('kernel_gs_base', raw.kernel_gs_base);
  const segments = new Map(QEMU_SEGMENTS.map((name) => [name, { ...raw[name] }]));
  return { version: raw.version, registers, segments };
}

type RawQemuCpuState = {
  readonly version: number;
  readonly size: number;
  readonly cr: readonly bigint[];
  readonly kernel_gs_base?: bigint;
} & Readonly<Record<(typeof QEMU_SEGMENTS)[number], QemuSegment>>;

function expectSize(note: ElfNote, section: string, size: number): void {
  if (note.desc.length >= size) return;
  const what = `expected ${size} bytes, have ${note.desc.length}`;
  throw new FormatError({ section, offset: note.offset }, what);
}

function named(
  names: readonly string[],
  raw: Readonly<Record<string, bigint>>,
): Map<string, bigint> {
  return new Map(names.map((name) => [name, BigInt(raw[name] ?? 0n)]));
}

// binary-parser compiles a parser at its first use; a dump with no such note never pays for it.
let cachedPrStatus: Parser | undefined;

function prStatusParser(): Parser {
  if (cachedPrStatus !== undefined) return cachedPrStatus;
  const parser = new Parser().endianness('little').seek(PRSTATUS_REG_OFFSET);
  for (const name of PRSTATUS_REGISTERS) parser.uint64(name);
  cachedPrStatus = parser;
  return parser;
}

const cachedQemu = new Map<boolean, Parser>();

function qemuParser(hasKernelGs: boolean): Parser {
  const cached = cachedQemu.get(hasKernelGs);
  if (cached !== undefined) return cached;
  const segment = new Parser()
    .endianness('little')
    .uint32('selector')
    .uint32('limit')
    .uint32('flags')
    .seek(4)
    .uint64('base');
  const parser = new Parser().endianness('little').uint32('version').uint32('size');
  for (const name of QEMU_REGISTERS) parser.uint64(name);
  for (const name of QEMU_SEGMENTS) parser.nest(name, { type: segment });
  parser.array('cr', { type: 'uint64le', length: 5 });
  if (hasKernelGs) parser.uint64('kernel_gs_base');
  cachedQemu.set(hasKernelGs, parser);
  return parser;
}
