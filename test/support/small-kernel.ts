// The least that makes a kernel: an image mapped at START_KERNEL_map + KASLR, its root page table
// inside, init_uts_ns, kallsyms, and a VMCOREINFO that names them, as real bytes in memory.

import type { PageTableDepth } from '../../src/arch/x86-64.ts';
import type { KallsymsSymbol } from '../../src/format/kallsyms/kallsyms.ts';
import { writeKallsyms, type WriteKallsymsOptions } from '../../src/format/kallsyms/write.ts';
import { writeVmcoreinfo, type VmcoreinfoFields } from '../../src/format/vmcoreinfo/write.ts';
import { UTS_FIELD_SIZE } from '../../src/target/kernel-memory.ts';
import { vaddr, type Vaddr } from '../../src/util/address.ts';
import { buildPageTables, SparseMemory } from './page-tables.ts';

/** What a test may choose; every address is 2 MiB aligned. */
export interface SmallKernelOptions {
  /** Physical address of the image. */
  readonly loadedAt?: number;
  readonly kaslrOffset?: bigint;
  readonly release?: string;
  readonly memory?: SparseMemory;
  /** Changes what VMCOREINFO says. */
  readonly vmcoreinfo?: Partial<VmcoreinfoFields>;
  readonly numbers?: Record<string, bigint | number>;
  readonly kallsyms?: Partial<WriteKallsymsOptions>;
  /** Further symbols of the image; `at` gives the address of a place in it. */
  readonly moreSymbols?: (at: (offset: number) => Vaddr) => readonly KallsymsSymbol[];
  /** 4 unless told. */
  readonly depth?: PageTableDepth;
  /** Whether the direct map of the image's memory is there too. */
  readonly directMap?: boolean;
  /** What the boot loader told it. */
  readonly commandLine?: string;
  /** Whether there is a half for user space behind the root table: page-table isolation. */
  readonly userHalf?: boolean;
}

/** A small kernel in memory. */
export interface SmallKernel {
  readonly memory: SparseMemory;
  /** The text of VMCOREINFO; it is not in memory unless a test writes it. */
  readonly vmcoreinfo: Uint8Array;
  readonly physBase: number;
  readonly stext: Vaddr;
  /** Physical address of something in the image. */
  readonly paddr: (address: bigint) => number;
}

// Offsets in the image.
const ROOT = 0x10000;
const PMD = 0x12000;
const PUD = 0x13000;
const P4D = 0x14000;
const DIRECT_PUD = 0x15000;
const DIRECT_PMD = 0x16000;
const DIRECT_P4D = 0x17000;
const USER_PUD = 0x18000;
const UTS_NS = 0x20000;
const BANNER = 0x21000;
const NOTES = 0x22000;
const BASES = 0x23000;
const COMMAND_LINE = 0x24000;
const KALLSYMS = 0x40000;
const LINKED_AT = 0x1000000n;
const START_KERNEL_MAP = 0xffffffff80000000n;

/** The build ID in .notes. */
export const BUILD_ID = 'c0ffee00112233445566778899aabbccddeeff00';

/** Builds it. */
export function buildKernel(options: SmallKernelOptions = {}): SmallKernel {
  const { loadedAt = 0x8200000, kaslrOffset = 0x16400000n, release = '6.1.0-test' } = options;
  const memory = options.memory ?? new SparseMemory();
  const stext = vaddr(START_KERNEL_MAP + LINKED_AT + kaslrOffset);
  const physBase = loadedAt - Number(stext - START_KERNEL_MAP);
  const depth = options.depth ?? 4;
  const table = (offset: number): string => `0x${(loadedAt + offset).toString(16)}`;
  const pmd = Number((stext - START_KERNEL_MAP) >> 21n);
  const top = { 4: 'pgd', 5: 'pgd[511].p4d' }[depth];
  buildPageTables(
    memory,
    loadedAt + ROOT,
    `${depth === 5 ? `pgd[511] -> p4d ${table(P4D)}` : ''}
     ${top}[511] -> pud ${table(PUD)}
     ${top}[511].pud[510] -> pmd ${table(PMD)}
     ${top}[511].pud[510].pmd[${pmd}] -> ${table(0)} PSE
     ${options.directMap === true ? directMap(depth, loadedAt) : ''}
     ${options.userHalf === true ? userHalf(table(USER_PUD)) : ''}`,
  );
  const put = (offset: number, text: string | Uint8Array): void => {
    memory.write(loadedAt + offset, typeof text === 'string' ? Buffer.from(text, 'latin1') : text);
  };
  const uts = ['Linux', 'node', release, '#1 SMP (date)', 'x86_64', 'domain'];
  uts.forEach((field, i) => put(UTS_NS + i * UTS_FIELD_SIZE, field.padEnd(UTS_FIELD_SIZE, '\0')));
  put(BANNER, `Linux version ${release} (gcc) #1 SMP (date)\n\0`);
  put(NOTES, gnuNote());
  const bases = new BigUint64Array([DIRECT_MAP[depth], 0xffffc90000000000n]);
  put(BASES, new Uint8Array(bases.buffer));
  const at = (offset: number): Vaddr => vaddr(stext + BigInt(offset));
  const told: KallsymsSymbol[] = [];
  if (options.commandLine !== undefined) {
    told.push({ name: 'saved_command_line', type: 'D', address: at(COMMAND_LINE) });
    put(COMMAND_LINE, new Uint8Array(new BigUint64Array([at(COMMAND_LINE + 8)]).buffer));
    put(COMMAND_LINE + 8, `${options.commandLine}\0`);
  }
  const symbols = [...imageSymbols(at), ...told, ...(options.moreSymbols?.(at) ?? [])];
  // Only absolute tables reach per-CPU symbols.
  const isAbsolute = options.kallsyms?.addressEncoding?.startsWith('absolute') !== false;
  const listed = symbols.filter(({ type }) => isAbsolute || type !== 'A');
  listed.sort((a, b) => (a.address < b.address ? -1 : a.address > b.address ? 1 : 0));
  const written = writeKallsyms(listed, {
    address: at(KALLSYMS),
    lengthEncoding: 'two-byte',
    addressEncoding: 'absolute-percpu',
    relativeBase: stext,
    mergesMax: 8,
    ...options.kallsyms,
  });
  put(KALLSYMS, written.bytes);
  const vmcoreinfo = writeVmcoreinfo({
    osrelease: release,
    symbols: {
      init_uts_ns: at(UTS_NS),
      swapper_pg_dir: at(ROOT),
      _stext: stext,
      ...written.symbols,
    },
    offsets: { 'uts_namespace.name': 0 },
    numbers: options.numbers ?? { phys_base: physBase, pgtable_l5_enabled: 0, sme_mask: 0 },
    kernelOffset: kaslrOffset,
    ...options.vmcoreinfo,
  });
  const paddr = (address: bigint): number => Number(address - stext) + loadedAt;
  return { memory, vmcoreinfo, physBase, stext, paddr };
}

/** page_offset_base without KASLR. */
const DIRECT_MAP = { 4: 0xffff888000000000n, 5: 0xff11000000000000n } as const;

function directMap(depth: PageTableDepth, loadedAt: number): string {
  const table = (offset: number): string => `0x${(loadedAt + offset).toString(16)}`;
  const top = { 4: 'pgd[273]', 5: 'pgd[273].p4d[0]' }[depth];
  return `${depth === 5 ? `pgd[273] -> p4d ${table(DIRECT_P4D)}` : ''}
     ${top} -> pud ${table(DIRECT_PUD)}
     ${top}.pud[${loadedAt >>> 30}] -> pmd ${table(DIRECT_PMD)}
     ${top}.pud[${loadedAt >>> 30}].pmd[${(loadedAt >>> 21) % 512}] -> ${table(0)} PSE`;
}

/** Its last entry leads to tables that map the entry code alone; here to nothing. */
function userHalf(pud: string): string {
  return `pgd[1023] -> pud ${pud}`;
}

/** Enough of them for two markers, with names that need each letter. */
export function manySymbols(at: (offset: number) => Vaddr): KallsymsSymbol[] {
  return Array.from({ length: 700 }, (_, i) => ({
    name: `quick_brown_fox_jumps_over_lazy_dog_vwxz_${i}`,
    type: i % 2 === 0 ? 't' : 'D',
    address: at(0x24000 + i * 0x40),
  }));
}

function imageSymbols(at: (offset: number) => Vaddr): KallsymsSymbol[] {
  return [
    { name: 'runqueues', type: 'A', address: vaddr(0x31980n) },
    { name: '_stext', type: 'T', address: at(0) },
    { name: 'schedule', type: 'T', address: at(0x100) },
    { name: 'swapper_pg_dir', type: 'D', address: at(ROOT) },
    { name: 'init_uts_ns', type: 'D', address: at(UTS_NS) },
    { name: 'linux_banner', type: 'D', address: at(BANNER) },
    { name: '__start_notes', type: 'R', address: at(NOTES) },
    { name: '__stop_notes', type: 'R', address: at(NOTES + gnuNote().length) },
    { name: 'page_offset_base', type: 'D', address: at(BASES) },
    { name: 'vmalloc_base', type: 'D', address: at(BASES + 8) },
    { name: '_end', type: 'B', address: at(0x100000) },
  ];
}

/** A property note, whose kind is of no interest here, then the GNU build ID. */
function gnuNote(): Uint8Array {
  const header = (descSize: number, type: number): number[] => [
    ...[4, 0, 0, 0],
    ...[descSize, 0, 0, 0],
    ...[type, 0, 0, 0],
    ...Buffer.from('GNU\0'),
  ];
  return Uint8Array.from([
    ...header(5, 5),
    ...[1, 2, 3, 4, 5, 0, 0, 0],
    ...header(20, 3),
    ...Buffer.from(BUILD_ID, 'hex'),
  ]);
}
