// Opens a vmcore: container, kernel, symbols, types, in this order, each from what the one before
// found. Only what is needed to go on is read.

import { readVmcoreinfo } from '../format/vmcoreinfo/read.ts';
import type { AddressSpace } from '../memory/address-space.ts';
import { PackedMemory } from '../memory/packed-memory.ts';
import type { PhysicalMemory } from '../memory/physical.ts';
import { errorChain, FormatError, VmcoreError } from '../util/errors.ts';
import { optional } from '../util/optional.ts';
import { Problems } from '../util/problems.ts';
import { commandLine, isOfCaptureKernel } from './command-line.ts';
import type { LinkedSymbols } from './find-linked.ts';
import { findInMemory, type FindInMemoryOptions } from './find-in-memory.ts';
import type { VerifiedVmcoreinfo } from './find-vmcoreinfo.ts';
import { readIdentity } from './identity.ts';
import { findKernelSpace } from './kernel-memory.ts';
import { findSymbols, namedSymbols, originOfSymbols } from './kernel-symbols.ts';
import { findTypes } from './kernel-types.ts';
import { openContainer, type Container } from './open-container.ts';
import { ModuleSymbols, type LoadedModule } from './modules.ts';
import { Packed } from './packed.ts';
import type { TypedMemory } from './ref.ts';
import { checkVmlinux, namesInVmcoreinfo, namesOf, tellVmlinux } from './same-kernel.ts';
import { SymbolsWithModules, type SymbolTable } from './symbols.ts';
import { Vmcore, type VmcoreParts } from './vmcore.ts';
import { unrecorded, watchStep, type Watch } from './watch.ts';
import { fileName, inFileAsync } from './in-file.ts';
import { readVmlinux, type Vmlinux } from './vmlinux.ts';
import { headOf, refuseOtherKind } from './file-kind.ts';
import { FileSource } from './file-source.ts';

/** How to open a vmcore. */
export interface OpenOptions {
  /** Folder for an unpacked copy of a file that cannot be read in place. */
  readonly tmpDir?: string;
  /** Physical address at which a raw image starts. */
  readonly physOffset?: number;
  /** A vmlinux to take symbols and types (BTF, else DWARF) from, instead of the dump's own. */
  readonly vmlinux?: string;
  /** A System.map to take symbols from. */
  readonly systemMap?: string;
  /** A layout file to take types from. */
  readonly layout?: string;
  /** Take a vmlinux, System.map or layout file although it is of another kernel. */
  readonly force?: boolean;
  /** Where what could not be read goes; of use where opening fails, to tell why. */
  readonly problems?: Problems;
  /** Told how far a long step is. */
  readonly onProgress?: (what: string) => (done: number, total: number | undefined) => void;
  /** Follows what is read: Watch. */
  readonly watch?: Watch;
}

/**
 * Opens a vmcore, given as one file or as all parts of a split one.
 *
 * @throws VmcoreError if the files are no container that can be read, or no kernel is found in it
 */
export async function openVmcore(
  paths: readonly string[],
  options: OpenOptions = {},
): Promise<Vmcore> {
  const problems = options.problems ?? new Problems();
  const before = problems.list.length;
  const container = await openContainer(paths, { ...options, problems });
  const files: { close(): void }[] = [container];
  const close = (): void => {
    for (const file of files.splice(0).reverse()) file.close();
  };
  try {
    const opening = startOpening(container, { ...options, problems, before });
    const vmlinux = await openVmlinux({ ...options, problems }, files);
    return new Vmcore({ ...readKernel(opening, { paths, options, vmlinux }), problems, close });
  } catch (error) {
    const cut = container.describeCut();
    close();
    if (cut !== undefined && error instanceof VmcoreError) {
      throw new FormatError({ section: cut }, 'no kernel can be found in what is left', {
        cause: error,
      });
    }
    throw error;
  }
}

/** A container, and what stands between it and its readers. */
interface Opening {
  readonly container: Container;
  readonly memory: PhysicalMemory;
  readonly packed: Packed | undefined;
  readonly watch: Watch | undefined;
  readonly problems: Problems;
}

/** @throws VmcoreError if the dump is a packed one and its note is damaged */
function startOpening(
  container: Container,
  { watch, problems, before }: OpenOptions & { problems: Problems; before: number },
): Opening {
  const packed = Packed.read(container.notes);
  packed?.tellProblems('container', problems);
  watch?.problems('container', problems.list.slice(before));
  watch?.opened(container);
  const whole =
    packed === undefined ? container.memory : new PackedMemory(container.memory, packed.ranges);
  return { container, memory: watch?.memory(whole) ?? whole, packed, watch, problems };
}

interface NamedFiles {
  readonly paths: readonly string[];
  readonly options: OpenOptions;
  readonly vmlinux: Vmlinux | undefined;
}

/** Finds the kernel, its symbols and types. @throws VmcoreError if there is no kernel */
function readKernel(
  opening: Opening,
  { paths, options, vmlinux }: NamedFiles,
): Omit<VmcoreParts, 'problems' | 'close'> {
  const { container, memory, packed, watch, problems } = opening;
  const linked = (): LinkedSymbols | undefined => namedSymbols(options.systemMap, vmlinux);
  const kernel = watchStep('kernel', opening, () => locateKernel(opening, { ...options, linked }));
  watch?.located(kernel);
  const { space } = kernel;
  const check = { problems, force: options.force ?? false };
  const told = namesInVmcoreinfo(kernel.info, vmlinux?.buildId);
  let checked = vmlinux && checkVmlinux(vmlinux, told, check.force);
  const search = { kernel, ...check, vmlinux, systemMapPath: options.systemMap, packed, watch };
  const kernelSymbols = watchStep('symbols', opening, () => {
    const symbols = findSymbols({
      ...search,
      vmcorePath: paths[0] ?? '',
      startSearch: () => options.onProgress?.('searching memory for kallsyms'),
    });
    if (packed === undefined) tellCaptureKernel(opening, { kernel, symbols });
    return symbols;
  });
  const identity = readIdentity({ ...kernel, symbols: kernelSymbols });
  if (vmlinux !== undefined && checked?.isProved === false) {
    checked = checkVmlinux(vmlinux, namesOf(identity), check.force);
  }
  const types = watchStep('types', opening, () =>
    findTypes({ ...search, space, symbols: kernelSymbols, identity, layoutPath: options.layout }),
  );
  if (vmlinux !== undefined && checked !== undefined) {
    const origins = [vmlinux.types?.origin, originOfSymbols(vmlinux)];
    const isUsed = origins.includes(types.origin) || origins.includes(kernelSymbols.origin);
    tellVmlinux(vmlinux, checked, { problems, isUsed });
  }
  const typed: TypedMemory = {
    types,
    readInto: (into, address, of) => {
      watch?.reading(of);
      space.readInto(into, address);
    },
  };
  const modules = new ModuleSymbols(typed, kernelSymbols, problems, (module, read) =>
    moduleTable(opening, { module, read, space }),
  );
  const { info, cpuRegisters } = container;
  return {
    container: packed === undefined ? info : { ...info, packed: packed.facts.manifest },
    describeCut: () => container.describeCut() ?? packed?.facts.cut,
    memory,
    space,
    identity,
    vmcoreinfo: kernel.info,
    symbols: new SymbolsWithModules(kernelSymbols, modules),
    modules,
    types,
    cpuRegisters: watch?.registers(cpuRegisters) ?? cpuRegisters,
    packed,
    watch,
  };
}

/** A kernel that was searched for may be the wrong one of two, and only it was found. */
function tellCaptureKernel(
  { container, watch, problems }: Opening,
  { kernel, symbols }: { kernel: VerifiedVmcoreinfo; symbols: SymbolTable },
): void {
  const { space, source } = kernel;
  if (source === container.vmcoreinfo?.source) return;
  const command = unrecorded(watch, space, () => commandLine(space, symbols));
  if (command === undefined || !isOfCaptureKernel(command)) return;
  const what =
    'it is a capture kernel (elfcorehdr= in its command line), and no other one is found';
  problems.addMessage(`kernel ${kernel.info.osrelease ?? ''}`.trim(), what);
}

/** The table of a module, which is read as a whole, or what the note has of it. */
function moduleTable(
  { packed, watch, problems }: Opening,
  { module, read, space }: { module: LoadedModule; read: () => SymbolTable; space: AddressSpace },
): SymbolTable {
  const get = (): SymbolTable => packed?.moduleSymbols(module, problems) ?? read();
  if (watch === undefined) return get();
  try {
    return watch.symbols(unrecorded(watch, space, get), module);
  } catch (error) {
    if (!(error instanceof VmcoreError)) throw error;
    watch.noSymbols(module, { message: errorChain(error), code: error.code });
    throw error;
  }
}

/** The vmlinux that the user names; what it holds open is added to `files`. */
async function openVmlinux(
  { vmlinux: path, layout, tmpDir, problems }: OpenOptions,
  files: { close(): void }[],
): Promise<Vmlinux | undefined> {
  if (path === undefined) return undefined;
  const file = FileSource.open(path);
  files.push(file);
  refuseOtherKind(fileName(path), headOf(file), 'vmlinux');
  const withoutTypes = layout !== undefined;
  const options = { path, problems, withoutTypes, ...(tmpDir && { tmpDir }) };
  const vmlinux = await inFileAsync(path, () => readVmlinux(file, options));
  files.push(vmlinux);
  return vmlinux;
}

type KernelSearch = Pick<OpenOptions, 'physOffset'> & FindInMemoryOptions;

/** The kernel of a packed dump as it was found in the other, else the one that is searched for. */
function locateKernel(opening: Opening, options: KernelSearch): VerifiedVmcoreinfo {
  const { container, memory, packed, watch, problems } = opening;
  if (packed !== undefined && container.vmcoreinfo !== undefined) {
    packed.tellProblems('kernel', problems);
    const {
      vmcoreinfoSource: source,
      vmcoreinfoPaddr: paddr,
      sources,
      ...known
    } = packed.facts.kernel;
    const info = readVmcoreinfo(container.vmcoreinfo.bytes);
    const space = findKernelSpace(memory, info, { known });
    return { ...space, info, source, paddr, ...optional('sources', sources) };
  }
  const found = unrecorded(watch, undefined, () => searchKernel(opening, options));
  if (watch === undefined) return found;
  // Once more on the straight way: a search reads what has nothing to do with the kernel.
  return { ...found, ...findKernelSpace(memory, found.info, { known: found }) };
}

/** The container's VMCOREINFO if memory agrees with it, else one found in memory. */
function searchKernel(
  { container, memory, problems }: Opening,
  options: KernelSearch,
): VerifiedVmcoreinfo {
  const { info, vmcoreinfo } = container;
  if (vmcoreinfo !== undefined) {
    try {
      const parsed = readVmcoreinfo(vmcoreinfo.bytes);
      const { source } = vmcoreinfo;
      return { ...findKernelSpace(memory, parsed), info: parsed, source, paddr: undefined };
    } catch (error) {
      if (!(error instanceof VmcoreError)) throw error;
      problems.add(`VMCOREINFO in the ${vmcoreinfo.source}`, error);
    }
  }
  try {
    return findInMemory(memory, problems, options);
  } catch (error) {
    // Any file can be taken for a raw image, so that one which is none must hear it in its words.
    if (!(error instanceof VmcoreError) || info.format !== 'raw') throw error;
    const section = info.files.map(({ name }) => name).join(', ');
    const way =
      options.physOffset === undefined
        ? ' (--phys-offset says at which physical address it starts, if not at 0)'
        : '';
    const what =
      'no ELF, kdump-compressed or flattened header, and as a raw image of memory it has no ' +
      `kernel${way}`;
    throw new FormatError({ section }, what, { cause: error });
  }
}
