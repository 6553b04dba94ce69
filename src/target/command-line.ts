// What the boot loader told a kernel, and what that says of it.

import type { AddressSpace } from '../memory/address-space.ts';
import { vaddr, type Vaddr } from '../util/address.ts';
import { latin1 } from '../util/byte-reader.ts';
import { FaultError } from '../util/errors.ts';

/** COMMAND_LINE_SIZE of x86 (arch/x86/include/asm/setup.h). */
const LENGTH_MAX = 2048;
/** It is allocated by memblock, wherever. */
const PAGE_SIZE = 4096;

/**
 * The text of `saved_command_line` (init/main.c), a `char *`.
 *
 * @returns undefined if there is no such symbol, or it is not in the dump
 */
export function commandLine(
  space: AddressSpace,
  symbols: { lookup(name: string): Vaddr | undefined },
): string | undefined {
  const variable = symbols.lookup('saved_command_line');
  if (variable === undefined) return undefined;
  try {
    const pointer = new DataView(space.read(variable, 8).buffer).getBigUint64(0, true);
    let text = '';
    while (text.length < LENGTH_MAX) {
      const at = vaddr(pointer + BigInt(text.length));
      const bytes = space.read(at, PAGE_SIZE - Number(at % BigInt(PAGE_SIZE)));
      const end = bytes.indexOf(0);
      text += latin1(end < 0 ? bytes : bytes.subarray(0, end));
      if (end >= 0) break;
    }
    return text.slice(0, LENGTH_MAX);
  } catch (error) {
    if (!(error instanceof FaultError)) throw error;
    return undefined;
  }
}

/**
 * Whether it is the command line of a capture kernel: kexec tells that one alone where the memory
 * image of the other begins (`elfcorehdr`, kernel/crash_dump.c).
 */
export function isOfCaptureKernel(commandLine: string): boolean {
  return /(^| )elfcorehdr=/.test(commandLine);
}
