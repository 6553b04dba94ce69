// A few bytes of machine code. Which bit of thread_info.flags a TIF_* is, or of mm->flags an MMF_*,
// stands nowhere in a dump but in the instructions that set it; these are small functions that set
// it as compiled kernels do (arch/x86/include/asm/bitops.h: a bit known at compile time takes one
// locked instruction).

import type { ImageFlavour } from './image-flavour.ts';
import type { KernelImage } from './kernel-image.ts';
import type { KernelMemory } from './kernel-memory.ts';
import type { FunctionFacts } from './machine-facts.ts';

/** Bits of thread_info.flags of x86 kernels until the generic bits of asm-generic. */
export const TIF_SIGPENDING_BIT = 2;
export const TIF_MEMDIE_BIT = 20;

/** CONFIG_FUNCTION_ALIGNMENT of x86-64. */
const FUNCTION_ALIGN = 16;
/** `int3`, what the linker fills gaps between functions with. */
const INT3 = 0xcc;

/** Machine code by symbol, in the order of the addresses. */
type Code = ImageFlavour['code'];

/** Gives each function its symbol; `others` are those that only stacks know. */
export function defineCode(
  image: KernelImage,
  functions: Code,
  others: readonly FunctionFacts[] = [],
): void {
  const text = image.section('text').address;
  image.mark('_stext', text, 'T');
  image.mark('_text', text, 'T');
  const known = new Map(others.map(({ name, size }) => [name, size]));
  for (const [name, code] of Object.entries(functions)) {
    const written = Math.ceil(code.length / FUNCTION_ALIGN) * FUNCTION_ALIGN;
    const size = Math.max(written, known.get(name) ?? 0);
    image.define(name, { section: 'text', size, align: FUNCTION_ALIGN });
  }
  for (const { name, size } of others) {
    // Its instructions are there, and stacks know it too.
    if (name in functions) continue;
    image.define(name, { section: 'text', size, align: FUNCTION_ALIGN });
  }
  image.mark('_etext', image.used('text'), 'T');
}

/** Writes the instructions. */
export function writeCode(image: KernelImage, memory: KernelMemory, functions: Code): void {
  for (const [name, code] of Object.entries(functions)) {
    const padded = Math.ceil(code.length / FUNCTION_ALIGN) * FUNCTION_ALIGN;
    const bytes = new Uint8Array(padded).fill(INT3);
    bytes.set(code);
    memory.write(image.symbol(name), bytes);
  }
}
