// From the files that the user names to one physical memory: takes wrappers off, tells the
// containers apart, puts split sets together, reads their notes.

import { decodeNotes, type DumpNotes } from '../format/elf/dump-notes.ts';
import { ET_CORE, EM_X86_64, PT_LOAD } from '../format/elf/constants.ts';
import { readElfNotes, readNotes, type ElfNote } from '../format/elf/notes.ts';
import { describeMachine, isElf, readElf, type ElfFile } from '../format/elf/read.ts';
import { isXenCore } from '../format/elf/sections.ts';
import { isFlattened, readFlattened } from '../format/flattened/read.ts';
import { isKdump, readKdump, type KdumpFile } from '../format/kdump/read.ts';
import { ElfMemory } from '../memory/elf-memory.ts';
import { KdumpMemory } from '../memory/kdump-memory.ts';
import type { PhysicalMemory } from '../memory/physical.ts';
import { RawMemory } from '../memory/raw-memory.ts';
import { FormatError, InvalidError, UnsupportedError } from '../util/errors.ts';
import type { ByteSource } from '../util/io.ts';
import type { Problems } from '../util/problems.ts';
import type { ContainerInfo, CpuRegisters, InputFile } from './container.ts';
import { headOf, kindOf, kindText } from './file-kind.ts';
import { FileSource } from './file-source.ts';
import { openWrapped } from './unwrap.ts';

/** How to open the files. */
export interface ContainerOptions {
  readonly tmpDir?: string;
  /** Where a raw image starts in physical memory. */
  readonly physOffset?: number;
  readonly onProgress?: (what: string) => (done: number, total: number | undefined) => void;
  readonly problems: Problems;
}

/** An opened container: memory, and what its notes say. */
export interface Container {
  readonly info: ContainerInfo;
  readonly memory: PhysicalMemory;
  /** VMCOREINFO as the container carries it; undefined where it has none. */
  readonly vmcoreinfo: { readonly bytes: Uint8Array; readonly source: string } | undefined;
  readonly cpuRegisters: readonly CpuRegisters[];
  /** Everything that the container says besides memory, as it is. */
  readonly notes: readonly ElfNote[];
  /** That a file ends before the dump does, in words; looked for when asked. */
  readonly describeCut: () => string | undefined;
  readonly close: () => void;
}

/** One input, its wrapper taken off, flattening undone. */
interface Input {
  readonly source: ByteSource;
  readonly file: InputFile;
  readonly flattened: boolean;
}

/**
 * Opens one dump, given as one file or as all parts of a split set.
 *
 * @throws FormatError or UnsupportedError if it is no container that can be read
 */
export async function openContainer(
  paths: readonly string[],
  options: ContainerOptions,
): Promise<Container> {
  const closers: (() => void)[] = [];
  const close = (): void => {
    for (const closer of closers.splice(0)) closer();
  };
  try {
    const inputs: Input[] = [];
    for (const path of paths) inputs.push(await openInput(path, options, closers));
    return { ...(await readContainer(inputs, options)), close };
  } catch (error) {
    close();
    throw error;
  }
}

async function openInput(
  path: string,
  options: ContainerOptions,
  closers: (() => void)[],
): Promise<Input> {
  const file = FileSource.open(path);
  closers.push(() => file.close());
  const unwrapped = await openWrapped(file, {
    ...(options.tmpDir === undefined ? {} : { tmpDir: options.tmpDir }),
    ...(options.onProgress === undefined
      ? {}
      : { onProgress: options.onProgress(`unpacking ${file.name}`) }),
  });
  closers.push(() => unwrapped.close());
  for (const problem of unwrapped.problems) {
    options.problems.addMessage(file.name, problem, 'format');
  }
  const flattened = isFlattened(unwrapped.source);
  const { wrapper } = unwrapped;
  return {
    source: flattened ? readFlattened(unwrapped.source, options.problems) : unwrapped.source,
    file: {
      name: file.name,
      sizeBytes: file.size,
      wrapper: wrapper === undefined ? undefined : { format: wrapper, how: unwrapped.how },
    },
    flattened,
  };
}

type Opened = Omit<Container, 'close'>;

async function readContainer(inputs: readonly Input[], options: ContainerOptions): Promise<Opened> {
  const [first] = inputs;
  if (first === undefined) throw new FormatError({ section: 'vmcore' }, 'expected a file name');
  if (first.source.size === 0) {
    const what = first.flattened ? 'a flattened file without a record' : 'empty file';
    throw new FormatError({ section: first.source.name }, what);
  }
  const isRaw = !inputs.some(({ source }) => isKdump(source) || startsAsElf(source));
  if (!isRaw && options.physOffset !== undefined) {
    const what = 'has addresses of its own; a physical offset is for raw images';
    throw new InvalidError(`${first.source.name}: ${what}`);
  }
  if (inputs.every(({ source }) => isKdump(source))) return openKdump(inputs, options);
  if (inputs.length > 1) {
    refuseBeside(inputs);
    const other = inputs.find(({ source }) => !isKdump(source)) ?? first;
    const what =
      'not a part of a split kdump, and only those can be named together: ' +
      'compare A B takes two dumps';
    throw new FormatError({ section: other.source.name }, what);
  }
  if (startsAsElf(first.source)) return openElf(first, options);
  refuseBeside(inputs);
  return openRaw(first, options);
}

/** @throws FormatError for a file that has an option of its own */
function refuseBeside(inputs: readonly Input[]): void {
  for (const { source } of inputs) {
    const kind = kindOf(headOf(source));
    if (kind !== undefined) throw new FormatError({ section: source.name }, kindText(kind));
  }
}

function startsAsElf(source: ByteSource): boolean {
  const magic = new Uint8Array(16);
  source.readInto(magic, 0);
  return isElf(magic);
}

function openElf(input: Input, { problems }: ContainerOptions): Opened {
  const elf = readElf(input.source);
  if (elf.type !== ET_CORE) {
    const kind = kindOf(headOf(input.source));
    const hint = kind === undefined ? '' : `: ${kindText(kind)}`;
    const what = `an ELF file of e_type ${elf.type}, expected ET_CORE (4)${hint}`;
    throw new FormatError({ section: `${input.source.name}: ELF header`, offset: 16 }, what);
  }
  if (isXenCore(elf)) {
    throw new UnsupportedError(
      `${input.source.name}: an ELF core of a Xen guest (section .xen_pages); not read`,
    );
  }
  const rawNotes = readElfNotes(elf);
  const notes = decodeNotes(rawNotes, { ...elf, problems });
  const memory = new ElfMemory(elf);
  if (memory.end === 0) throw new UnsupportedError(`${input.source.name}: ${noMemory(memory)}`);
  // After the memory has been mapped, which may add to them.
  for (const { subject, message, code } of elf.problems.list) {
    problems.addMessage(subject, message, code);
  }
  requireX86(describeMachine(elf.machine), elf.machine === EM_X86_64, {
    bits: elf.elfClass,
    littleEndian: elf.littleEndian,
  });
  return {
    info: {
      format: 'elf',
      description: describeElf(elf, input.flattened),
      files: [input.file],
      machine: describeMachine(elf.machine),
      dumpLevel: undefined,
      incomplete: elf.incomplete,
    },
    memory,
    describeCut: () => {
      const loads = elf.programHeaders.filter(({ type }) => type === PT_LOAD);
      const end = loads.reduce((max, { offset, filesz }) => Math.max(max, offset + filesz), 0);
      return describeCut(input.source, end);
    },
    notes: rawNotes,
    ...fromNotes(notes, 'PT_NOTE'),
  };
}

/** Why an ELF vmcore has no byte of physical memory. */
function noMemory({ virtualRanges }: ElfMemory): string {
  return virtualRanges.isEmpty
    ? 'an ELF core without PT_LOAD segments'
    : 'its PT_LOAD segments have no physical addresses, as in /proc/kcore; those are needed';
}

function describeElf(elf: ElfFile, flattened: boolean): string {
  const order = elf.littleEndian ? '' : ', big-endian';
  return `ELF${elf.elfClass} vmcore${order}${flattened ? ', flattened' : ''}`;
}

async function openKdump(inputs: readonly Input[], options: ContainerOptions): Promise<Opened> {
  const { problems } = options;
  const files = inputs.map(({ source }) => readKdump(source, problems));
  const [first] = files as [KdumpFile, ...KdumpFile[]];
  const { header, subHeader, target } = first;
  const machine = header.utsname.machine;
  const isLp64 = target.abi === 'lp64';
  requireX86(machine, machine === '' || machine === 'x86_64', {
    bits: isLp64 ? 64 : 32,
    littleEndian: target.littleEndian,
  });
  const memory = await KdumpMemory.open(files, problems);
  const flattened = inputs.some((input) => input.flattened);
  return {
    info: {
      format: 'kdump',
      description: describeKdump(files, flattened),
      files: inputs.map(({ file }) => file),
      machine: machine === '' ? undefined : machine,
      dumpLevel: subHeader.dumpLevel,
      incomplete: files.some(({ isIncomplete }) => isIncomplete),
    },
    memory,
    describeCut: () =>
      files
        .map((file) => describeCut(file.source, kdumpEnd(file)))
        .find((cut) => cut !== undefined),
    ...kdumpNotes(first, problems),
  };
}

function describeKdump(files: readonly KdumpFile[], flattened: boolean): string {
  const [first] = files;
  const parts = files.length > 1 ? `${files.length} parts of a split set` : 'part of a split set';
  const split = first?.isSplit === true ? `, ${parts}` : '';
  const version = first?.header.headerVersion;
  return `kdump-compressed v${version}${flattened ? ', flattened' : ''}${split}`;
}

function kdumpNotes(
  file: KdumpFile,
  problems: Problems,
): Pick<Opened, 'vmcoreinfo' | 'cpuRegisters' | 'notes'> {
  const bytes = problems.attempt('kdump notes', () => file.readNotes());
  const { littleEndian, abi } = file.target;
  const rawNotes =
    bytes === undefined ? [] : readNotes(bytes, { littleEndian, section: 'kdump notes', problems });
  const elfClass = abi === 'lp64' ? 64 : 32;
  const notes = decodeNotes(rawNotes, { littleEndian, machine: EM_X86_64, elfClass, problems });
  const inNotes = { ...fromNotes(notes, 'note in the kdump header'), notes: rawNotes };
  const text = problems.attempt('VMCOREINFO', () => file.readVmcoreinfo());
  if (text === undefined) return inNotes;
  return { ...inNotes, vmcoreinfo: { bytes: text, source: 'kdump sub-header' } };
}

function fromNotes(notes: DumpNotes, source: string): Pick<Opened, 'vmcoreinfo' | 'cpuRegisters'> {
  const text = notes.vmcoreinfo;
  return {
    vmcoreinfo: text === undefined ? undefined : { bytes: Buffer.from(text, 'latin1'), source },
    cpuRegisters: [
      ...notes.prStatus.map(({ registers }, index) => ({
        source: 'PRSTATUS' as const,
        index,
        registers,
      })),
      ...notes.qemuCpus.map(({ registers }, index) => ({
        source: 'QEMU' as const,
        index,
        registers,
      })),
    ],
  };
}

/** `vmcore is cut off: it has 13.0 MiB of at least 16.6 MiB`, where its size is below `end`. */
function describeCut({ name, size }: ByteSource, end: number): string | undefined {
  if (size >= end) return undefined;
  const mebibytes = (bytes: number): string => `${(bytes / 2 ** 20).toFixed(1)} MiB`;
  return `${name} is cut off: it has ${mebibytes(size)} of at least ${mebibytes(end)}`;
}

/** Page data is mostly in the order of its descriptors, so the last ones show where a file ends. */
const DESCRIPTORS_LOOKED_AT = 256;

/** Where the page data of a kdump ends, as far as its last descriptors say. */
function kdumpEnd({ storedBitmap, pfns, descriptors }: KdumpFile): number {
  const count = storedBitmap.rank(pfns.end) - storedBitmap.rank(pfns.start);
  let end = 0;
  try {
    for (let i = Math.max(0, count - DESCRIPTORS_LOOKED_AT); i < count; i++) {
      const { offset, size } = descriptors.read(i) ?? { offset: 0, size: 0 };
      end = Math.max(end, offset + size);
    }
  } catch (error) {
    // Not even the descriptors are all there.
    if (!(error instanceof FormatError)) throw error;
  }
  return end;
}

function openRaw(input: Input, { physOffset }: ContainerOptions): Opened {
  return {
    info: {
      format: 'raw',
      description: 'raw image of physical memory',
      files: [input.file],
      machine: undefined,
      dumpLevel: undefined,
      incomplete: false,
    },
    memory: new RawMemory(input.source, physOffset === undefined ? {} : { paddrStart: physOffset }),
    describeCut: () => undefined,
    vmcoreinfo: undefined,
    cpuRegisters: [],
    notes: [],
  };
}

/** The containers of every architecture can be read; what lies in them only for x86-64. */
function requireX86(
  machine: string,
  isX86: boolean,
  target: { bits: 32 | 64; littleEndian: boolean },
): void {
  if (isX86 && target.bits === 64 && target.littleEndian) return;
  const order = target.littleEndian ? '' : ', big-endian';
  const type = machine || 'unknown';
  const what = `the dump is of a ${target.bits}-bit${order} machine of type ${type}`;
  throw new UnsupportedError(`${what}; kernels are read for 64-bit x86_64 only`);
}
