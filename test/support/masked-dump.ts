// Copies of dumps that say less than these: lines of VMCOREINFO taken out, in the notes and
// wherever memory has the text, notes left out. A copy is an ELF dump of what is present.

import { writeFileSync } from 'node:fs';
import * as elf from '../../src/format/elf/constants.ts';
import type { ElfNote } from '../../src/format/elf/notes.ts';
import { writeElfVmcore, type ElfNoteSpec } from '../../src/format/elf/write.ts';
import type { PhysicalRange } from '../../src/memory/physical.ts';
import { openContainer } from '../../src/target/open-container.ts';
import type { ByteSource } from '../../src/util/io.ts';
import { BytesSink } from '../../src/util/io.ts';
import { Problems } from '../../src/util/problems.ts';

/** What a copy does not say. */
export interface Mask {
  /** Which lines of VMCOREINFO are taken out; `all` takes its note too. */
  readonly lines?: RegExp | 'all';
  /** Whether the notes of CPUs are left out. */
  readonly cpuNotes?: boolean;
  /** Changes what is left of memory. */
  readonly edit?: (memory: EditableMemory) => void;
}

/** Memory that a test damages. */
export interface EditableMemory {
  /** Bytes of one range; writing to them changes the copy. */
  bytesAt(paddr: number, length: number): Buffer;
}

/** Writes a copy of `source`, masked, to `path`. */
export async function writeMaskedDump(source: string, path: string, mask: Mask): Promise<void> {
  const container = await openContainer([source], { problems: new Problems() });
  try {
    const pieces = [...container.memory.presentRanges()].map((range) => {
      const bytes = Buffer.alloc(range.end - range.start);
      container.memory.readInto(bytes, range.start);
      return { ...range, bytes };
    });
    for (const { bytes } of pieces) maskTexts(bytes, mask.lines);
    mask.edit?.({ bytesAt: (paddr, length) => bytesAt(pieces, paddr, length) });
    const notes = container.notes.flatMap((note) => maskedNote(note, mask));
    if (container.vmcoreinfo !== undefined && mask.lines !== 'all') {
      const desc = Buffer.from(container.vmcoreinfo.bytes);
      maskTexts(desc, mask.lines);
      notes.push({ name: elf.NOTE_VMCOREINFO, type: 0, desc });
    }
    const sink = new BytesSink();
    const segments = pieces.map(({ start, bytes }) => ({ paddr: start, data: sourceOf(bytes) }));
    writeElfVmcore(sink, { notes, segments });
    writeFileSync(path, sink.bytes());
  } finally {
    container.close();
  }
}

/** The first line; what is a VMCOREINFO begins so. */
const FIRST_LINE = 'OSRELEASE=';

/** Takes lines out of every VMCOREINFO text, in place; what is left moves together. */
function maskTexts(bytes: Buffer, lines: Mask['lines']): void {
  if (lines === undefined) return;
  let at = bytes.indexOf(FIRST_LINE);
  for (; at >= 0; at = bytes.indexOf(FIRST_LINE, at + 1)) {
    let end = at;
    while (end < bytes.length && isText(bytes[end] as number)) end++;
    const text = bytes.toString('latin1', at, end);
    const kept = text.split('\n').filter((line) => lines !== 'all' && !lines.test(line));
    bytes.fill(0, at, end);
    bytes.write(kept.join('\n'), at, 'latin1');
  }
}

function isText(byte: number): boolean {
  return byte === 0x0a || (byte >= 0x20 && byte < 0x7f);
}

function maskedNote(note: ElfNote, { lines, cpuNotes = false }: Mask): ElfNoteSpec[] {
  const { name, type } = note;
  // It is written again, without the lines.
  if (name === elf.NOTE_VMCOREINFO) return [];
  const isCpu = (name === elf.NOTE_CORE && type === elf.NT_PRSTATUS) || name === elf.NOTE_QEMU;
  if (isCpu && cpuNotes) return [];
  const desc = Buffer.from(note.desc);
  maskTexts(desc, lines);
  return [{ name, type, desc }];
}

function bytesAt(
  pieces: readonly (PhysicalRange & { bytes: Buffer })[],
  paddr: number,
  length: number,
): Buffer {
  const piece = pieces.find(({ start, end }) => paddr >= start && paddr + length <= end);
  if (piece === undefined) throw new RangeError(`not in one range: ${paddr}, ${length} bytes`);
  return piece.bytes.subarray(paddr - piece.start, paddr - piece.start + length);
}

function sourceOf(bytes: Uint8Array): ByteSource {
  return {
    name: 'memory',
    size: bytes.length,
    readInto: (into, offset) => {
      const part = bytes.subarray(offset, offset + into.length);
      into.set(part);
      return part.length;
    },
  };
}
