// Opens a vmcore: container, kernel, symbols, types, in this order, each from what the one before
// found. Only what is needed to go on is read.

import { readVmcoreinfo } from '../format/vmcoreinfo/read.ts';
import { FormatError, InvalidError, VmcoreError } from '../util/errors.ts';
import { Problems } from '../util/problems.ts';
import { findVmcoreinfo, type VerifiedVmcoreinfo } from './find-vmcoreinfo.ts';
import { readIdentity, type KernelIdentity } from './identity.ts';
import { findKernelSpace } from './kernel-memory.ts';
import { findSymbols } from './kernel-symbols.ts';
import { findTypes } from './kernel-types.ts';
import { openContainer, type Container } from './open-container.ts';
import { ModuleSymbols } from './modules.ts';
import type { TypedMemory } from './ref.ts';
import { SymbolsWithModules } from './symbols.ts';
import { Vmcore } from './vmcore.ts';
import { inFile } from './in-file.ts';
import { readVmlinux, type Vmlinux } from './vmlinux.ts';
import { FileSource } from './file-source.ts';

/** How to open a vmcore. */
export interface OpenOptions {
  /** Folder for an unpacked copy of a file that cannot be read in place. */
  readonly tmpDir?: string;
  /** Physical address at which a raw image starts. */
  readonly physOffset?: number;
  /** A vmlinux to take symbols and BTF from, instead of the dump's own. */
  readonly vmlinux?: string;
  /** A System.map to take symbols from. */
  readonly systemMap?: string;
  /** A layout file to take types from. */
  readonly layout?: string;
  /** Where what could not be read goes; of use where opening fails, to tell why. */
  readonly problems?: Problems;
  /** Told how far a long step is. */
  readonly onProgress?: (what: string) => (done: number, total: number | undefined) => void;
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
  const container = await openContainer(paths, { ...options, problems });
  const files: FileSource[] = [];
  const hold = (path: string): FileSource => {
    const file = FileSource.open(path);
    files.push(file);
    return file;
  };
  const close = (): void => {
    for (const file of files.splice(0)) file.close();
    container.close();
  };
  try {
    const kernel = locateKernel(container, options, problems);
    const { space } = kernel;
    const vmlinux = openVmlinux(options.vmlinux, hold);
    const { systemMap } = options;
    const kernelSymbols = findSymbols({
      ...{ kernel, problems, vmlinux, systemMapPath: systemMap },
      vmcorePath: paths[0] ?? '',
    });
    const identity = readIdentity({ ...kernel, symbols: kernelSymbols });
    if (vmlinux !== undefined) checkVmlinux(vmlinux, identity, problems);
    const types = findTypes({
      space,
      symbols: kernelSymbols,
      identity,
      problems,
      layoutPath: options.layout,
      vmlinux,
    });
    const typed: TypedMemory = {
      types,
      readInto: (into, address) => {
        space.readInto(into, address);
      },
    };
    const modules = new ModuleSymbols(typed, kernelSymbols, problems);
    return new Vmcore({
      container: container.info,
      describeCut: container.describeCut,
      memory: container.memory,
      space,
      identity,
      vmcoreinfo: kernel.info,
      symbols: new SymbolsWithModules(kernelSymbols, modules),
      modules,
      types,
      cpuRegisters: container.cpuRegisters,
      problems,
      close,
    });
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

/** @throws InvalidError if the vmlinux says that it is another kernel's */
function checkVmlinux(vmlinux: Vmlinux, identity: KernelIdentity, problems: Problems): void {
  const ids = [vmlinux.buildId, identity.buildId?.value];
  const banners = [vmlinux.banner, identity.banner?.value];
  const [own, dumps] = ids.includes(undefined) ? banners : ids;
  if (own === undefined || dumps === undefined) {
    const what = 'it has neither build ID nor banner to compare: taken unproved';
    problems.addMessage(`vmlinux ${vmlinux.name}`, what);
  } else if (own !== dumps) {
    throw new InvalidError(`${vmlinux.name}: of another kernel: expected ${dumps}, have ${own}`);
  }
}

function openVmlinux(
  path: string | undefined,
  hold: (path: string) => FileSource,
): Vmlinux | undefined {
  if (path === undefined) return undefined;
  const file = hold(path);
  return inFile(path, () => readVmlinux(file));
}

/** The container's VMCOREINFO if memory agrees with it, else one found in memory. */
function locateKernel(
  { info, memory, vmcoreinfo }: Container,
  options: OpenOptions,
  problems: Problems,
): VerifiedVmcoreinfo {
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
  const report = options.onProgress?.('searching memory for VMCOREINFO');
  try {
    return findVmcoreinfo(memory, {
      problems,
      ...(report === undefined ? {} : { onProgress: report }),
    });
  } catch (error) {
    // Any file can be taken for a raw image, so that one which is none must hear it in its words.
    if (!(error instanceof VmcoreError) || info.format !== 'raw') throw error;
    const section = info.files.map(({ name }) => name).join(', ');
    const what =
      'no ELF, kdump-compressed or flattened header, and as a raw image of memory it has no kernel';
    throw new FormatError({ section }, what, { cause: error });
  }
}
