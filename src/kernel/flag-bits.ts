// Bits of flags that are macros in the kernel's source, found out from the dump itself.

import type { Vmcore } from '../target/vmcore.ts';
import { probeFlag, type FoundConstant, type InstructionProbe } from '../types/kernel-constants.ts';

/** The longest of the probed functions is below 4 KiB. */
const CODE_MAX = 4096;

/**
 * A bit by the machine code that uses it, else by the layout file that serves this kernel.
 *
 * @param flagsOffset of the flags in the struct that the code points to
 */
export function findFlagBit(
  vmcore: Vmcore,
  wanted: InstructionProbe,
  flagsOffset: number,
): FoundConstant | undefined {
  const code = (symbol: string): Uint8Array | undefined => functionCode(vmcore, symbol);
  return probeFlag(wanted, { flagsOffset, code }) ?? flagOfLayout(vmcore, wanted.name);
}

/** The code of a function, as far as it is in the dump. */
export function functionCode(vmcore: Vmcore, symbol: string): Uint8Array | undefined {
  const address = vmcore.symbols.lookup(symbol);
  if (address === undefined) return undefined;
  const size = vmcore.symbols.symbolAt(address)?.size ?? CODE_MAX;
  const code = vmcore.readAvailable(address, Math.min(size, CODE_MAX), 'code');
  return code.length === 0 ? undefined : code;
}

function flagOfLayout(vmcore: Vmcore, name: string): FoundConstant | undefined {
  const bit = vmcore.types.findEnumerator(name);
  if (bit === undefined) return undefined;
  return { name, bit: Number(bit), source: vmcore.types.origin };
}
