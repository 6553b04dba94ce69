// Physical memory over the PT_LOAD segments of an ELF dump.
//
//   p_paddr          + p_filesz        + p_memsz
//   |  in the file    |  excluded       |
//   |=================|- - - - - - - - -|
//
// Segments may overlap (the kernel's own mapping lies inside RAM; a paging guest's dump names one
// page under several virtual addresses), start and end inside a page, and come in any order. All
// of that is settled once, at open, into pieces that do not overlap.

import type { ElfFile, ElfProgramHeader } from '../format/elf/read.ts';
import { PT_LOAD } from '../format/elf/constants.ts';
import { IntervalMap } from '../util/interval-map.ts';
import type { PageState } from '../util/page-state.ts';
import { CachedMemory, type PhysicalRange } from './physical.ts';
import { VirtualRanges } from './virtual-ranges.ts';

/** Page size of the cache. Pages of another size (arm64 with 64 KiB) only mean more of these. */
const PAGE_SIZE = 4096;

/** A part of a PT_LOAD that is of one state. */
interface SegmentPart extends PhysicalRange {
  readonly state: PageState;
  /** File offset of the byte at `start`; only where it is present. */
  readonly offset: number;
}

/** Physical memory of an ELF vmcore. */
export class ElfMemory extends CachedMemory {
  readonly end: number;
  /**
   * The segments by virtual address; empty where p_vaddr says nothing. The way to vmalloc memory
   * and modules in a dump whose p_paddr is missing (/proc/kcore), or when page tables are.
   */
  readonly virtualRanges: VirtualRanges;
  readonly #file: ElfFile;
  readonly #map: IntervalMap;
  readonly #parts: readonly SegmentPart[];

  /** @param file its problems are told of segments that cannot be right */
  constructor(file: ElfFile) {
    super(PAGE_SIZE);
    this.#file = file;
    const loads = file.programHeaders.filter((header) => header.type === PT_LOAD);
    const physical = hasPhysicalAddresses(loads);
    this.virtualRanges = new VirtualRanges(file, loads, { physical });
    this.#parts = physical ? segmentParts(file, loads) : [];
    this.#map = new IntervalMap(this.#parts);
    this.end = this.#map.ends.at(-1) ?? 0;
  }

  /**
   * As {@link PageState} says. Where no segment speaks of `paddr`, a file that lost a part of its
   * program headers may have had one: then it is 'truncated', not 'not-in-dump'.
   */
  stateOf(paddr: number): PageState {
    const part = this.#partAt(this.#map.find(paddr));
    if (part !== undefined) return part.state;
    return this.#file.missingHeaderCount > 0 ? 'truncated' : 'not-in-dump';
  }

  *presentRanges(): Iterable<PhysicalRange> {
    const { starts, ends, length } = this.#map;
    let start = -1;
    let end = -1;
    for (let index = 0; index < length; index++) {
      if (this.#partAt(index)?.state !== 'present') continue;
      const pieceStart = starts[index] as number;
      if (pieceStart !== end) {
        if (start >= 0) yield { start, end };
        start = pieceStart;
      }
      end = ends[index] as number;
    }
    if (start >= 0) yield { start, end };
  }

  protected loadPage(index: number): Uint8Array | undefined {
    const page = new Uint8Array(PAGE_SIZE);
    return this.readRun(page, index * PAGE_SIZE) === PAGE_SIZE ? page : undefined;
  }

  /** One read of the file for each piece, whatever its length. */
  protected override readRun(into: Uint8Array, paddr: number): number {
    let done = 0;
    let index = this.#map.find(paddr);
    while (done < into.length) {
      const part = this.#partAt(index);
      const at = paddr + done;
      if (part?.state !== 'present' || (this.#map.starts[index] as number) > at) break;
      const length = Math.min(into.length - done, (this.#map.ends[index] as number) - at);
      const fileOffset = part.offset + (at - part.start);
      const got = this.#file.source.readInto(into.subarray(done, done + length), fileOffset);
      done += got;
      if (got < length) break;
      index++;
    }
    return done;
  }

  #partAt(index: number): SegmentPart | undefined {
    const owner = this.#map.owners[index];
    return owner === undefined ? undefined : this.#parts[owner];
  }
}

/**
 * Whether p_paddr means anything: several segments of different virtual addresses cannot all lie
 * at one physical address. Old kernels' /proc/kcore has 0 in each, newer ones have all ones where
 * they know none (then `paddr` is undefined).
 */
function hasPhysicalAddresses(loads: readonly ElfProgramHeader[]): boolean {
  const first = loads.find((load) => load.memsz > 0);
  if (first === undefined) return false;
  return (
    loads.every((load) => load.vaddr === first.vaddr || load.memsz === 0) ||
    loads.some((load) => load.paddr !== first.paddr && load.memsz > 0)
  );
}

/**
 * The parts of all segments, best first: what is in the file beats what was cut off it, and that
 * what was never in it; among equals the order of the headers decides.
 */
function segmentParts(file: ElfFile, loads: readonly ElfProgramHeader[]): SegmentPart[] {
  const present: SegmentPart[] = [];
  const truncated: SegmentPart[] = [];
  const excluded: SegmentPart[] = [];
  for (const load of loads) {
    const { paddr, offset, filesz, memsz } = load;
    if (paddr === undefined || !isPlausible(file, load)) continue;
    const inFile = Math.max(0, Math.min(filesz, file.source.size - offset));
    const dataEnd = paddr + inFile;
    const fileEnd = paddr + filesz;
    if (inFile > 0) present.push({ start: paddr, end: dataEnd, state: 'present', offset });
    if (inFile < filesz) {
      truncated.push({ start: dataEnd, end: fileEnd, state: 'truncated', offset: 0 });
      const what = `expected ${filesz} bytes at byte ${offset} of ${file.source.name}`;
      file.problems.addMessage(`PT_LOAD ${load.index}`, `${what}, have ${inFile}`, 'format');
    }
    if (memsz > filesz) {
      excluded.push({ start: fileEnd, end: paddr + memsz, state: 'excluded', offset: 0 });
    }
  }
  return present.concat(truncated, excluded);
}

/** False, with a problem, for a segment whose addresses or file offsets leave 2^53. */
function isPlausible(file: ElfFile, load: ElfProgramHeader): boolean {
  const { paddr = 0, offset, filesz, memsz, index } = load;
  if (filesz > memsz) {
    // crash and makedumpfile go by p_filesz, so a writer that gets p_memsz wrong goes unnoticed.
    const what = `p_filesz ${filesz} is more than p_memsz ${memsz}; its bytes are used`;
    file.problems.addMessage(`PT_LOAD ${index}`, what, 'format');
  }
  const highest = Math.max(paddr + Math.max(filesz, memsz), offset + filesz);
  if (highest <= Number.MAX_SAFE_INTEGER) return true;
  const what = 'expected addresses and offsets below 2^53, the segment reaches past it';
  file.problems.addMessage(`PT_LOAD ${index}`, what, 'format');
  return false;
}
