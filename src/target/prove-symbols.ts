// Whether a System.map is of the dumped kernel. The few symbols that VMCOREINFO names may lie at
// the same places in another build, so the list is held against what it leads to: the banner, and
// the kernel's own table of symbols, which kernels before 6.0 have too, though VMCOREINFO does not
// say where.

import { START_KERNEL_MAP } from '../arch/x86-64.ts';
import type { Vmcoreinfo } from '../format/vmcoreinfo/read.ts';
import type { AddressSpace } from '../memory/address-space.ts';
import { hex, type Vaddr } from '../util/address.ts';
import { FaultError, FormatError, InvalidError } from '../util/errors.ts';
import type { Problems } from '../util/problems.ts';
import { readKernelKallsyms, type KallsymsSymbols } from './kernel-kallsyms.ts';
import type { SymbolTable } from './symbols.ts';

/** The dump that a list is held against. */
export interface ProofContext {
  readonly space: AddressSpace;
  readonly info: Vmcoreinfo;
  readonly problems: Problems;
}

/**
 * Holds a list against the memory of the dump. Where neither the banner nor kallsyms are in it
 * there is a problem, for the list is taken unproved.
 *
 * @param list at the addresses of the dump
 * @throws InvalidError if it is of another kernel, naming what is not where it says
 */
export function proveSymbols(list: SymbolTable, { space, info, problems }: ProofContext): void {
  const hasBanner = proveBanner(list, space, info);
  const kallsyms = readKallsymsOf(list, space, info);
  if (kallsyms !== undefined) proveNames(list, kallsyms);
  if (hasBanner || kallsyms !== undefined) return;
  const what = 'neither banner nor kallsyms are where it says, or not in the dump: taken unproved';
  problems.addMessage(list.origin, what);
}

/** init/version.c: the banner begins `Linux version RELEASE (`. */
function proveBanner(list: SymbolTable, space: AddressSpace, info: Vmcoreinfo): boolean {
  const address = list.lookup('linux_banner');
  if (address === undefined || info.osrelease === undefined) return false;
  const expected = Buffer.from(`Linux version ${info.osrelease} `, 'latin1');
  const found = readable(() => space.read(address, expected.length));
  if (found === undefined) return false;
  if (expected.equals(found)) return true;
  const what = `expected the banner of Linux ${info.osrelease} at linux_banner`;
  throw new InvalidError(`${list.origin}: it is of another kernel: ${what}, ${hex(address)}`);
}

/** The table that the list leads to; undefined where it names none, or it is not in the dump. */
function readKallsymsOf(
  list: SymbolTable,
  space: AddressSpace,
  info: Vmcoreinfo,
): KallsymsSymbols | undefined {
  const names = { symbol: (name: string) => list.lookup(name), symbols: () => info.symbols() };
  try {
    return readable(() => readKernelKallsyms(space, names));
  } catch (error) {
    if (!(error instanceof FormatError)) throw error;
    const what = 'it is of another kernel: there is no kallsyms where it says';
    throw new InvalidError(`${list.origin}: ${what}`, { cause: error });
  }
}

/** Of several symbols with one name any may be meant. */
function proveNames(list: SymbolTable, kallsyms: KallsymsSymbols): void {
  const listed = new Map<string, Vaddr[]>();
  for (const { name, address } of list.symbols()) {
    const same = listed.get(name);
    if (same === undefined) listed.set(name, [address]);
    else same.push(address);
  }
  for (const { name, address } of kallsyms.symbols()) {
    const own = listed.get(name);
    // Per-CPU and absolute symbols do not lie in the image, and tables show them in several ways.
    if (own === undefined || own.includes(address) || address < START_KERNEL_MAP) continue;
    const what = `kallsyms in the dump has ${name} at ${hex(address)}, it has ${hex(own[0]!)}`;
    throw new InvalidError(`${list.origin}: it is of another kernel: ${what}`);
  }
}

function readable<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof FaultError)) throw error;
    return undefined;
  }
}
