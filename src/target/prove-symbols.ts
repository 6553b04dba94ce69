// Whether a System.map is of the dumped kernel. The few symbols that VMCOREINFO names may lie at
// the same places in another build, so the list is held against what it leads to: the banner, and
// the kernel's own table of symbols, which kernels before 6.0 have too, though VMCOREINFO does not
// say where.

import { START_KERNEL_MAP } from '../arch/x86-64.ts';
import type { Vmcoreinfo } from '../format/vmcoreinfo/read.ts';
import type { AddressSpace } from '../memory/address-space.ts';
import { hex, type Vaddr } from '../util/address.ts';
import { FaultError, FormatError, InvalidError, VmcoreError } from '../util/errors.ts';
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
 * Holds a list against the memory of the dump. Where what it leads to is not in the dump there is a
 * problem, for the list is taken unproved.
 *
 * @param list at the addresses of the dump
 * @throws InvalidError if it is of another kernel, naming what is not where it says, or if it names
 *   nothing that could show of which kernel it is
 */
export function proveSymbols(list: SymbolTable, { space, info, problems }: ProofContext): void {
  const banner = proveBanner(list, space, info);
  const kallsyms = readKallsymsOf(list, space, info);
  if (kallsyms !== undefined) proveNames(list, kallsyms);
  const texts = [banner, proveInitTask(list, space)];
  if (kallsyms !== undefined || texts.includes('proved')) return;
  if (texts.every((outcome) => outcome === 'not named')) {
    const what = 'expected linux_banner, init_task or the tables of kallsyms, which would prove it';
    throw new InvalidError(`${list.origin}: ${what}; it has none of them`);
  }
  const what = 'neither banner, init_task nor kallsyms are in the dump: taken unproved';
  problems.addMessage(list.origin, what);
}

/** What a symbol says of its list. */
type Outcome = 'proved' | 'not named' | 'not in the dump';

/** init/version.c: the banner begins `Linux version RELEASE (`. */
function proveBanner(list: SymbolTable, space: AddressSpace, info: Vmcoreinfo): Outcome {
  const address = list.lookup('linux_banner');
  if (address === undefined || info.osrelease === undefined) return 'not named';
  const expected = Buffer.from(`Linux version ${info.osrelease} `, 'latin1');
  const found = readable(() => space.read(address, expected.length));
  if (found === undefined) return 'not in the dump';
  if (expected.equals(found)) return 'proved';
  const what = `expected the banner of Linux ${info.osrelease} at linux_banner`;
  throw new InvalidError(`${list.origin}: it is of another kernel: ${what}, ${hex(address)}`);
}

/** More than any task_struct takes. */
const TASK_SIZE_MAX = 16384;

/** "swapper" is in init_task (INIT_TASK_COMM, include/linux/init_task.h); where is in no list. */
function proveInitTask(list: SymbolTable, space: AddressSpace): Outcome {
  const address = list.lookup('init_task');
  if (address === undefined) return 'not named';
  const bytes = readable(() => space.read(address, TASK_SIZE_MAX));
  if (bytes === undefined) return 'not in the dump';
  if (Buffer.from(bytes).includes('swapper')) return 'proved';
  const what = 'expected the name "swapper" in init_task';
  throw new InvalidError(`${list.origin}: it is of another kernel: ${what}, ${hex(address)}`);
}

/** The table that VMCOREINFO or the list leads to; undefined where that is not in the dump. */
function readKallsymsOf(
  list: SymbolTable,
  space: AddressSpace,
  info: Vmcoreinfo,
): KallsymsSymbols | undefined {
  const own = optionalTables(() => readKernelKallsyms(space, info));
  if (own !== undefined) return own;
  const names = { symbol: (name: string) => list.lookup(name), symbols: () => info.symbols() };
  try {
    return readable(() => readKernelKallsyms(space, names));
  } catch (error) {
    if (!(error instanceof FormatError)) throw error;
    const what = 'it is of another kernel: there is no kallsyms where it says';
    throw new InvalidError(`${list.origin}: ${what}`, { cause: error });
  }
}

/** Those that VMCOREINFO names may be damaged, which is why the user has another list. */
function optionalTables(read: () => KallsymsSymbols | undefined): KallsymsSymbols | undefined {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof VmcoreError)) throw error;
    return undefined;
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

/** undefined for what is not in the dump; the image is mapped as a whole wherever it is. */
function readable<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof FaultError)) throw error;
    return undefined;
  }
}
