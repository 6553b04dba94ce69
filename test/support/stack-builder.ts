// A kernel stack made by hand, word by word.

import { PT_REGS } from '../../src/arch/x86-64.ts';
import type { OrcEntry } from '../../src/format/orc/read.ts';
import type { RegisterName, StackRange } from '../../src/unwind/frame.ts';
import { StackMemory } from '../../src/unwind/stack-memory.ts';
import { vaddr, type Vaddr } from '../../src/util/address.ts';
import { InvalidError } from '../../src/util/errors.ts';

/** Where the stack begins and ends. */
export const STACK: StackRange = {
  name: 'task',
  start: vaddr(0xffff_c900_0000_0000n),
  end: vaddr(0xffff_c900_0000_4000n),
};

/** An address `offset` bytes into a stack. */
export function at(offset: number, stack = STACK): Vaddr {
  return vaddr(stack.start + BigInt(offset));
}

/** An address in kernel text. */
export function text(offset: number): Vaddr {
  return vaddr(0xffff_ffff_8100_0000n + BigInt(offset));
}

/** Stacks that read as the words that were put there; other words cannot be read. */
export function stackOf(
  words: ReadonlyMap<Vaddr, bigint>,
  stacks: readonly StackRange[] = [STACK],
): StackMemory {
  const readInto = (into: Uint8Array, address: Vaddr): void => {
    const word = words.get(address);
    if (word === undefined) throw new InvalidError(`0x${address.toString(16)} was not written`);
    new DataView(into.buffer, into.byteOffset).setBigUint64(0, word, true);
  };
  return new StackMemory({ readInto }, stacks);
}

/** The words of a pt_regs at an address. */
export function ptRegs(
  address: Vaddr,
  values: Partial<Record<RegisterName, bigint>>,
): [Vaddr, bigint][] {
  return Object.entries(PT_REGS).map(([name, offset]) => [
    vaddr(address + BigInt(offset)),
    values[name as RegisterName] ?? 0n,
  ]);
}

/** An entry whose frame is `spOffset` bytes above rsp. */
export function orcEntry(values: Partial<OrcEntry>): OrcEntry {
  return {
    type: 'call',
    spRegister: 'sp',
    spOffset: 8,
    bpRegister: 'undefined',
    bpOffset: 0,
    signal: false,
    ...values,
  };
}
