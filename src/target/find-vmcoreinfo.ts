// VMCOREINFO in memory, for dumps that carry no note: raw images, QEMU without -device vmcoreinfo.
//
// The kernel holds the text twice: in vmcoreinfo_data, a page of its own, and, once it has paniced
// or since boot where it was asked for, in vmcoreinfo_note behind an ELF note header. Firmware
// holds a third copy where QEMU was to write the note. All begin with the same line, so all of
// memory is searched for it. What is found may also be a file in the page cache, the text of an
// earlier boot, or that of the capture kernel: only a text whose page tables are in this memory
// and map the symbols that it names is taken.

import { hex, vaddr } from '../util/address.ts';
import { latin1 } from '../util/byte-reader.ts';
import { errorChain, FormatError, InvalidError, VmcoreError } from '../util/errors.ts';
import type { Problems } from '../util/problems.ts';
import { placesOf } from '../util/places-of.ts';
import { readVmcoreinfo, VMCOREINFO_SIZE_MAX, type Vmcoreinfo } from '../format/vmcoreinfo/read.ts';
import { tryRead, type PhysicalMemory } from '../memory/physical.ts';
import { findKernelSpace, type KernelSpace } from './kernel-memory.ts';
import type { KallsymsSymbols } from './kernel-kallsyms.ts';
import { memoryPieces, type OnSearched } from './memory-pieces.ts';

/** A VMCOREINFO and the kernel that it was proved to describe. */
export interface VerifiedVmcoreinfo extends KernelSpace {
  readonly info: Vmcoreinfo;
  /** Where it was found, in words. */
  readonly source: string;
  /** Physical address of the text, where it was found in memory. */
  readonly paddr: number | undefined;
  /** Where a fact comes from that VMCOREINFO did not say, by its key there. */
  readonly sources?: Readonly<Record<string, string>>;
  /** The symbols, where the kernel was found by them. */
  readonly symbols?: KallsymsSymbols;
}

/** What {@link findVmcoreinfo} may be given. */
export interface FindVmcoreinfoOptions {
  readonly problems: Problems;
  /** Told of the bytes searched so far, and of all that there are, for a progress line. */
  readonly onProgress?: OnSearched;
}

/** The first line, without its value. */
const MARK = Buffer.from('OSRELEASE=');

/** Texts that are looked at; a page cache full of vmcores may hold very many. */
const CANDIDATES_MAX = 4096;

/** Texts for which memory is searched for a root table, if none leads to one. */
const SEARCHES_MAX = 16;

/** VMCOREINFO_BYTES is a page on x86-64. */
const TEXT_SIZE_MAX = 4096;

/**
 * Searches memory for the VMCOREINFO of the kernel that it belongs to. If there are two such
 * kernels, as in a machine whose capture kernel runs, the one that crashed is taken.
 *
 * @throws InvalidError if there is none
 */
export function findVmcoreinfo(
  memory: PhysicalMemory,
  options: FindVmcoreinfoOptions,
): VerifiedVmcoreinfo {
  const verified: VerifiedVmcoreinfo[] = [];
  const rejected: Candidate[] = [];
  for (const candidate of candidates(memory, options.onProgress)) {
    const space = tryFindSpace(memory, candidate, { search: false });
    if (space === undefined) rejected.push(candidate);
    else verified.push({ ...candidate, ...space });
  }
  // A search for the root table costs a read for each 2 MiB of memory, so it comes last and is
  // done for a few only.
  for (const candidate of verified.length > 0 ? [] : rejected.slice(0, SEARCHES_MAX)) {
    const space = tryFindSpace(memory, candidate, { search: true });
    if (space !== undefined) verified.push({ ...candidate, ...space });
  }
  const chosen = choose(verified, options.problems);
  if (chosen !== undefined) return chosen;
  const why = rejected.slice(0, 3).map(({ source, doubt }) => `${source}: ${doubt}`);
  const found = why.length === 0 ? 'none found in memory' : why.join('; ');
  throw new InvalidError(`VMCOREINFO: expected one whose page tables are in the dump: ${found}`);
}

/** A text that could be a VMCOREINFO. */
interface Candidate {
  readonly info: Vmcoreinfo;
  readonly source: string;
  readonly paddr: number;
  /** Why its kernel was not found. */
  doubt?: string;
}

/** Texts that have the facts that a proof needs, each once. */
function* candidates(
  memory: PhysicalMemory,
  onProgress: FindVmcoreinfoOptions['onProgress'],
): Generator<Candidate> {
  const seen = new Set<string>();
  let candidateCount = 0;
  for (const paddr of occurrences(memory, onProgress)) {
    if (++candidateCount > CANDIDATES_MAX) return;
    const text = textAt(memory, paddr);
    if (text === undefined || seen.has(text)) continue;
    seen.add(text);
    const info = parse(text);
    // A format string (`OSRELEASE=%s`) or a text without a page table is no candidate at all.
    if (info?.pageSize === undefined || info.symbol('swapper_pg_dir') === undefined) continue;
    yield { info, source: `found in memory at physical address ${hex(paddr)}`, paddr };
  }
}

function tryFindSpace(
  memory: PhysicalMemory,
  candidate: Candidate,
  options: { search: boolean },
): KernelSpace | undefined {
  try {
    return findKernelSpace(memory, candidate.info, options);
  } catch (error) {
    if (!(error instanceof VmcoreError)) throw error;
    candidate.doubt = `${candidate.info.osrelease}: ${errorChain(error)}`;
    return undefined;
  }
}

/**
 * The VMCOREINFO of a kernel that was found by its image: `vmcoreinfo_data` is its text (v4.4), or
 * a pointer to it (v6.1). Undefined if it is not in the dump, or another kernel's.
 */
export function vmcoreinfoOf(
  memory: PhysicalMemory,
  { space, symbols }: VerifiedVmcoreinfo,
): VerifiedVmcoreinfo | undefined {
  const address = symbols?.lookup('vmcoreinfo_data');
  if (address === undefined) return undefined;
  try {
    const bytes = Buffer.from(space.read(address, MARK.length));
    const at = bytes.equals(MARK) ? address : vaddr(bytes.readBigUInt64LE(0));
    const paddr = space.translate(at);
    const info = parse(textAt(memory, paddr) ?? '');
    if (info === undefined) return undefined;
    const source = `found in memory at physical address ${hex(paddr)}`;
    return { ...findKernelSpace(memory, info, { search: false }), info, source, paddr };
  } catch (error) {
    if (!(error instanceof VmcoreError)) throw error;
    return undefined;
  }
}

/** The physical addresses at which the first line of a VMCOREINFO stands. */
function* occurrences(
  memory: PhysicalMemory,
  onProgress: FindVmcoreinfoOptions['onProgress'],
): Generator<number> {
  for (const { bytes, start, end } of memoryPieces(memory, {
    overlap: MARK.length - 1,
    onProgress,
  })) {
    for (const at of placesOf(bytes, MARK)) {
      if (start + at < end) yield start + at;
    }
  }
}

/** The text from its first line to its end, which must lie in present memory. */
function textAt(memory: PhysicalMemory, paddr: number): string | undefined {
  // The text ends with its page, or where the note that holds it ends; both are near.
  for (const size of [TEXT_SIZE_MAX, TEXT_SIZE_MAX - (paddr % TEXT_SIZE_MAX)]) {
    const bytes = new Uint8Array(Math.min(size, VMCOREINFO_SIZE_MAX));
    if (!tryRead(memory, bytes, paddr)) continue;
    const end = bytes.findIndex((byte) => byte !== 0x0a && (byte < 0x20 || byte > 0x7e));
    return latin1(end < 0 ? bytes : bytes.subarray(0, end));
  }
  return undefined;
}

function parse(text: string): Vmcoreinfo | undefined {
  try {
    return readVmcoreinfo(Buffer.from(text, 'latin1'));
  } catch (error) {
    if (!(error instanceof FormatError)) throw error;
    return undefined;
  }
}

/**
 * Of several the one of the kernel that crashed (only it has CRASHTIME); else the longest, since
 * vmcoreinfo_note may be an older copy of vmcoreinfo_data. Two kernels are a problem to tell.
 */
function choose(
  verified: readonly VerifiedVmcoreinfo[],
  problems: Problems,
): VerifiedVmcoreinfo | undefined {
  const ranked = [...verified].sort(
    (a, b) =>
      Number(b.info.crashTime !== undefined) - Number(a.info.crashTime !== undefined) ||
      b.info.entries.size - a.info.entries.size,
  );
  const [chosen] = ranked;
  const others = ranked.filter((other) => other.space.root !== chosen?.space.root);
  if (chosen !== undefined && others.length > 0) {
    const names = ranked.map(({ info, source }) => `${info.osrelease} (${source})`).join(', ');
    problems.addMessage('VMCOREINFO', `memory holds several kernels, the first is taken: ${names}`);
  }
  return chosen;
}
