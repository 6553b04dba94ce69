// Writes an ELF vmcore: for `pack`, the simulator, samples and tests.
//
//   0          ELF header
//   phoff      program headers: PT_NOTE if there are notes, then PT_LOADs as given
//              section 0, if there are more than 65534 program headers
//              notes
//   alignment  the bytes of each segment, each from a multiple of `alignment` on
//
// The bytes of a segment come from a ByteSource and pass through in blocks, so that a dump larger
// than memory can be written.

import { assert } from '../../util/assert.ts';
import { ByteWriter } from '../../util/byte-writer.ts';
import type { ByteSink, ByteSource } from '../../util/io.ts';
import * as elf from './constants.ts';

/** A PT_LOAD to write. */
export interface ElfSegmentSpec {
  /** Physical address; undefined is written as all ones, as /proc/kcore does. */
  readonly paddr: number | undefined;
  /** Virtual address; 0 if not given. */
  readonly vaddr?: bigint;
  /** The bytes that the file has of it; none if not given. */
  readonly data?: ByteSource;
  /** p_memsz; the size of `data` if not given. Bytes past `data` are excluded ones. */
  readonly memsz?: number;
  /** p_flags; PF_R | PF_W | PF_X if not given. */
  readonly flags?: number;
}

/** A note to write. */
export interface ElfNoteSpec {
  readonly name: string;
  readonly type: number;
  readonly desc: Uint8Array;
}

/** What an ELF vmcore consists of. */
export interface ElfVmcoreSpec {
  /** 64 if not given. */
  readonly elfClass?: 32 | 64;
  /** true if not given. */
  readonly littleEndian?: boolean;
  /** e_machine; EM_X86_64 if not given. */
  readonly machine?: number;
  /** e_flags; 0 if not given. */
  readonly flags?: number;
  /** Where the program headers go; right behind the ELF header if not given. */
  readonly phoff?: number;
  /** File offsets of segments are multiples of this; 4096 if not given. */
  readonly alignment?: number;
  readonly notes?: readonly ElfNoteSpec[];
  readonly segments: readonly ElfSegmentSpec[];
}

/** How much of a segment is in memory at a time. */
const COPY_SIZE = 1 << 20;

/** Writes the file and returns its size in bytes. */
export function writeElfVmcore(sink: ByteSink, spec: ElfVmcoreSpec): number {
  const plan = planFile(spec);
  const head = new ByteWriter({ littleEndian: spec.littleEndian ?? true });
  writeHeader(head, plan);
  head.padTo(plan.phoff);
  for (const header of plan.headers) writeProgramHeader(head, plan.elfClass, header);
  if (plan.isExtended) writeSectionZero(head, plan);
  head.bytes(plan.notes);
  sink.write(head.finish(), 0);
  plan.headers.forEach((header, index) => {
    const data = spec.segments[index - plan.firstLoad]?.data;
    if (data !== undefined) copy(data, sink, header.offset);
  });
  return plan.size;
}

/** Notes one after the other, as they stand in a PT_NOTE or behind a kdump sub-header. */
export function writeNotes(notes: readonly ElfNoteSpec[], littleEndian = true): Uint8Array {
  const writer = new ByteWriter({ littleEndian });
  for (const { name, type, desc } of notes) {
    writer.u32(name === '' ? 0 : name.length + 1);
    writer.u32(desc.length).u32(type);
    if (name !== '') writer.fixedString(name, name.length + 1).align(4);
    writer.bytes(desc).align(4);
  }
  return writer.finish();
}

/** Where everything goes. */
interface FilePlan {
  readonly spec: ElfVmcoreSpec;
  readonly elfClass: 32 | 64;
  readonly phoff: number;
  /** e_phnum does not hold the count; section 0 behind the table does. */
  readonly isExtended: boolean;
  readonly headers: readonly PlannedHeader[];
  /** Index of the first PT_LOAD among `headers`. */
  readonly firstLoad: number;
  readonly notes: Uint8Array;
  readonly shoff: number;
  readonly size: number;
}

interface PlannedHeader {
  readonly type: number;
  readonly flags: number;
  readonly offset: number;
  readonly vaddr: bigint;
  readonly paddr: number | undefined;
  readonly filesz: number;
  readonly memsz: number;
}

function planFile(spec: ElfVmcoreSpec): FilePlan {
  const elfClass = spec.elfClass ?? 64;
  const sizes = elfClass === 64 ? elf.ELF64_SIZES : elf.ELF32_SIZES;
  const notes = writeNotes(spec.notes ?? [], spec.littleEndian ?? true);
  const firstLoad = notes.length > 0 ? 1 : 0;
  const count = firstLoad + spec.segments.length;
  const isExtended = count >= elf.PN_XNUM;
  const phoff = spec.phoff ?? sizes.ehdr;
  assert(phoff >= sizes.ehdr, `e_phoff ${phoff} lies inside the ELF header`);
  const shoff = phoff + count * sizes.phdr;
  const noteAt = shoff + (isExtended ? sizes.shdr : 0);
  const headers: PlannedHeader[] = [];
  if (firstLoad === 1) headers.push(noteHeader(noteAt, notes.length));
  let size = noteAt + notes.length;
  for (const segment of spec.segments) {
    const header = loadHeader(segment, alignUp(size, spec.alignment ?? 4096));
    headers.push(header);
    if (header.filesz > 0) size = header.offset + header.filesz;
  }
  return { spec, elfClass, phoff, isExtended, headers, firstLoad, notes, shoff, size };
}

function noteHeader(offset: number, length: number): PlannedHeader {
  return {
    type: elf.PT_NOTE,
    flags: 0,
    offset,
    vaddr: 0n,
    paddr: 0,
    filesz: length,
    memsz: length,
  };
}

function loadHeader(segment: ElfSegmentSpec, offset: number): PlannedHeader {
  const filesz = segment.data?.size ?? 0;
  return {
    type: elf.PT_LOAD,
    flags: segment.flags ?? elf.PF_R | elf.PF_W | elf.PF_X,
    // makedumpfile writes 0 where no bytes are, since the offset means nothing then.
    offset: filesz > 0 ? offset : 0,
    vaddr: segment.vaddr ?? 0n,
    paddr: segment.paddr,
    filesz,
    memsz: segment.memsz ?? filesz,
  };
}

function writeHeader(writer: ByteWriter, plan: FilePlan): void {
  const { elfClass, spec } = plan;
  const sizes = elfClass === 64 ? elf.ELF64_SIZES : elf.ELF32_SIZES;
  const littleEndian = spec.littleEndian ?? true;
  writer.bytes(elf.ELFMAG);
  writer.u8(elfClass === 64 ? elf.ELFCLASS64 : elf.ELFCLASS32);
  writer.u8(littleEndian ? elf.ELFDATA2LSB : elf.ELFDATA2MSB);
  writer.u8(elf.EV_CURRENT).padTo(elf.EI_NIDENT);
  writer.u16(elf.ET_CORE);
  writer.u16(spec.machine ?? elf.EM_X86_64).u32(elf.EV_CURRENT);
  word(writer, elfClass, 0); // e_entry
  word(writer, elfClass, plan.phoff);
  word(writer, elfClass, plan.isExtended ? plan.shoff : 0);
  writer.u32(spec.flags ?? 0);
  writer.u16(sizes.ehdr).u16(sizes.phdr);
  writer.u16(plan.isExtended ? elf.PN_XNUM : plan.headers.length);
  writer.u16(plan.isExtended ? sizes.shdr : 0);
  writer.u16(plan.isExtended ? 1 : 0); // e_shnum
  writer.u16(elf.SHN_UNDEF); // e_shstrndx
}

function writeProgramHeader(writer: ByteWriter, elfClass: 32 | 64, header: PlannedHeader): void {
  const noPaddr = elfClass === 64 ? -1n : 0xffff_ffffn;
  writer.u32(header.type);
  if (elfClass === 64) writer.u32(header.flags);
  word(writer, elfClass, header.offset);
  word(writer, elfClass, header.vaddr);
  word(writer, elfClass, header.paddr ?? noPaddr);
  word(writer, elfClass, header.filesz);
  word(writer, elfClass, header.memsz);
  if (elfClass === 32) writer.u32(header.flags);
  word(writer, elfClass, 0); // p_align
}

/** Section 0 with the true count of program headers in sh_info. */
function writeSectionZero(writer: ByteWriter, plan: FilePlan): void {
  const { elfClass } = plan;
  writer.u32(0).u32(elf.SHT_NULL);
  word(writer, elfClass, 0); // sh_flags
  word(writer, elfClass, 0); // sh_addr
  word(writer, elfClass, 0); // sh_offset
  word(writer, elfClass, 1); // sh_size: the true e_shnum
  writer.u32(elf.SHN_UNDEF).u32(plan.headers.length);
  word(writer, elfClass, 0); // sh_addralign
  word(writer, elfClass, 0); // sh_entsize
}

/** A field of 32 or 64 bits. */
function word(writer: ByteWriter, elfClass: 32 | 64, value: bigint | number): void {
  if (elfClass === 64) {
    writer.u64(value);
    return;
  }
  assert(BigInt(value) < 1n << 32n, `0x${value.toString(16)} does not fit ELF32`);
  writer.u32(Number(value));
}

function copy(source: ByteSource, sink: ByteSink, offset: number): void {
  const block = new Uint8Array(Math.min(COPY_SIZE, source.size));
  for (let done = 0; done < source.size;) {
    const got = source.readInto(
      block.subarray(0, Math.min(block.length, source.size - done)),
      done,
    );
    assert(got > 0, `${source.name} ends at ${done} of ${source.size} bytes`);
    sink.write(block.subarray(0, got), offset + done);
    done += got;
  }
}

function alignUp(value: number, alignment: number): number {
  return Math.ceil(value / alignment) * alignment;
}
