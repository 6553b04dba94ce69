// Where the symbols of the dumped kernel come from: what the user names, else kallsyms in the dump,
// else the few that VMCOREINFO names.

import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Vmcoreinfo } from '../format/vmcoreinfo/read.ts';
import type { Vaddr } from '../util/address.ts';
import { errorChain, InvalidError, VmcoreError } from '../util/errors.ts';
import type { Problems } from '../util/problems.ts';
import type { VerifiedVmcoreinfo } from './find-vmcoreinfo.ts';
import { headOfText, refuseOtherKind } from './file-kind.ts';
import type { LinkedSymbols } from './find-linked.ts';
import { fileName, inFile } from './in-file.ts';
import { readKernelKallsyms } from './kernel-kallsyms.ts';
import type { OnSearched } from './memory-pieces.ts';
import type { Packed } from './packed.ts';
import { proveSymbols } from './prove-symbols.ts';
import { FORCE_HINT } from './same-kernel.ts';
import { findKernelKallsyms } from './scan-kallsyms.ts';
import { readSymbolList } from './symbol-list.ts';
import type { KernelSymbol, SymbolPlace, SymbolTable } from './symbols.ts';
import { parseSystemMap } from './system-map.ts';
import type { Vmlinux } from './vmlinux.ts';
import { unrecorded, type Watch } from './watch.ts';

/** What {@link findSymbols} looks at. */
export interface SymbolSearch {
  readonly kernel: VerifiedVmcoreinfo;
  readonly problems: Problems;
  /** A vmlinux that the user names. */
  readonly vmlinux: Vmlinux | undefined;
  /** A vmlinux or System.map of another kernel is taken; symbols are left that do not fit. */
  readonly force: boolean;
  /** A System.map that the user names. */
  readonly systemMapPath: string | undefined;
  /** The dump, or the first part of it; a System.map may lie beside it. */
  readonly vmcorePath: string;
  /** The note of a packed dump. */
  readonly packed: Packed | undefined;
  readonly watch: Watch | undefined;
  /** Called where a search begins, which may be long. */
  readonly startSearch?: () => OnSearched | undefined;
}

/**
 * The symbols of the kernel; those of VMCOREINFO alone, and a problem, where there are no others.
 *
 * @throws InvalidError if a file that the user names is of another kernel
 */
export function findSymbols(search: SymbolSearch): SymbolTable {
  const { watch, kernel } = search;
  const found = unrecorded(watch, kernel.space, () => findTable(search));
  return watch?.symbols(found) ?? found;
}

function findTable(search: SymbolSearch): SymbolTable {
  const { kernel, problems, systemMapPath, packed } = search;
  const mapped = systemMapPath === undefined ? undefined : mapSymbols(systemMapPath, search);
  if (mapped !== undefined) return mapped;
  const linked = linkedSymbols(search);
  if (linked !== undefined) return linked;
  if (packed !== undefined) {
    packed.tellProblems('symbols', problems);
    return packed.kernelSymbols(problems);
  }
  if (kernel.symbols !== undefined) return kernel.symbols;
  return (
    problems.attempt('kallsyms', () => findTables(search)) ?? new VmcoreinfoSymbols(kernel.info)
  );
}

/** The symbols of a build that the user names: those of the System.map go before a vmlinux's. */
export function namedSymbols(
  systemMapPath: string | undefined,
  vmlinux: Vmlinux | undefined,
): LinkedSymbols | undefined {
  if (systemMapPath !== undefined) return readSystemMap(systemMapPath);
  const symbols = vmlinux?.symbols();
  if (vmlinux === undefined || symbols === undefined) return undefined;
  return { origin: originOfSymbols(vmlinux), symbols };
}

function readSystemMap(path: string): LinkedSymbols {
  const text = readFileSync(path, 'latin1');
  refuseOtherKind(fileName(path), headOfText(text), 'system-map');
  const symbols = inFile(path, () => parseSystemMap(text));
  return { origin: `System.map ${fileName(path)}`, symbols };
}

/** Those of a System.map; undefined, and a problem, where they do not fit but are forced. */
function mapSymbols(
  path: string,
  { kernel, problems, force }: SymbolSearch,
): SymbolTable | undefined {
  const { symbols: listed, origin } = readSystemMap(path);
  const known = kernel.info.symbols();
  const read = (): SymbolTable => readSymbolList(listed, { origin, known });
  const list = force ? problems.attempt(`symbols of ${origin}`, read) : hinting(read);
  if (list === undefined) return undefined;
  const prove = (): void =>
    proveSymbols(list, { space: kernel.space, info: kernel.info, problems });
  if (!force) hinting(prove);
  else {
    try {
      prove();
    } catch (error) {
      if (!(error instanceof InvalidError)) throw error;
      problems.addForced(
        origin,
        `${errorChain(error).replace(`${origin}: `, '')}; taken all the same`,
      );
    }
  }
  return list;
}

/** A refusal names the way on. */
function hinting<T>(read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof InvalidError)) throw error;
    throw new InvalidError(`${error.message} (${FORCE_HINT})`, { cause: error.cause });
  }
}

/**
 * Where VMCOREINFO names the tables wrongly, a search is told as a problem; where it finds nothing
 * either, what is wrong with those that are named says more.
 */
function findTables({ kernel, problems, vmcorePath, startSearch }: SymbolSearch): SymbolTable {
  const { space, physBase, info } = kernel;
  let doubt: VmcoreError | undefined;
  try {
    const named = readKernelKallsyms(space, info);
    if (named !== undefined) return named;
  } catch (error) {
    if (!(error instanceof VmcoreError)) throw error;
    doubt = error;
  }
  try {
    const known = info.symbols();
    const found = findKernelKallsyms(space.memory, {
      space,
      physBase,
      known,
      onProgress: startSearch?.(),
    });
    if (doubt !== undefined) problems.add('kallsyms, as VMCOREINFO names its tables', doubt);
    return found;
  } catch (error) {
    if (!(error instanceof VmcoreError)) throw error;
    if (doubt !== undefined) throw doubt;
    const cure = cureOf(vmcorePath, info.osrelease);
    const what = `VMCOREINFO does not name its tables, and none are found; ${cure}`;
    throw new InvalidError(what, { cause: error });
  }
}

/** Those of the vmlinux; undefined where there is none, or a stripped one. */
function linkedSymbols({
  vmlinux,
  kernel,
  problems,
  force,
}: SymbolSearch): SymbolTable | undefined {
  const linked = vmlinux?.symbols();
  if (vmlinux === undefined || linked === undefined) return undefined;
  const origin = originOfSymbols(vmlinux);
  const read = (): SymbolTable => readSymbolList(linked, { origin, known: kernel.info.symbols() });
  if (force) return problems.attempt(`symbols of ${origin}`, read);
  try {
    return read();
  } catch (error) {
    const told = kernel.info.buildId?.hex;
    if (!(error instanceof InvalidError) || told === undefined) throw error;
    const what = `expected build ID ${told}, as VMCOREINFO says, have ${vmlinux.buildId ?? 'none'}`;
    throw new InvalidError(`${origin}: ${what}`, { cause: error });
  }
}

/** The origin of those of a vmlinux, in words. */
export function originOfSymbols({ name }: Vmlinux): string {
  return `vmlinux ${name}`;
}

/** Where the symbols can be had from, and the file that lies beside the dump. */
function cureOf(vmcorePath: string, release = ''): string {
  const stem = vmcorePath.replace(/\.[^./\\]*$/, '');
  const folder = dirname(vmcorePath);
  const beside = [
    `${vmcorePath}.System.map`,
    `${stem}.System.map`,
    join(folder, `System.map-${release}`),
  ].find((path) => existsSync(path));
  return beside === undefined
    ? '--system-map FILE or --vmlinux FILE of this kernel has the symbols'
    : `try --system-map ${beside}`;
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
