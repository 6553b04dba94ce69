// Bits that no type information carries: they are macros, not enums. Each is found out from the
// dump itself (an instruction that uses it, a flag seen on a known task), never from a release.

/** A constant of the dumped kernel and how it was found. */
export interface FoundConstant {
  readonly name: string;
  readonly bit: number;
  /** In words that stand in results: `lock bts in mark_oom_victim`. */
  readonly source: string;
}

/** How a probe looks into the dumped kernel. */
export interface ConstantProbe {
  /** The machine code of a function, or undefined where it cannot be read. */
  code(symbol: string): Uint8Array | undefined;
  /** Offset of the flags, in struct thread_info or mm_struct, from what the code points to. */
  readonly flagsOffset: number;
}

/** Where one bit shows in the code of the kernel. */
export interface InstructionProbe {
  readonly name: string;
  /** Functions that set or clear the bit, the surest first. */
  readonly functions: readonly string[];
  /** The values that the bit has had; the code must show exactly one of them. */
  readonly candidates: readonly number[];
  /** Only test_and_set_bit() counts: the functions set other candidates by set_bit(). */
  readonly testAndSet?: true;
}

/**
 * TIF_MEMDIE: 20 on x86 (arch/x86/include/asm/thread_info.h) until the generic bits of
 * asm-generic/thread_info_tif.h made it 3. mark_oom_victim() does
 * `test_and_set_tsk_thread_flag(tsk, TIF_MEMDIE)`, exit_oom_victim() `clear_thread_flag()`; when
 * they were new (49550b605587, v4.0) they had `tsk_` in the name and `unmark_` in front.
 */
export const TIF_MEMDIE: InstructionProbe = {
  name: 'TIF_MEMDIE',
  functions: [
    ...['mark_oom_victim', 'exit_oom_victim', '__oom_kill_process', 'oom_kill_process'],
    ...['mark_tsk_oom_victim', 'unmark_oom_victim'],
  ],
  candidates: [20, 3],
};

/**
 * TIF_SIGPENDING: 2 on x86, 1 with the generic bits. signal_wake_up_state() does
 * `set_tsk_thread_flag(t, TIF_SIGPENDING)`.
 */
export const TIF_SIGPENDING: InstructionProbe = {
  name: 'TIF_SIGPENDING',
  functions: ['signal_wake_up_state', 'recalc_sigpending', 'recalc_sigpending_and_wake'],
  candidates: [2, 1],
};

/**
 * MMF_OOM_SKIP (v4.9; MMF_OOM_REAPED in 4.7 and 4.8): 21 from 4.7 on. Who has unmapped the memory,
 * or is about to, does `set_bit(MMF_OOM_SKIP, &mm->flags)`.
 */
export const MMF_OOM_SKIP: InstructionProbe = {
  name: 'MMF_OOM_SKIP',
  functions: ['exit_mmap', 'oom_reaper', 'oom_reap_task', 'mmput', '__mmput', '__oom_reap_task'],
  candidates: [21],
};

/**
 * MMF_OOM_REAP_QUEUED (after 4.14): 26 while 25 was MMF_OOM_VICTIM, which mark_oom_victim() sets by
 * `set_bit()`; 25 since (up to 6.0, and later). What queues a victim does
 * `test_and_set_bit(MMF_OOM_REAP_QUEUED, &tsk->signal->oom_mm->flags)`.
 */
export const MMF_OOM_REAP_QUEUED: InstructionProbe = {
  name: 'MMF_OOM_REAP_QUEUED',
  functions: ['queue_oom_reaper', 'wake_oom_reaper', '__oom_kill_process', 'oom_kill_process'],
  candidates: [26, 25],
  testAndSet: true,
};

/**
 * Looks for the bit in the machine code.
 *
 * @returns undefined where no function can be read or the code shows none or several candidates
 */
export function probeFlag(
  wanted: InstructionProbe,
  probe: ConstantProbe,
): FoundConstant | undefined {
  for (const symbol of wanted.functions) {
    const code = probe.code(symbol);
    if (code === undefined) continue;
    // Compilers also point at the flags first (`add $0x8,%rax`), and have no displacement then.
    for (const flagsOffset of new Set([probe.flagsOffset, 0])) {
      const used = lockedBits(code, flagsOffset, wanted.testAndSet === true);
      const found = wanted.candidates.filter((bit) => used.has(bit));
      const [bit] = found;
      if (found.length === 1 && bit !== undefined) {
        return { name: wanted.name, bit, source: `locked bit instruction in ${symbol}()` };
      }
    }
  }
  return undefined;
}

const LOCK_PREFIX = 0xf0;
/** What alternatives put in place of LOCK on a machine with one CPU: a DS segment prefix. */
const LOCK_PATCHED_UP = 0x3e;

/**
 * The bits that locked x86-64 instructions set, clear or test in memory, counted from
 * `flagsOffset`. How the kernel's bit operations with a constant bit are compiled
 * (arch/x86/include/asm/bitops.h):
 *
 *     F0 80 /1 ib        lock orb  $imm, disp(%reg)     set_bit()
 *     F0 80 /4 ib        lock andb $imm, disp(%reg)     clear_bit()
 *     F0 48 0F BA /5 ib  lock btsq $imm, disp(%reg)     test_and_set_bit()
 *     F0 48 0F BA /6 ib  lock btrq $imm, disp(%reg)     test_and_clear_bit()
 */
function lockedBits(code: Uint8Array, flagsOffset: number, testAndSet: boolean): Set<number> {
  const bits = new Set<number>();
  for (let at = 0; at + 4 <= code.length; at++) {
    const prefix = code[at];
    if (prefix !== LOCK_PREFIX && prefix !== LOCK_PATCHED_UP) continue;
    if (testAndSet && !isBts(code, at + 1)) continue;
    const bit = bitOfInstruction(code, at + 1, flagsOffset);
    if (bit !== undefined) bits.add(bit);
  }
  return bits;
}

/** 0F BA /5, past a REX prefix. */
function isBts(code: Uint8Array, start: number): boolean {
  const at = ((code[start] ?? 0) & 0xf0) === 0x40 ? start + 1 : start;
  return code[at] === 0x0f && code[at + 1] === 0xba && (((code[at + 2] ?? 0) >> 3) & 7) === 5;
}

function bitOfInstruction(
  code: Uint8Array,
  start: number,
  flagsOffset: number,
): number | undefined {
  let at = start;
  // REX prefixes 0x40..0x4f.
  if (((code[at] ?? 0) & 0xf0) === 0x40) at++;
  if (code[at] === 0x80) {
    const operand = memoryOperand(code, at + 1);
    if (operand === undefined) return undefined;
    const imm = code[operand.end] ?? 0;
    const mask = operand.extension === 1 ? imm : operand.extension === 4 ? ~imm & 0xff : 0;
    if (mask === 0 || (mask & (mask - 1)) !== 0) return undefined;
    return (operand.displacement - flagsOffset) * 8 + (31 - Math.clz32(mask));
  }
  if (code[at] === 0x0f && code[at + 1] === 0xba) {
    const operand = memoryOperand(code, at + 2);
    if (operand === undefined || (operand.extension !== 5 && operand.extension !== 6)) {
      return undefined;
    }
    return (operand.displacement - flagsOffset) * 8 + (code[operand.end] ?? 0);
  }
  return undefined;
}

interface MemoryOperand {
  /** The opcode extension in ModRM.reg. */
  readonly extension: number;
  readonly displacement: number;
  /** Offset of the byte after ModRM, SIB and displacement. */
  readonly end: number;
}

/** Decodes ModRM, SIB and displacement of an operand in memory, relative to a base register. */
function memoryOperand(code: Uint8Array, at: number): MemoryOperand | undefined {
  const modrm = code[at] ?? 0;
  const mod = modrm >> 6;
  const rm = modrm & 7;
  // mod 3 is a register; mod 0 with rm 5 is relative to rip.
  if (mod === 3 || (mod === 0 && rm === 5)) return undefined;
  const afterSib = at + (rm === 4 ? 2 : 1);
  const view = new DataView(code.buffer, code.byteOffset, code.byteLength);
  const extension = (modrm >> 3) & 7;
  if (mod === 0) return { extension, displacement: 0, end: afterSib };
  const size = mod === 1 ? 1 : 4;
  if (afterSib + size >= code.length) return undefined;
  const displacement = size === 1 ? view.getInt8(afterSib) : view.getInt32(afterSib, true);
  return { extension, displacement, end: afterSib + size };
}
