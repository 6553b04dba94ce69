// What `structs export` makes a layout file from: the types of a dump or of a vmlinux, with the
// identity of their kernel.

import { ET_CORE } from '../format/elf/constants.ts';
import { isElf, readElfHeader } from '../format/elf/read.ts';
import type { TypeSource } from '../types/ctype.ts';
import type { LayoutIdentity } from '../types/layout.ts';
import { InvalidError } from '../util/errors.ts';
import { FileSource } from './file-source.ts';
import { NO_TYPES } from './kernel-types.ts';
import { releaseIn } from './same-kernel.ts';
import { openVmcore, type OpenOptions } from './open.ts';
import type { Vmcore } from './vmcore.ts';
import { readVmlinux, typesOfVmlinux, type Vmlinux, type VmlinuxOptions } from './vmlinux.ts';

/** Types and whose they are. */
export interface ExportSource {
  readonly types: TypeSource;
  readonly identity: LayoutIdentity;
  /** The dump; undefined for a vmlinux. */
  readonly vmcore: Vmcore | undefined;
  readonly close: () => void;
}

/** `producer` of the files that we make; the tool's version would change them without need. */
const PRODUCER = 'stallcore structs export';

/**
 * Opens a vmlinux or a vmcore, whichever the files are.
 *
 * @throws VmcoreError if they are neither, or have no types
 */
export async function identifyExport(
  paths: readonly string[],
  options: OpenOptions & VmlinuxOptions,
): Promise<ExportSource> {
  const [path = ''] = paths;
  return paths.length === 1 && isVmlinux(path)
    ? fromVmlinux(path, options)
    : fromVmcore(paths, options);
}

function isVmlinux(path: string): boolean {
  const source = FileSource.open(path);
  try {
    const magic = new Uint8Array(16);
    source.readInto(magic, 0);
    return isElf(magic) && readElfHeader(source).type !== ET_CORE;
  } finally {
    source.close();
  }
}

async function fromVmlinux(path: string, options: VmlinuxOptions): Promise<ExportSource> {
  const source = FileSource.open(path);
  let vmlinux: Vmlinux | undefined;
  const close = (): void => {
    vmlinux?.close();
    source.close();
  };
  try {
    vmlinux = await readVmlinux(source, { ...options, path });
    return { ...exportOf(vmlinux), close };
  } catch (error) {
    close();
    throw error;
  }
}

function exportOf(vmlinux: Vmlinux): Omit<ExportSource, 'close'> {
  const types = typesOfVmlinux(vmlinux);
  return {
    types,
    identity: {
      release: releaseIn(vmlinux.banner) ?? null,
      arch: 'x86_64',
      banner: vmlinux.banner ?? null,
      buildId: vmlinux.buildId ?? null,
      producer: PRODUCER,
      source: types.origin,
    },
    vmcore: undefined,
  };
}

async function fromVmcore(paths: readonly string[], options: OpenOptions): Promise<ExportSource> {
  const vmcore = await openVmcore(paths, options);
  const { release, banner, buildId } = vmcore.identity;
  const files = vmcore.container.files.map(({ name }) => name).join(', ');
  if (vmcore.types === NO_TYPES) {
    const why = vmcore.problems.list.find(({ subject }) => subject === 'types')?.message;
    vmcore.close();
    throw new InvalidError(`${files}: no types to export: ${why ?? 'none were found'}`);
  }
  return {
    types: vmcore.types,
    identity: {
      release: release.value,
      arch: 'x86_64',
      banner: banner?.value ?? null,
      buildId: buildId?.value ?? null,
      producer: PRODUCER,
      source: `${vmcore.types.origin}: ${files}`,
    },
    vmcore,
    close: vmcore.close,
  };
}
