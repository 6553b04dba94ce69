// Where the symbols of the dumped kernel come from: what the user names, else kallsyms in the dump,
// else the few that VMCOREINFO names.

import { readFileSync } from 'node:fs';
import type { Vmcoreinfo } from '../format/vmcoreinfo/read.ts';
import type { Vaddr } from '../util/address.ts';
import { UnsupportedError } from '../util/errors.ts';
import type { Problems } from '../util/problems.ts';
import type { VerifiedVmcoreinfo } from './find-vmcoreinfo.ts';
import { fileName, inFile } from './in-file.ts';
import { readKernelKallsyms } from './kernel-kallsyms.ts';
import { readSymbolList } from './symbol-list.ts';
import type { KernelSymbol, SymbolPlace, SymbolTable } from './symbols.ts';
import { parseSystemMap } from './system-map.ts';
import type { Vmlinux } from './vmlinux.ts';

/** What {@link findSymbols} looks at. */
export interface SymbolSearch {
  readonly kernel: VerifiedVmcoreinfo;
  readonly problems: Problems;
  /** A vmlinux that the user names. */
  readonly vmlinux: Vmlinux | undefined;
  /** A System.map that the user names. */
  readonly systemMapPath: string | undefined;
}

/**
 * The symbols of the kernel; those of VMCOREINFO alone, and a problem, where there are no others.
 *
 * @throws InvalidError if a file that the user names is of another kernel
 */
export function findSymbols(search: SymbolSearch): SymbolTable {
  const { kernel, problems, systemMapPath } = search;
  if (systemMapPath !== undefined) {
    const known = kernel.info.symbols();
    const text = readFileSync(systemMapPath, 'latin1');
    const listed = inFile(systemMapPath, () => parseSystemMap(text));
    return readSymbolList(listed, { origin: `System.map ${fileName(systemMapPath)}`, known });
  }
  const linked = search.vmlinux?.symbols();
  if (linked !== undefined) {
    const known = kernel.info.symbols();
    return readSymbolList(linked, { origin: `vmlinux ${search.vmlinux?.name}`, known });
  }
  const kallsyms = problems.attempt('kallsyms', () => {
    const found = readKernelKallsyms(kernel.space, kernel.info);
    if (found === undefined) throw new UnsupportedError('VMCOREINFO does not name its tables');
    return found;
  });
  if (kallsyms !== undefined) return kallsyms;
  problems.addMessage('symbols', 'only those that VMCOREINFO names are known', 'lookup');
  return new VmcoreinfoSymbols(kernel.info);
}

/** The symbols that VMCOREINFO names, without sizes. */
class VmcoreinfoSymbols implements SymbolTable {
  readonly origin = 'VMCOREINFO';
  readonly #symbols: readonly KernelSymbol[];

  constructor(info: Vmcoreinfo) {
    this.#symbols = [...info.symbols()].map((symbol) => ({ ...symbol, type: '?' }));
  }

  get count(): number {
    return this.#symbols.length;
  }

  lookup(name: string): Vaddr | undefined {
    return this.#symbols.find((symbol) => symbol.name === name)?.address;
  }

  lookupAll(name: string): KernelSymbol[] {
    return this.#symbols.filter((symbol) => symbol.name === name);
  }

  symbolAt(address: Vaddr): SymbolPlace | undefined {
    // Too few to say which symbol covers an address: only a start is known.
    const symbol = this.#symbols.find((each) => each.address === address);
    return symbol === undefined ? undefined : { ...symbol, offset: 0, size: 0 };
  }

  symbols(): Iterable<KernelSymbol> {
    return this.#symbols;
  }
}
