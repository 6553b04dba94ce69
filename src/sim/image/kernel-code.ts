// A few bytes of machine code. Which bit of thread_info.flags a TIF_* is stands nowhere in a dump
// but in the instructions that set it; these are small functions that set it as compiled kernels do
// (arch/x86/include/asm/bitops.h: a bit known at compile time takes one locked instruction).

import type { KernelImage } from './kernel-image.ts';
import type { KernelMemory } from './kernel-memory.ts';
import type { FunctionFacts } from './machine-facts.ts';

/** Bits of thread_info.flags of x86 kernels until the generic bits of asm-generic. */
export const TIF_SIGPENDING_BIT = 2;
export const TIF_MEMDIE_BIT = 20;

const ENDBR64 = [0xf3, 0x0f, 0x1e, 0xfa];
const PUSH_RBX = [0x53];
const POP_RBX = [0x5b];
const MOV_RBX_RDI = [0x48, 0x89, 0xfb];
const RET = [0xc3];
/** `nopl (%rax)` where the real function goes on with what no reader looks at. */
const REST_OF_BODY = [0x0f, 0x1f, 0x00];

/** `lock btsq $bit, (%rdi)`: test_and_set_tsk_thread_flag(). thread_info is first in the task. */
function lockBts(bit: number): number[] {
  return [0xf0, 0x48, 0x0f, 0xba, 0x2f, bit];
}

/** `lock orb $mask, (%rdi)`: set_tsk_thread_flag() of a bit in the lowest byte. */
function lockOr(bit: number): number[] {
  return [0xf0, 0x80, 0x0f, 1 << bit];
}

/** `jb` over `bytes`: CF is the bit as it was. */
function jumpIfCarry(bytes: readonly number[]): number[] {
  return [0x72, bytes.length];
}

/** By symbol, in the order of their addresses. */
const FUNCTIONS: Readonly<Record<string, readonly number[]>> = {
  signal_wake_up_state: [...ENDBR64, ...lockOr(TIF_SIGPENDING_BIT), ...RET],
  mark_oom_victim: [
    ...ENDBR64,
    ...PUSH_RBX,
    ...MOV_RBX_RDI,
    ...lockBts(TIF_MEMDIE_BIT),
    ...jumpIfCarry(REST_OF_BODY),
    ...REST_OF_BODY,
    ...POP_RBX,
    ...RET,
  ],
};

/** CONFIG_FUNCTION_ALIGNMENT of x86-64. */
const FUNCTION_ALIGN = 16;
/** `int3`, what the linker fills gaps between functions with. */
const INT3 = 0xcc;

/** Gives each function its symbol; `others` are those that only stacks know. */
export function defineCode(image: KernelImage, others: readonly FunctionFacts[] = []): void {
  const text = image.section('text').address;
  image.mark('_stext', text, 'T');
  image.mark('_text', text, 'T');
  for (const [name, code] of Object.entries(FUNCTIONS)) {
    const size = Math.ceil(code.length / FUNCTION_ALIGN) * FUNCTION_ALIGN;
    image.define(name, { section: 'text', size, align: FUNCTION_ALIGN });
  }
  for (const { name, size } of others) {
    image.define(name, { section: 'text', size, align: FUNCTION_ALIGN });
  }
  image.mark('_etext', image.used('text'), 'T');
}

/** Writes the instructions. */
export function writeCode(image: KernelImage, memory: KernelMemory): void {
  for (const [name, code] of Object.entries(FUNCTIONS)) {
    const padded = Math.ceil(code.length / FUNCTION_ALIGN) * FUNCTION_ALIGN;
    const bytes = new Uint8Array(padded).fill(INT3);
    bytes.set(code);
    memory.write(image.symbol(name), bytes);
  }
}
