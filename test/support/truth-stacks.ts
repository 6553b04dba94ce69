// stacks.txt of the real dumps: what drgn unwound with DWARF.

import { KERNEL_HALF } from '../../src/arch/x86-64.ts';

/** One frame that is not inlined, in kernel mode. */
export interface TruthFrame {
  readonly pc: bigint;
  /** The name that DWARF has; an address where drgn knew none. */
  readonly name: string;
}

/** The stacks by pid, without the frames that are inlined, in user mode, or no frames. */
export function parseTruthStacks(text: string): Map<number, TruthFrame[]> {
  const stacks = new Map<number, TruthFrame[]>();
  let frames: TruthFrame[] = [];
  for (const line of text.split('\n')) {
    const head = /^PID (\d+) TGID/.exec(line);
    if (head !== null) stacks.set(Number(head[1]), (frames = []));
    const frame = /^\s+#\d+ (0x[0-9a-f]+) (.*)$/.exec(line);
    if (frame === null) continue;
    const [, address = '', name = ''] = frame;
    const pc = BigInt(address);
    if (!name.endsWith('(inline)') && isText(pc)) frames.push({ pc, name });
  }
  return stacks;
}

/**
 * Text of the kernel and of modules lies in the last 2 GiB. drgn ran past the end of some stacks,
 * and of one that was freed, into words that are no address there (README of the dumps).
 */
function isText(pc: bigint): boolean {
  return pc >= KERNEL_HALF && pc >> 31n === (1n << 33n) - 1n;
}
