// kallsyms by a search of memory, where VMCOREINFO does not name its tables: kernels before 6.0,
// and dumps without any VMCOREINFO.
//
// The image of a kernel lies in one piece of physical memory, so its tables are found and read
// there, without page tables. A kernel in a file of the page cache has them too, and so has a
// capture kernel; which one is right, known symbols and the page tables say.

import { PAGE_SIZE, START_KERNEL_MAP } from '../arch/x86-64.ts';
import { hex, vaddrAdd, type Vaddr } from '../util/address.ts';
import { errorChain, FaultError, FormatError, InvalidError, VmcoreError } from '../util/errors.ts';
import { findKallsymsAt, type FoundKallsyms } from '../format/kallsyms/find.ts';
import {
  TOKEN_INDEX_SIZE,
  tokenIndexPlaces,
  tokenTableTraces,
  type TableMemory,
} from '../format/kallsyms/token-index.ts';
import type { AddressSpace } from '../memory/address-space.ts';
import { tryRead, type PhysicalMemory, type PhysicalRange } from '../memory/physical.ts';
import { KallsymsSymbols } from './kernel-kallsyms.ts';
import { memoryPieces, type OnSearched } from './memory-pieces.ts';

/** The image has at most KERNEL_IMAGE_SIZE with KASLR, 1 GiB; real ones have a tenth of it. */
const IMAGE_SIZE_MAX = 512 << 20;

/** Tables that are looked at; the page cache may hold some kernels. */
const CANDIDATES_MAX = 64;

/** The banner of every kernel begins so (init/version.c). */
const BANNER = 'Linux version ';

/** How {@link scanKallsyms} searches. */
export interface KallsymsScan {
  /** The part of memory to search; all of it unless told. */
  readonly within?: PhysicalRange | undefined;
  /** What to add to a place in the image to get a physical address; 0 where it is not known. */
  readonly physBase: number;
  readonly onProgress?: OnSearched | undefined;
}

/** Tables that hold together, and whatever spoke against others. */
export type ScannedKallsyms = { readonly found: FoundKallsyms } | KallsymsDoubt;

/** Why what looks like tables at a physical address is none. */
export interface KallsymsDoubt {
  readonly doubt: FormatError;
  readonly paddr: number;
}

/** Tables in the order in which they are decoded; addresses, which come last, have many names. */
const DECODED = [
  'kallsyms_token_table',
  'kallsyms_token_index',
  'kallsyms_names',
  'kallsyms_markers',
  'kallsyms_num_syms',
];

/** Of several doubts first the one of tables that could be decoded farthest: others are decoys. */
export function compareDoubts({ doubt: a }: KallsymsDoubt, { doubt: b }: KallsymsDoubt): number {
  const stage = ({ section }: FormatError): number =>
    DECODED.includes(section) ? DECODED.indexOf(section) : DECODED.length;
  return stage(b) - stage(a) || (b.offset ?? 0) - (a.offset ?? 0);
}

/** What is wrong and where. */
export function doubtText({ doubt, paddr }: KallsymsDoubt): string {
  return `${errorChain(doubt)} (token table or index at physical address ${hex(paddr)})`;
}

/** Every kallsyms in memory, in the order of addresses; or why what looks like one is none. */
export function* scanKallsyms(
  memory: PhysicalMemory,
  { within, physBase, onProgress }: KallsymsScan,
): Generator<ScannedKallsyms> {
  let candidates = 0;
  for (const { paddr, isIndex } of places(memory, { within, onProgress })) {
    if (candidates++ >= CANDIDATES_MAX) {
      const what = `more than ${CANDIDATES_MAX} places look like it; from here on none is read`;
      yield { doubt: new FormatError({ section: 'kallsyms' }, what), paddr };
      return;
    }
    if (!isIndex) {
      const what = 'no index of 256 ascending places lies behind the table';
      yield { doubt: new FormatError({ section: 'kallsyms_token_index' }, what), paddr };
      continue;
    }
    try {
      for (const found of kallsymsAt(memory, paddr, physBase)) yield { found };
    } catch (error) {
      if (!(error instanceof FormatError)) throw error;
      yield { doubt: error, paddr };
    }
  }
}

/**
 * What the tables around a token index can be read as, the likeliest first.
 *
 * @throws FormatError naming the table that is wrong, and the place in it
 */
export function kallsymsAt(
  memory: PhysicalMemory,
  tokenIndexAt: number,
  physBase: number,
): FoundKallsyms[] {
  return findKallsymsAt(new PhysicalTables(memory), tokenIndexAt, {
    lowest: START_KERNEL_MAP,
    vaddrOf: (paddr) => vaddrAdd(START_KERNEL_MAP, paddr - physBase),
  });
}

/** What is known of a kernel whose tables are looked for. */
export interface KnownKernel {
  readonly space: AddressSpace;
  readonly physBase: number;
  /** Symbols that are known to be right: those of VMCOREINFO. */
  readonly known: Iterable<{ readonly name: string; readonly address: Vaddr }>;
  readonly onProgress?: OnSearched | undefined;
}

/**
 * The symbols of a kernel whose page tables are known, by a search of its image.
 *
 * @throws FormatError naming the table that is wrong, the place in it, and where it lies
 * @throws InvalidError if there are none, or only those of another kernel
 */
export function findKernelKallsyms(memory: PhysicalMemory, kernel: KnownKernel): KallsymsSymbols {
  // A table that VMCOREINFO names wrongly must not speak against the one that is found.
  const known = [...kernel.known].filter(
    ({ name, address }) => address >= START_KERNEL_MAP && !name.startsWith('kallsyms_'),
  );
  const within = imageRange(kernel.physBase, known);
  let other: InvalidError | undefined;
  const doubts: KallsymsDoubt[] = [];
  for (const each of scanKallsyms(memory, { ...kernel, within })) {
    if ('doubt' in each) {
      doubts.push(each);
      continue;
    }
    const wrong = disagreement(each.found, { ...kernel, known });
    if (wrong === undefined) return new KallsymsSymbols(each.found.kallsyms, SCANNED_ORIGIN);
    other ??= wrong;
  }
  if (other !== undefined) throw other;
  if (doubts.length > 0) {
    const told = doubts.sort(compareDoubts).slice(0, DOUBTS_TOLD).map(doubtText);
    throw new FormatError({ section: 'kallsyms' }, `none that can be read: ${told.join('; ')}`);
  }
  const where = `${hex(within.start)} to ${hex(within.end)}`;
  throw new InvalidError(`kallsyms_token_index: none in physical memory from ${where}`);
}

/** Doubts of a search that are told. */
const DOUBTS_TOLD = 2;

/** As it stands in results. */
export const SCANNED_ORIGIN = 'kallsyms in the dump, found by a search of its tables';

/** Where the image can lie; from the lowest symbol on that is known. */
function imageRange(
  physBase: number,
  known: readonly { readonly address: Vaddr }[],
): PhysicalRange {
  const offsets = known.map(({ address }) => Number(address - START_KERNEL_MAP));
  const start = Math.max(0, physBase + (offsets.length > 0 ? Math.min(...offsets) : 0));
  return { start, end: start + IMAGE_SIZE_MAX };
}

/** What of the known symbols, or of the banner, is not where the tables say. */
function disagreement(
  { kallsyms }: FoundKallsyms,
  { space, known }: KnownKernel,
): InvalidError | undefined {
  let agreeing = 0;
  for (const { name, address } of known) {
    const all = kallsyms.lookupAll(name);
    if (all.length === 0) continue;
    if (all.some((symbol) => symbol.address === address)) agreeing++;
    else {
      const have = hex(all[0]?.address ?? 0n);
      return new InvalidError(
        `kallsyms: of another kernel: expected ${name} at ${hex(address)}, have ${have}`,
      );
    }
  }
  if (agreeing > 0 && hasBanner(kallsyms, space) !== false) return undefined;
  return new InvalidError(`kallsyms: expected the banner at linux_banner, or known symbols`);
}

/** Whether the banner is where the tables say; undefined where that cannot be read. */
function hasBanner(kallsyms: FoundKallsyms['kallsyms'], space: AddressSpace): boolean | undefined {
  const address = kallsyms.lookup('linux_banner');
  if (address === undefined) return undefined;
  try {
    return Buffer.from(space.read(address, BANNER.length)).toString('latin1') === BANNER;
  } catch (error) {
    if (!(error instanceof FaultError)) throw error;
    return error.reason === 'not-mapped' ? false : undefined;
  }
}

/** Bytes that a token table and its index can have between them. */
const TOKENS_SIZE_MAX = (64 << 10) + TOKEN_INDEX_SIZE;

/** Where a token index stands, or a token table that has none. */
function* places(
  memory: PhysicalMemory,
  options: Pick<KallsymsScan, 'within' | 'onProgress'>,
): Generator<{ paddr: number; isIndex: boolean }> {
  for (const piece of memoryPieces(memory, { overlap: TOKENS_SIZE_MAX, ...options })) {
    const { bytes, start, end } = piece;
    const indexes = [...tokenIndexPlaces(bytes)];
    for (const at of indexes) {
      if (start + at < end) yield { paddr: start + at, isIndex: true };
    }
    for (const at of tokenTableTraces(bytes)) {
      // An index of empty strings ascends by 1, so that it may have the codes of the digits.
      const hasIndex = indexes.some(
        (index) => index - at < TOKENS_SIZE_MAX && at - index < TOKEN_INDEX_SIZE,
      );
      if (!hasIndex && start + at < end) yield { paddr: start + at, isIndex: false };
    }
  }
}

/** Read at once on the way back. */
const BACK_STEP = 64 << 10;

/** Physical memory as the tables are read from it. */
class PhysicalTables implements TableMemory {
  readonly #memory: PhysicalMemory;

  constructor(memory: PhysicalMemory) {
    this.#memory = memory;
  }

  after(at: number, lengthMax: number): Uint8Array {
    let length = at < 0 ? 0 : lengthMax;
    while (length > 0) {
      const bytes = new Uint8Array(length);
      try {
        this.#memory.readInto(bytes, at);
        return bytes;
      } catch (error) {
        if (!(error instanceof VmcoreError)) throw error;
        // A page that is damaged in the file is named by no address.
        const end = error instanceof FaultError ? Number(error.address) - at : 0;
        length = end < length ? end : 0;
      }
    }
    return new Uint8Array(0);
  }

  before(at: number, lengthMax: number): Uint8Array {
    const lowest = Math.max(0, at - lengthMax);
    const bytes = new Uint8Array(at - lowest);
    let start = at;
    const grow = (step: number): boolean => {
      const size = Math.min(step, start - lowest);
      const into = bytes.subarray(start - size - lowest, start - lowest);
      if (size === 0 || !tryRead(this.#memory, into, start - size)) return false;
      start -= size;
      return true;
    };
    grow(at % PAGE_SIZE);
    for (const step of [BACK_STEP, PAGE_SIZE]) while (grow(step));
    return bytes.subarray(start - lowest);
  }
}
