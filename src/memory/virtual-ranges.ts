// PT_LOAD segments by virtual address. /proc/vmcore names the direct map, /proc/kcore also vmalloc,
// modules and the kernel's text, QEMU with paging on whatever the page tables of each CPU mapped.
//
// A guest's user space lies in there too, and CPUs that run different processes give one user
// address two meanings. The first in header order wins, as for physical addresses.

import type { ElfFile, ElfProgramHeader } from '../format/elf/read.ts';
import { IntervalMap } from '../util/interval-map.ts';

/** Where a virtual address leads by the program headers alone. */
export interface VirtualRange {
  /** The address that was asked for. */
  readonly vaddr: bigint;
  /** How many bytes from there on are of the same segment, in memory. */
  readonly length: number;
  /** How many of them the file has; 0 where the segment is excluded or cut off. */
  readonly fileLength: number;
  /** File offset of the byte at `vaddr`; only where `fileLength` is not 0. */
  readonly fileOffset: number;
  /** Its physical address, if the dump says. */
  readonly paddr: number | undefined;
}

/** Looks up virtual addresses among PT_LOADs; indexed at the first look-up. */
export class VirtualRanges {
  readonly #file: ElfFile;
  readonly #loads: readonly ElfProgramHeader[];
  readonly #physical: boolean;
  #index: VirtualIndex | undefined;

  /** @param options.physical false if p_paddr says nothing in this file */
  constructor(
    file: ElfFile,
    loads: readonly ElfProgramHeader[],
    options: { readonly physical: boolean },
  ) {
    this.#file = file;
    this.#physical = options.physical;
    this.#loads = loads.filter((load) => hasVirtualAddress(load));
  }

  /** True if no segment has a virtual address that says anything. */
  get isEmpty(): boolean {
    return this.#loads.length === 0;
  }

  /** The segment over `vaddr`; undefined if none is. */
  find(vaddr: bigint): VirtualRange | undefined {
    if (this.#loads.length === 0) return undefined;
    this.#index ??= buildIndex(this.#loads);
    const piece = findPiece(this.#index, vaddr);
    const load = piece === undefined ? undefined : this.#loads[piece.owner];
    if (piece === undefined || load === undefined) return undefined;
    const inSegment = Number(vaddr - load.vaddr);
    const inFile = Math.min(load.filesz, this.#file.source.size - load.offset) - inSegment;
    const length = Number(piece.end - vaddr);
    const paddr = this.#physical && load.paddr !== undefined ? load.paddr + inSegment : undefined;
    return {
      vaddr,
      length,
      fileLength: Math.max(0, Math.min(inFile, length)),
      fileOffset: load.offset + inSegment,
      paddr,
    };
  }

  /**
   * Fills `into` from the file.
   *
   * @returns how many bytes from `vaddr` on the segments have, at most `into.length`
   */
  readInto(into: Uint8Array, vaddr: bigint): number {
    let done = 0;
    while (done < into.length) {
      const range = this.find(vaddr + BigInt(done));
      if (range === undefined || range.fileLength === 0) break;
      const length = Math.min(into.length - done, range.fileLength);
      const part = into.subarray(done, done + length);
      const got = this.#file.source.readInto(part, range.fileOffset);
      done += got;
      if (got < length) break;
    }
    return done;
  }
}

/**
 * QEMU writes p_vaddr = p_paddr, or 0, with paging off; other writers 0 where they know none. A
 * segment at the same number in both spaces tells us nothing that p_paddr does not.
 */
function hasVirtualAddress(load: ElfProgramHeader): boolean {
  if (load.memsz === 0 || load.vaddr === 0n) return false;
  return load.paddr === undefined || load.vaddr !== BigInt(load.paddr);
}

/** The segments over ranks: rank n is the n-th smallest address where a segment starts or ends. */
interface VirtualIndex {
  readonly cuts: BigUint64Array;
  readonly map: IntervalMap;
}

const VADDR_END = 1n << 64n;

/** Addresses need 64 bits and an IntervalMap has 53, so it is built over the ranks of addresses. */
function buildIndex(loads: readonly ElfProgramHeader[]): VirtualIndex {
  const bounds = new BigUint64Array(loads.length * 2);
  loads.forEach((load, index) => {
    bounds[index * 2] = load.vaddr;
    // The end of the address space does not fit; no cut is needed there.
    const end = load.vaddr + BigInt(load.memsz);
    bounds[index * 2 + 1] = end < VADDR_END ? end : load.vaddr;
  });
  const cuts = bounds.sort();
  const ranges = loads.map((load) => ({
    start: rankOf(cuts, load.vaddr),
    end: rankOf(cuts, load.vaddr + BigInt(load.memsz)),
  }));
  return { cuts, map: new IntervalMap(ranges) };
}

/** Which segment is at `vaddr` and where its piece ends. */
function findPiece(
  { cuts, map }: VirtualIndex,
  vaddr: bigint,
): { owner: number; end: bigint } | undefined {
  const exact = rankOf(cuts, vaddr);
  const rank = cuts[exact] === vaddr ? exact : exact - 1;
  const piece = map.find(rank);
  const owner = map.owners[piece];
  if (owner === undefined) return undefined;
  return { owner, end: cuts[map.ends[piece] as number] ?? VADDR_END };
}

/** How many of the ascending `cuts` are below `vaddr`. */
function rankOf(cuts: BigUint64Array, vaddr: bigint): number {
  let low = 0;
  let high = cuts.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((cuts[middle] as bigint) < vaddr) low = middle + 1;
    else high = middle;
  }
  return low;
}
