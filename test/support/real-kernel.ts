// The kernel of a real kdump file, opened step by step with the parts that tests are about, so that
// they do not hang on everything else that openVmcore does.

import { readFlattened, isFlattened } from '../../src/format/flattened/read.ts';
import { readBtf } from '../../src/format/btf/read.ts';
import { readKdump } from '../../src/format/kdump/read.ts';
import { readVmcoreinfo, type Vmcoreinfo } from '../../src/format/vmcoreinfo/read.ts';
import { KdumpMemory } from '../../src/memory/kdump-memory.ts';
import type { PhysicalMemory } from '../../src/memory/physical.ts';
import { FileSource } from '../../src/target/file-source.ts';
import { readKernelKallsyms, type KallsymsSymbols } from '../../src/target/kernel-kallsyms.ts';
import { findKernelSpace, type KernelSpace } from '../../src/target/kernel-memory.ts';
import { BtfTypes } from '../../src/types/btf-types.ts';

/** A kernel in a dump. Files stay open until the process ends. */
export interface RealKernel extends KernelSpace {
  readonly memory: PhysicalMemory;
  readonly info: Vmcoreinfo;
  readonly symbols: KallsymsSymbols;
}

const opened = new Map<string, RealKernel>();

/** Opens a kdump file; the same one is opened once. */
export async function realKernel(path: string): Promise<RealKernel> {
  const before = opened.get(path);
  if (before !== undefined) return before;
  const file = FileSource.open(path);
  const kdump = readKdump(isFlattened(file) ? readFlattened(file) : file);
  const memory = await KdumpMemory.open([kdump]);
  const info = readVmcoreinfo(kdump.readVmcoreinfo() ?? new Uint8Array());
  const space = findKernelSpace(memory, info);
  const symbols = readKernelKallsyms(space.space, info);
  if (symbols === undefined) throw new Error('the dump names no kallsyms');
  const kernel = { ...space, memory, info, symbols };
  opened.set(path, kernel);
  return kernel;
}

/** The types of a kernel, from BTF in its memory. */
export function realTypes({ space, symbols }: RealKernel): BtfTypes {
  const start = symbols.lookup('__start_BTF');
  const stop = symbols.lookup('__stop_BTF');
  if (start === undefined || stop === undefined) throw new Error('the dump has no BTF');
  return new BtfTypes(readBtf(space.read(start, Number(stop - start))));
}
