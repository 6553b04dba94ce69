// Writes kdump files of every version and ABI; read.ts draws the format. Pages come in the order of
// their pfns and go straight to the sink, so that memory does not grow with the dump. The headers
// are written last, when it is known where everything came to lie.

import { assert } from '../../util/assert.ts';
import type { ByteSink } from '../../util/io.ts';
import type { PfnRange } from './bitmap.ts';
import { BitmapWriter } from './bitmap-writer.ts';
import {
  BLOCK_SIZE_MAX,
  DISKDUMP_HEADER_BLOCKS,
  DUMP_DH_COMPRESSED_INCOMPLETE,
  HEADER_VERSION_MAX,
  KDUMP_SIGNATURE,
  PAGE_DESC_SIZE,
} from './constants.ts';
import type { KdumpTarget, KdumpUtsname } from './header.ts';
import { membersOf } from './header.ts';
import { DISK_DUMP_HEADER, encodeStruct, structSize } from './layout.ts';
import { StreamWriter } from './stream-writer.ts';

/** Compressed data of a page with its DUMP_DH_COMPRESSED_* flag. */
export interface CompressedPage {
  readonly flags: number;
  readonly bytes: Uint8Array;
}

/** Compresses one page; undefined where that does not make it smaller. */
export type PageCompressor = (page: Uint8Array) => CompressedPage | undefined;

/** What a {@link KdumpWriter} writes besides pages. */
export interface KdumpWriterOptions {
  /** One past the highest pfn. */
  readonly maxPfn: number;
  /**
   * The most pages that this file will store. Descriptors lie before the data, so their room must
   * be known; where fewer pages come, a hole stays.
   */
  readonly storedCountMax: number;
  /** LP64 and little-endian unless told. */
  readonly target?: KdumpTarget;
  /** 1 to 6; 6 unless told. */
  readonly version?: number;
  readonly signature?: string;
  /** Page size of the dumped kernel in bytes: 4096 unless told. */
  readonly blockSize?: number;
  /** 1 leaves out the bitmap of RAM, as diskdump did; then nothing can be excluded. */
  readonly bitmapCount?: 1 | 2;
  readonly utsname?: Partial<KdumpUtsname>;
  readonly timestamp?: { readonly sec: number; readonly usec: number };
  readonly status?: number;
  readonly cpuCount?: number;
  readonly physBase?: bigint;
  readonly dumpLevel?: number;
  /** Writes the part of a split set that stores these pfns; version 2 and later. */
  readonly split?: PfnRange;
  /** Version 3 and later. May be a part of `notes`; then it is not written twice. */
  readonly vmcoreinfo?: Uint8Array;
  /** Version 4 and later. */
  readonly notes?: Uint8Array;
  /** Version 5 and later. */
  readonly eraseinfo?: Uint8Array;
  /** Pages are stored as they are where this is absent. */
  readonly compress?: PageCompressor;
}

const LP64_LITTLE: KdumpTarget = { abi: 'lp64', littleEndian: true };

/** Writes one kdump file. Calls of `add…` must be in ascending order of pfns. */
export class KdumpWriter {
  readonly #sink: ByteSink;
  readonly #options: KdumpWriterOptions;
  readonly #target: KdumpTarget;
  readonly #version: number;
  readonly #blockSize: number;
  readonly #layout: FileLayout;
  readonly #ram: BitmapWriter | undefined;
  readonly #stored: BitmapWriter;
  readonly #descriptors: StreamWriter;
  readonly #data: StreamWriter;
  /** Where the one copy of a page of zeros is; 0 before there is one. */
  #zeroPageOffset = 0;
  #storedCount = 0;
  #nextPfn = 0;
  #hasLostPages = false;

  constructor(sink: ByteSink, options: KdumpWriterOptions) {
    this.#sink = sink;
    this.#options = options;
    this.#target = options.target ?? LP64_LITTLE;
    this.#version = options.version ?? HEADER_VERSION_MAX;
    this.#blockSize = options.blockSize ?? 4096;
    const layout = planFile({
      ...options,
      target: this.#target,
      version: this.#version,
      blockSize: this.#blockSize,
    });
    this.#layout = layout;
    this.#ram =
      options.bitmapCount === 1 ? undefined : new BitmapWriter(sink, layout.bitmapsOffset);
    this.#stored = new BitmapWriter(sink, layout.storedBitmapOffset);
    this.#descriptors = new StreamWriter(sink, layout.descriptorsOffset);
    this.#data = new StreamWriter(sink, layout.dataOffset);
  }

  /** Stores a page of `blockSize` bytes; of a split part, only if the pfn is of that part. */
  addPage(pfn: number, page: Uint8Array): void {
    assert(page.length === this.#blockSize, `page of ${page.length} bytes`);
    if (!this.#markStored(pfn)) return;
    const { offset, size, flags } = this.#storeData(page);
    this.#descriptors.append(this.#encodeDesc(offset, size, flags));
  }

  /** Notes pages that are RAM and not stored: makedumpfile -d excluded them. */
  addExcluded(pfns: PfnRange): void {
    this.#advance(pfns);
    assert(this.#ram !== undefined, 'one bitmap cannot tell excluded pages');
    this.#ram.set(pfns);
  }

  /** Notes a page that was to be stored when the writer ran out of space. */
  addLost(pfn: number): void {
    if (!this.#markStored(pfn)) return;
    this.#hasLostPages = true;
    this.#descriptors.append(new Uint8Array(PAGE_DESC_SIZE));
  }

  /** Writes what is buffered, and the headers. */
  finish(): void {
    const { eraseinfo } = this.#options;
    this.#ram?.finish();
    this.#stored.finish();
    this.#descriptors.finish();
    const eraseOffset = this.#data.position;
    if (eraseinfo !== undefined) this.#data.append(eraseinfo);
    this.#data.finish();
    this.#extendToBitmaps();
    this.#writeHeader();
    this.#writeSubHeader(eraseOffset);
  }

  #markStored(pfn: number): boolean {
    const range = { start: pfn, end: pfn + 1 };
    this.#advance(range);
    this.#ram?.set(range);
    this.#stored.set(range);
    const { split } = this.#options;
    if (split !== undefined && !(pfn >= split.start && pfn < split.end)) return false;
    this.#storedCount++;
    assert(this.#storedCount <= this.#options.storedCountMax, 'more pages than storedCountMax');
    return true;
  }

  #advance({ start, end }: PfnRange): void {
    assert(start >= this.#nextPfn && end > start, `pfn ${start} after ${this.#nextPfn - 1}`);
    assert(end <= this.#options.maxPfn, `pfn ${end - 1} is not below maxPfn`);
    this.#nextPfn = end;
  }

  #storeData(page: Uint8Array): { offset: number; size: number; flags: number } {
    if (isZero(page)) {
      if (this.#zeroPageOffset === 0) this.#zeroPageOffset = this.#data.append(page);
      return { offset: this.#zeroPageOffset, size: page.length, flags: 0 };
    }
    const packed = this.#options.compress?.(page);
    if (packed !== undefined && packed.bytes.length < page.length) {
      const offset = this.#data.append(packed.bytes);
      return { offset, size: packed.bytes.length, flags: packed.flags };
    }
    return { offset: this.#data.append(page), size: page.length, flags: 0 };
  }

  #encodeDesc(offset: number, size: number, flags: number): Uint8Array {
    const bytes = new Uint8Array(PAGE_DESC_SIZE);
    const view = new DataView(bytes.buffer);
    const { littleEndian } = this.#target;
    view.setBigUint64(0, BigInt(offset), littleEndian);
    view.setUint32(8, size, littleEndian);
    view.setUint32(12, flags, littleEndian);
    return bytes;
  }

  /** A file without pages must still reach the end of its bitmaps. */
  #extendToBitmaps(): void {
    const { bitmapsOffset, descriptorsOffset } = this.#layout;
    const isEmpty = this.#storedCount === 0 && descriptorsOffset > bitmapsOffset;
    if (isEmpty && !this.#stored.wroteLastByte(descriptorsOffset)) {
      this.#sink.write(new Uint8Array(1), descriptorsOffset - 1);
    }
  }

  #writeHeader(): void {
    const { utsname = {}, timestamp, maxPfn, cpuCount = 1 } = this.#options;
    const text = (value = ''): Uint8Array => Buffer.from(value, 'latin1');
    const incomplete = this.#hasLostPages ? DUMP_DH_COMPRESSED_INCOMPLETE : 0;
    const header = {
      signature: text(this.#options.signature ?? KDUMP_SIGNATURE),
      header_version: this.#version,
      sysname: text(utsname.sysname),
      nodename: text(utsname.nodename),
      release: text(utsname.release),
      version: text(utsname.version),
      machine: text(utsname.machine),
      domainname: text(utsname.domainname),
      tv_sec: timestamp?.sec ?? 0,
      tv_usec: timestamp?.usec ?? 0,
      status: (this.#options.status ?? 0) | incomplete,
      block_size: this.#blockSize,
      sub_hdr_size: this.#layout.subHeaderBlocks,
      bitmap_blocks: this.#layout.bitmapBlocks,
      max_mapnr: Math.min(maxPfn, UINT_MAX),
      nr_cpus: cpuCount,
    };
    this.#sink.write(encodeStruct(header, DISK_DUMP_HEADER, this.#target), 0);
  }

  #writeSubHeader(eraseOffset: number): void {
    const { physBase = 0n, dumpLevel = 0, split, maxPfn } = this.#options;
    const { eraseinfo } = this.#options;
    const { notes, vmcoreinfo, notesOffset, vmcoreinfoOffset } = this.#layout;
    if (notes !== undefined) this.#sink.write(notes, notesOffset);
    if (vmcoreinfo !== undefined) this.#sink.write(vmcoreinfo, vmcoreinfoOffset);
    const subHeader = {
      phys_base: BigInt.asUintN(64, physBase),
      dump_level: dumpLevel,
      split: split === undefined ? 0 : 1,
      start_pfn: Math.min(split?.start ?? 0, UINT_MAX),
      end_pfn: Math.min(split?.end ?? 0, UINT_MAX),
      offset_vmcoreinfo: vmcoreinfo === undefined ? 0 : vmcoreinfoOffset,
      size_vmcoreinfo: vmcoreinfo?.length ?? 0,
      offset_note: notes === undefined ? 0 : notesOffset,
      size_note: notes?.length ?? 0,
      offset_eraseinfo: eraseinfo === undefined ? 0 : eraseOffset,
      size_eraseinfo: eraseinfo?.length ?? 0,
      start_pfn_64: split?.start ?? 0,
      end_pfn_64: split?.end ?? 0,
      max_mapnr_64: maxPfn,
    };
    const bytes = encodeStruct(subHeader, membersOf(this.#version), this.#target);
    this.#sink.write(bytes, this.#blockSize);
  }
}

const UINT_MAX = 0xffffffff;

/** Where the parts of the file lie. */
interface FileLayout {
  /** As in the options, where the version has them. */
  readonly notes: Uint8Array | undefined;
  readonly vmcoreinfo: Uint8Array | undefined;
  readonly subHeaderBlocks: number;
  readonly bitmapBlocks: number;
  readonly notesOffset: number;
  readonly vmcoreinfoOffset: number;
  readonly bitmapsOffset: number;
  readonly storedBitmapOffset: number;
  readonly descriptorsOffset: number;
  readonly dataOffset: number;
}

type PlanOptions = KdumpWriterOptions &
  Required<Pick<KdumpWriterOptions, 'target' | 'version' | 'blockSize'>>;

function planFile(options: PlanOptions): FileLayout {
  const { target, version, blockSize, maxPfn, bitmapCount = 2 } = options;
  const notes = version >= 4 ? options.notes : undefined;
  const vmcoreinfo = version >= 3 ? options.vmcoreinfo : undefined;
  const start = DISKDUMP_HEADER_BLOCKS * blockSize;
  const notesOffset = start + structSize(membersOf(version), target.abi);
  const notesEnd = notesOffset + (notes?.length ?? 0);
  const inNotes = vmcoreinfo && notes ? Buffer.from(notes).indexOf(vmcoreinfo) : -1;
  const vmcoreinfoOffset = inNotes >= 0 ? notesOffset + inNotes : notesEnd;
  const end = Math.max(notesEnd, vmcoreinfoOffset + (vmcoreinfo?.length ?? 0));
  const subHeaderBlocks = Math.ceil((end - start) / blockSize);
  const oneBitmapBlocks = Math.ceil(maxPfn / 8 / blockSize);
  const bitmapBlocks = oneBitmapBlocks * bitmapCount;
  const bitmapsOffset = start + subHeaderBlocks * blockSize;
  const descriptorsOffset = bitmapsOffset + bitmapBlocks * blockSize;
  return {
    notes,
    vmcoreinfo,
    subHeaderBlocks,
    bitmapBlocks,
    notesOffset,
    vmcoreinfoOffset,
    bitmapsOffset,
    storedBitmapOffset: descriptorsOffset - oneBitmapBlocks * blockSize,
    descriptorsOffset,
    dataOffset: descriptorsOffset + options.storedCountMax * PAGE_DESC_SIZE,
  };
}

const ZEROS = Buffer.alloc(BLOCK_SIZE_MAX);

function isZero(page: Uint8Array): boolean {
  return ZEROS.subarray(0, page.length).equals(page);
}
